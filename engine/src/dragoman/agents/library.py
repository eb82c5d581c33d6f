"""The agents of a deployment: documents of their folder, and saved ones over them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, ParamSpec, Protocol, TypeVar

from dragoman.agents.document import AgentDocument, agent_from
from dragoman.catalog import Saved
from dragoman.documents import SUFFIXES, read_document
from dragoman.errors import DocumentError, DocumentNotFoundError
from dragoman.merge import Layer
from dragoman.settings import Settings

A = ParamSpec("A")
T = TypeVar("T")

#: The kind of saved documents.
AGENT = "agent"

#: Whose a document is: a file, or the embedding program's own; saved at run time; or brought by a caller with a call.
Whose = Literal["deployment", "saved", "caller"]


class _Reading(Protocol):
    settings: Settings

    @property
    def saved(self) -> Saved: ...
    def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> Awaitable[T]: ...


class AgentList(NamedTuple):
    """The agents that there are, and by file or name the reason where one does not hold."""

    agents: list[AgentDocument]
    failures: dict[str, str]


class FoundAgent(NamedTuple):
    """An agent, and where it comes from: ``file …``, or ``saved revision 3 by alice``."""

    document: AgentDocument
    origin: str

    @property
    def whose(self) -> Whose:
        """Whose document it is."""
        return "deployment" if self.origin.startswith("file ") else "saved"


@dataclass(frozen=True, slots=True)
class _Source:
    origin: str
    read: Callable[[], Mapping[str, Any]]


class Agents:
    """The agents of a deployment; files are read each time: a change counts at once."""

    def __init__(self, engine: _Reading) -> None:
        self._engine = engine

    async def list(self) -> AgentList:
        """Return every agent, sorted by name; what does not hold is beside them."""
        return await self._engine.run_blocking(self._list)

    async def names(self) -> frozenset[str]:
        """Return the names of all agents, also of those that do not hold."""
        return frozenset(await self._engine.run_blocking(self._sources))

    async def get(self, name: str) -> AgentDocument:
        """Return an agent.

        Raises:
            DocumentNotFoundError: There is none of that name.
            DocumentError: Its document does not hold; every problem with its path.
        """
        return (await self.find(name)).document

    async def find(self, name: str) -> FoundAgent:
        """Return an agent with where it comes from; raises as :meth:`get`."""
        return await self._engine.run_blocking(self._find, name)

    def _sources(self) -> dict[str, _Source]:
        folder = self._engine.settings.agents_folder
        sources = {path.stem: _Source(f"file {path}", partial(read_document, path)) for path in _documents(folder)}
        for name, layer in self._engine.saved.documents.get(AGENT, {}).items():
            sources[name] = _Source(layer.origin, partial(_document_of, layer))
        return dict(sorted(sources.items()))

    def _find(self, name: str) -> FoundAgent:
        sources = self._sources()
        if name not in sources:
            known = ", ".join(sources) or f"none; their folder is {self._engine.settings.agents_folder or 'not set'}"
            raise DocumentNotFoundError(f"there is no agent {name!r}", hint=f"there are: {known}")
        return FoundAgent(agent_from(sources[name].read(), name), sources[name].origin)

    def _list(self) -> AgentList:
        agents, failures = [], {}
        for name, source in self._sources().items():
            try:
                agents.append(agent_from(source.read(), name))
            except DocumentError as error:
                failures[source.origin.removeprefix("file ")] = str(error)
        return AgentList(agents, failures)


def _document_of(layer: Layer) -> Mapping[str, Any]:
    return layer.document


def _documents(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
