"""The agents of a deployment, as files in their folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

from dragoman.adapter import NAME_PATTERN
from dragoman.agents.document import AgentDocument, agent_from
from dragoman.documents import SUFFIXES, read_document
from dragoman.errors import DocumentError, MessageError, Problem
from dragoman.settings import Settings

A = ParamSpec("A")
T = TypeVar("T")


class _Reading(Protocol):
    settings: Settings

    def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> Awaitable[T]: ...


class AgentList(NamedTuple):
    """The agents that there are, and by file the reason where one does not hold."""

    agents: list[AgentDocument]
    failures: dict[str, str]


class Agents:
    """The agents of a deployment, read from their folder each time: a change counts at once."""

    def __init__(self, engine: _Reading) -> None:
        self._engine = engine

    async def list(self) -> AgentList:
        """Return every agent, sorted by name; files that do not hold are beside them."""
        return await self._engine.run_blocking(self._list)

    async def get(self, name: str) -> AgentDocument:
        """Return an agent.

        Raises:
            MessageError: There is none of that name.
            DocumentError: Its document does not hold; every problem with its path.
        """
        return await self._engine.run_blocking(self._get, name)

    def _files(self) -> dict[str, Path]:
        folder = self._engine.settings.agents_folder
        if folder is None or not folder.is_dir():
            return {}
        return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}

    def _get(self, name: str) -> AgentDocument:
        files = self._files()
        if name not in files:
            known = ", ".join(files) or f"none; their folder is {self._engine.settings.agents_folder or 'not set'}"
            raise MessageError(f"there is no agent {name!r}", hint=f"there are: {known}")
        return _read(files[name])

    def _list(self) -> AgentList:
        agents, failures = [], {}
        for path in self._files().values():
            try:
                agents.append(_read(path))
            except DocumentError as error:
                failures[str(path)] = str(error)
        return AgentList(agents, failures)


def _read(path: Path) -> AgentDocument:
    document = read_document(path)
    subject = f"agent {path.stem}"
    if not NAME_PATTERN.match(path.stem) or document.get("name", path.stem) != path.stem:
        problem = Problem("name", "is not the file's name", "small letters, digits and . _ -; or leave it out")
        raise DocumentError(subject, [problem])
    return agent_from({"name": path.stem, **document}, subject)
