"""One run of the command: its global options, and the engine that it opens and closes.

A command, also one of a plugin, gets it as ``ctx.obj``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from dragoman.errors import DragomanError

if TYPE_CHECKING:
    import asyncio

    from dragoman.engine import Engine
    from dragoman.settings import Settings

T = TypeVar("T")


@dataclass(slots=True)
class Invocation:
    """The options that every command takes.

    Args:
        config: The file or folder of the settings; ``None`` searches for it.
        stage: Overrules the deployment's stage; ``None`` leaves it.
        debug: Whether errors come with their traceback, and the engine's log is shown.
    """

    config: str | None = None
    stage: str | None = None
    debug: bool = False
    _engine: Engine | None = field(default=None, repr=False)

    def settings(self, **flags: Any) -> Settings:
        """Read the deployment's settings; ``flags`` are a command's own, and win."""
        from dragoman.settings import Settings

        return Settings.load(self.config, stage=self.stage, **flags)

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Open an engine and an event loop, and close both at the end."""
        import asyncio

        from dragoman.cli.logs import show_logs
        from dragoman.engine import Engine

        show_logs(self.redact, self.debug)
        engine = self._engine = Engine(self.settings())
        with asyncio.Runner() as runner:
            try:
                yield Running(self, engine, runner)
            finally:
                runner.run(engine.aclose())

    def run(self, work: Callable[[Engine], Coroutine[Any, Any, T]]) -> T:
        """Run one piece of work with an engine of its own."""
        with self.running() as running:
            return running.run(work(running.engine))

    def redact(self, text: str) -> str:
        """Return the text without any secret value that the engine has read."""
        if self._engine is None:
            return text
        try:
            return self._engine.secrets.redact(text)
        except DragomanError:  # its sources cannot be set up, so it has read nothing
            return text


@dataclass(frozen=True, slots=True)
class Running:
    """An engine on its event loop. Between two pieces of work the loop rests, and so may wait for a person."""

    invocation: Invocation
    engine: Engine
    _runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run one piece of work; Ctrl-C cancels it and raises :class:`KeyboardInterrupt`."""
        return self._runner.run(work)
