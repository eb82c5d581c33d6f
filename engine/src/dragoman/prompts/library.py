"""The prompts of a deployment: documents of their folder, saved ones over them, and published versions of both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

from pydantic import BaseModel

from dragoman.adapter import digest
from dragoman.catalog import Saved
from dragoman.documents import SUFFIXES, read_document, write_document
from dragoman.errors import DocumentError, DocumentNotFoundError, Problem
from dragoman.merge import Layer
from dragoman.prompts.document import Prompt, VersionLike, prompt_from
from dragoman.prompts.version import Version, new_version, version_from
from dragoman.settings import Settings

A = ParamSpec("A")
T = TypeVar("T")

#: The kinds of saved documents: a prompt under its name, a version of it under ``NAME@3``, written once.
PROMPT = "prompt"
PROMPT_VERSION = "prompt-version"

#: What follows a prompt's name in that of the folder of its versions.
VERSIONS_SUFFIX = ".versions"


class _Reading(Protocol):
    settings: Settings

    @property
    def saved(self) -> Saved: ...
    def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> Awaitable[T]: ...


class PromptList(BaseModel):
    """The prompts that there are, what versions each has, and by file or name the reason where one does not hold."""

    prompts: list[Prompt]
    versions: dict[str, list[int]] = {}
    failures: dict[str, str]


class VersionList(NamedTuple):
    """The versions of a prompt, oldest first, and by number the reason where one does not hold."""

    versions: tuple[Version, ...]
    failures: Mapping[int, str]

    @property
    def numbers(self) -> list[int]:
        """Every number that was given, also of those that do not hold."""
        return sorted([*(version.version for version in self.versions), *self.failures])


class Published(NamedTuple):
    """A version, and whether it is a new one; else it is the one that says the same as the draft."""

    version: Version
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a prompt's draft comes from: a file, or what was saved over it."""

    origin: str
    read: Callable[[], Mapping[str, Any]]


