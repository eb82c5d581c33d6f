"""One call of the engine for one question, shown by a printer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dragoman.cli.answers import Printer
from dragoman.events import Response, replay

if TYPE_CHECKING:
    from dragoman.calls import ChatStream
    from dragoman.cli.questions import Question
    from dragoman.engine import DryRun, Engine


@dataclass(slots=True)
class Call:
    """How questions are asked.

    Args:
        adapter: A name or a document; ``None`` is the default adapter.
        override: The patch of the command line.
        stream: Whether the answer comes in pieces.
    """

    adapter: str | Mapping[str, Any] | None
    override: Mapping[str, Any]
    stream: bool
    _stream: ChatStream | None = field(default=None, repr=False)

    @property
    def so_far(self) -> Response | None:
        """What has come of the answer in progress, or of the last one; ``None`` before anything has."""
        return self._stream.response if self._stream else None

    async def ask(self, engine: Engine, question: Question, printer: Printer) -> Response:
        """Ask, show the answer as it comes, and return it."""
        self._stream = None
        model = (await engine.resolve(self.adapter, self.override)).target.model

        def named(response: Response) -> Response:
            return replace(response, model=response.model or model)

        if self.stream:
            async with engine.stream(self.adapter, question.messages, **self._rest(question)) as stream:
                self._stream = stream
                async for event in stream:
                    printer.feed(event)
                response = named(stream.response)
        else:
            response = named(await engine.chat(self.adapter, question.messages, **self._rest(question)))
            for event in replay(response):
                printer.feed(event)
        printer.end(response)
        return response

    async def preview(self, engine: Engine, question: Question) -> DryRun:
        """Return the request that :meth:`ask` would send."""
        return await engine.dry_run(self.adapter, question.messages, stream=self.stream, **self._rest(question))

    def _rest(self, question: Question) -> dict[str, Any]:
        return {"tools": question.tools, "tool_choice": question.tool_choice, "override": self.override}
