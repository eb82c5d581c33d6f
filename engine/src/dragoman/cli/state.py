"""What the commands on the gateway's state share: opening it for one piece of work, and who they do it as."""

from __future__ import annotations

import datetime as dt
import getpass
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dragoman.cli.invocation import Invocation
from dragoman.errors import SettingsError

if TYPE_CHECKING:
    from dragoman.engine import Engine
    from dragoman.secrets import SecretStore
    from dragoman.server.state import State
    from dragoman.server.state.database import Database

T = TypeVar("T")

_SPAN = re.compile(r"(\d+)([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


def with_state(invocation: Invocation, work: Callable[[State], Coroutine[Any, Any, T]]) -> T:
    """Run one piece of work on the deployment's state, without the gateway's work in the background."""

    async def run(engine: Engine) -> T:
        with _missing_package_told():
            from dragoman.server.state import State
        async with await State.open(engine.settings, _secrets(engine), serve=False) as state:
            return await work(state)

    return invocation.run(run)


def with_database(invocation: Invocation, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    """Run one piece of work on the deployment's database, whatever its tables are like."""

    async def run(engine: Engine) -> T:
        with _missing_package_told():
            from dragoman.server.state.database import Database, locate_database
        opened = Database(await locate_database(engine.settings, _secrets(engine)))
        try:
            return await work(opened)
        finally:
            await opened.aclose()

    return invocation.run(run)


async def saved_adapters(engine: Engine) -> dict[str, Mapping[str, Any]]:
    """Return the documents that were saved through the gateway, by name; none where it has no database yet.

    Raises:
        StateError: The database cannot be reached.
    """
    try:
        from dragoman.server.state import State
        from dragoman.server.state.database import locate_database
        from dragoman.server.state.store import ADAPTER
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "dragoman":
            raise
        return {}  # without the gateway's packages nothing was saved by one here
    url = await locate_database(engine.settings, _secrets(engine))
    if url.get_backend_name() == "sqlite" and not await engine.run_blocking(Path(url.database or "").is_file):
        return {}
    async with await State.open(engine.settings, _secrets(engine), serve=False) as state:
        return {revision.name: revision.document for revision in await state.store.list(ADAPTER)}


def _secrets(engine: Engine) -> SecretStore | None:
    """Return the secrets where they are needed: to read them costs time."""
    return engine.secrets if engine.settings.store.url_secret else None


@contextmanager
def _missing_package_told() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "dragoman":
            raise
        hint = "pip install 'dragoman[server]', which the gateway needs"
        raise SettingsError(f"{error.name} is not installed", hint=hint) from None


def whoever_runs_this() -> str:
    """Return what the audit log calls the person at the command line."""
    try:
        return f"{getpass.getuser()} at the command line"
    except (KeyError, OSError):  # a container's user without a name
        return "command line"


def when(*, ahead: bool = False) -> Callable[[click.Context, click.Parameter, str | None], dt.datetime | None]:
    """Return how an option reads a day, a moment, or a span of time; UTC where no time zone is given.

    Args:
        ahead: Whether a span leads into the future instead of the past.
    """

    def read(ctx: click.Context, parameter: click.Parameter, text: str | None) -> dt.datetime | None:
        if text is None:
            return None
        try:
            if span := _SPAN.fullmatch(text):
                distance = dt.timedelta(hours=int(span[1]) * _HOURS[span[2]])
                return dt.datetime.now(dt.UTC) + (distance if ahead else -distance)
            moment = dt.datetime.fromisoformat(text)
        except (ValueError, OverflowError):
            what = f"{text!r} is no time; write 2026-11-28, 2026-11-28T08:00, 12h, 30d or 4w"
            raise click.BadParameter(what, ctx, parameter) from None
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)

    return read