class Prompts:
    """The prompts of a deployment; files are read each time: a change counts at once."""

    def __init__(self, engine: _Reading) -> None:
        self._engine = engine

    async def list(self) -> PromptList:
        """Return every prompt as its draft says it, sorted by name; what does not hold is beside them."""
        return await self._engine.run_blocking(self._list)

    async def names(self) -> frozenset[str]:
        """Return the names of all prompts, also of those that do not hold."""
        return frozenset(await self._engine.run_blocking(self._sources))

    async def get(self, name: str, version: VersionLike | None = None) -> Prompt:
        """Return a prompt.

        Args:
            name: The prompt's.
            version: Its number, ``draft`` for what its document says now, ``latest`` for the newest number; ``None`` =
                what the document's ``default_version`` says, and that is ``draft`` unless it says otherwise.

        Raises:
            DocumentNotFoundError: There is none of that name, or no such version.
            DocumentError: Its document does not hold; every problem with its path.
        """
        return await self._engine.run_blocking(self._get, name, version)

    async def origin(self, name: str) -> str:
        """Return where a prompt's draft comes from: ``file …``, or ``saved revision 3 by alice``; raises as `get`."""
        return (await self._engine.run_blocking(self._source, name)).origin

    async def versions(self, name: str) -> VersionList:
        """Return the published versions of a prompt; raises as :meth:`get` where there is no such prompt."""
        await self._engine.run_blocking(self._source, name)
        return await self._engine.run_blocking(self._versions, name)

    async def next_version(self, name: str, *, by: str | None = None, description: str | None = None) -> Published:
        """Return what publishing the draft would make, and write nothing; the arguments are :meth:`publish`'s."""
        return await self._engine.run_blocking(self._next_version, name, by, description)

    async def publish(self, name: str, *, by: str | None = None, description: str | None = None) -> Published:
        """Write the draft as the next version beside its file, for good.

        A draft that says what a version says already makes no new one.

        Args:
            name: The prompt's.
            by: Who publishes it.
            description: What is new, in their words.

        Raises:
            DocumentNotFoundError: There is no such prompt.
            DocumentError: The draft does not hold, or is no file: the gateway publishes what was saved there.
        """
        return await self._engine.run_blocking(self._publish, name, by, description)

    # --- drafts --------------------------------------------------------------------------------------------------

    def _files(self) -> dict[str, Path]:
        folder = self._engine.settings.prompts_folder
        return {} if folder is None else {path.stem: path for path in _documents(folder)}

    def _sources(self) -> dict[str, _Source]:
        files = {name: _Source(f"file {path}", partial(read_document, path)) for name, path in self._files().items()}
        saved = {
            name: _Source(layer.origin, partial(_document_of, layer))
            for name, layer in self._engine.saved.documents.get(PROMPT, {}).items()
        }
        return dict(sorted({**files, **saved}.items()))

    def _source(self, name: str) -> _Source:
        sources = self._sources()
        if name not in sources:
            known = ", ".join(sources) or f"none; their folder is {self._engine.settings.prompts_folder or 'not set'}"
            raise DocumentNotFoundError(f"there is no prompt {name!r}", hint=f"there are: {known}")
        return sources[name]

    def _draft(self, name: str) -> Prompt:
        return prompt_from(self._source(name).read(), name)

    def _get(self, name: str, version: VersionLike | None) -> Prompt:
        draft = self._draft(name)
        wanted = draft.default_version if version is None else version
        return draft if wanted == "draft" else self._version(name, wanted).opened(name)

    def _list(self) -> PromptList:
        prompts, versions, failures = [], {}, {}
        for name, source in self._sources().items():
            try:
                prompts.append(prompt_from(source.read(), name))
            except DocumentError as error:
                failures[source.origin.removeprefix("file ")] = str(error)
                continue
            found = self._versions(name)
            versions[name] = found.numbers
            failures |= {f"{name}@{number}": reason for number, reason in found.failures.items()}
        return PromptList(prompts=prompts, versions=versions, failures=failures)

    # --- versions ------------------------------------------------------------------------------------------------

    def _version(self, name: str, wanted: VersionLike) -> Version:
        found = self._versions(name)
        number = max(found.numbers, default=0) if wanted == "latest" else wanted
        for version in found.versions:
            if version.version == number:
                return version
        if isinstance(number, int) and number in found.failures:
            raise DocumentError(f"prompt {name}", [Problem("version", found.failures[number])])
        known = ", ".join(("draft", *map(str, found.numbers)))
        raise DocumentNotFoundError(f"the prompt {name} has no version {wanted!r}", hint=f"there are: {known}")

    def _versions(self, name: str) -> VersionList:
        good: dict[int, Version] = {}
        failures: dict[int, str] = {}
        for number, read in (*self._files_of(name), *self._saved_of(name)):
            try:
                version = version_from(read(), name, number)
            except DocumentError as error:
                failures[number] = str(error)
                continue
            if good.setdefault(number, version).digest != version.digest:
                failures[number] = f"version {number} of prompt {name} is not the same as a file and as it was saved"
        kept = tuple(good[number] for number in sorted(good) if number not in failures)
        return VersionList(kept, dict(sorted(failures.items())))

    def _files_of(self, name: str) -> Iterable[tuple[int, Callable[[], Mapping[str, Any]]]]:
        folder = self._engine.settings.prompts_folder
        for path in _documents(folder / f"{name}{VERSIONS_SUFFIX}") if folder else ():
            if path.stem.isdecimal():
                yield int(path.stem), partial(read_document, path)

    def _saved_of(self, name: str) -> Iterable[tuple[int, Callable[[], Mapping[str, Any]]]]:
        for saved_as, layer in self._engine.saved.documents.get(PROMPT_VERSION, {}).items():
            prompt, _, number = saved_as.rpartition("@")
            if prompt == name and number.isdecimal():
                yield int(number), partial(_document_of, layer)

    def _next_version(self, name: str, by: str | None, description: str | None) -> Published:
        draft, found = self._draft(name), self._versions(name)
        content = digest(draft.content())
        for version in reversed(found.versions):
            if version.digest == content:
                return Published(version, is_new=False)
        number = max(found.numbers, default=0) + 1
        return Published(new_version(draft, number, by=by, description=description), is_new=True)

    def _publish(self, name: str, by: str | None, description: str | None) -> Published:
        files, source = self._files(), self._source(name)
        if name not in files or not source.origin.startswith("file "):
            problem = Problem(
                "", f"is no file but {source.origin}", "publish it where it was saved, through the gateway"
            )
            raise DocumentError(f"prompt {name}", [problem])
        published = self._next_version(name, by, description)
        if published.is_new:
            folder = files[name].with_name(f"{name}{VERSIONS_SUFFIX}")
            _write_once(folder / f"{published.version.version}.yaml", published.version.as_document())
        return published


def _document_of(layer: Layer) -> Mapping[str, Any]:
    return layer.document


def _documents(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.name[0] != "."]


def _write_once(path: Path, document: Mapping[str, Any]) -> None:
    text = write_document(document, path.suffix)
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        problem = Problem("", "is there already", "somebody was faster: try again")
        raise DocumentError(str(path), [problem]) from None
    except OSError as error:
        raise DocumentError(str(path), [Problem("", f"cannot be written: {error.strerror}")]) from None
