"""The face of the catalogue: list, show, validate, save, and the JSON Schema of adapters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from dragoman.adapter import NAME_PATTERN, Adapter, check_document
from dragoman.catalog import SAVED_AS, Catalog, Entry, Failure, Saved
from dragoman.documents import write_document
from dragoman.errors import DocumentError, DragomanError, Problem
from dragoman.merge import Layer
from dragoman.plugins import Plugins
from dragoman.resolve import AdapterLike, Resolved, resolve
from dragoman.schema import adapter_schema
from dragoman.settings import Settings

A = ParamSpec("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AdapterSummary:
    """One row of a listing. ``problem`` says why an adapter that is there cannot be called; ``None``: it can."""

    name: str
    title: str | None
    provider: str | None
    model: str | None
    operation: str
    aliases: tuple[str, ...]
    source: str
    default: bool
    problem: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The adapters that there are, and what should be one and is not."""

    adapters: tuple[AdapterSummary, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class ConfigurationSummary:
    """An inference configuration: its settings in the one spelling that is printed, and where it comes from."""

    name: str
    description: str | None
    settings: Mapping[str, Any]
    source: str


@dataclass(frozen=True, slots=True)
class ConfigurationUse:
    """An adapter that uses an inference configuration from now on.

    ``path`` is its file, ``None`` where nothing was written; ``overruled`` are the settings of the configuration that
    the adapter itself, or what lies over it, says otherwise.
    """

    document: Mapping[str, Any]
    path: Path | None
    overruled: tuple[str, ...]


class _Resolving(Protocol):
    settings: Settings

    @property
    def plugins(self) -> Plugins: ...
    async def catalog(self) -> Catalog: ...
    async def reload(self) -> Catalog: ...
    async def resolve(
        self,
        adapter: AdapterLike | None,
        override: Mapping[str, Any] | None = None,
        inference: Mapping[str, Any] | None = None,
    ) -> Resolved: ...
    def run_blocking(self, function: Callable[A, T], *args: A.args, **kwargs: A.kwargs) -> Awaitable[T]: ...


class Adapters:
    """An engine's adapters."""

    def __init__(self, engine: _Resolving) -> None:
        self._engine = engine

    async def list(self) -> Listing:
        """Return every adapter, and beside them what failed to become one."""
        catalog = await self._engine.catalog()
        default = self._engine.settings.default_adapter
        rows = [await self._summary(entry, default) for entry in catalog.entries.values()]
        return Listing(tuple(rows), (*catalog.failures, *self._failed_plugins()))

    async def get(self, name: str) -> Entry:
        """Return an adapter as it was written, by name or alias."""
        return (await self._engine.catalog()).find(name)

    async def effective(self, adapter: AdapterLike | None, override: Mapping[str, Any] | None = None) -> Resolved:
        """Return what a call through the adapter would use, with the origin of every value."""
        return await self._engine.resolve(adapter, override)

    async def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of an adapter document, with what each installed provider adds."""
        plugins = await self._engine.run_blocking(lambda: self._engine.plugins)
        return adapter_schema(plugins.providers)

    async def save(self, document: Mapping[str, Any], *, force: bool = False) -> Path:
        """Write an adapter document into the configuration's folder and return the file.

        Args:
            document: A sparse document with a ``name``; it must resolve.
            force: Whether a file of that name may be replaced.

        Raises:
            DocumentError: The document does not hold, its name is taken, or there is no configuration folder.
        """
        name = document.get("name")
        subject = f"adapter {name or '(unnamed)'}"
        folder = self._engine.settings.adapters_folder
        if folder is None:
            hint = "create a dragoman.toml, or name one with --config"
            raise DocumentError(subject, [Problem("", "there is no configuration folder to save it in", hint)])
        if not isinstance(name, str) or not NAME_PATTERN.match(name):
            raise DocumentError(subject, [Problem("name", "is missing or not a plain name", "for example my-model")])
        catalog = await self._engine.catalog()
        resolve(catalog.with_written(Layer("document", document)), self._engine.plugins, name)
        taken = name in catalog.entries or any(
            (folder / f"{name}{s}").exists() for s in (".yaml", ".yml", ".json", ".toml")
        )
        if taken and not force:
            raise DocumentError(subject, [Problem("name", "is taken", "choose another one, or --force")])
        path = await self._engine.run_blocking(_write, folder, name, document)
        await self._engine.reload()
        return path

    async def try_saved(self, name: str, document: Mapping[str, Any]) -> Resolved:
        """Return what an adapter would become with this document saved at run time, and save nothing.

        Raises:
            NameTakenError: Its name or an alias is another adapter's already.
            DragomanError: It would not hold, or not resolve; every problem with its path.
        """
        subject = f"adapter {name}"
        if not NAME_PATTERN.match(name):
            raise DocumentError(subject, [Problem("name", "is not a plain name", "for example my-model")])
        if document.get("name", name) != name:
            raise DocumentError(subject, [Problem("name", f"is {document['name']!r}, and it is saved as {name!r}")])
        check_document(document, subject)
        catalog = await self._engine.catalog()
        draft = catalog.with_saved(Saved({name: Layer(f"{SAVED_AS}draft", document, trusted=False)}))
        draft.check_names(name, catalog)
        return resolve(draft, self._engine.plugins, name)

    async def configurations(self) -> tuple[ConfigurationSummary, ...]:
        """Return every inference configuration that holds, by name; the others are among the listing's failures."""
        catalog = await self._engine.catalog()
        return tuple(_configuration(catalog, name) for name in sorted(catalog.configurations))

    async def configuration(self, name: str) -> ConfigurationSummary:
        """Return an inference configuration; raise ``DocumentError`` with the names that there are, where it is not."""
        catalog = await self._engine.catalog()
        catalog.configuration(name)
        return _configuration(catalog, name)

    async def use_configuration(self, adapter: str, name: str, *, write: bool = True) -> ConfigurationUse:
        """Let an adapter use an inference configuration, in its file; what the adapter says itself stays over it.

        Args:
            adapter: A name or alias; one that is predefined gets a file that says nothing else.
            name: Of the configuration.
            write: ``False`` checks all of it and writes nothing.

        Raises:
            DocumentError: There is no such configuration, or the adapter does not hold with it: a setting that its
                provider does not know, or that is outside of its model's range.
        """
        catalog = await self._engine.catalog()
        settings = catalog.configuration(name).document["inference"]
        entry = catalog.find(adapter)
        written = next((layer.document for layer in entry.layers if layer.origin.startswith("file ")), {})
        inference = {**(written.get("inference") or {}), "configuration": name}
        document = {**({} if written else {"version": 1}), **written, "name": entry.name, "inference": inference}
        changed = catalog.with_written(Layer("document", document))
        effective = resolve(changed, self._engine.plugins, entry.name).document.get("inference", {})
        overruled = tuple(sorted(s for s, value in settings.items() if effective.get(s) != value))
        path = await self.save(document, force=True) if write else None
        return ConfigurationUse(document, path, overruled)

    async def _summary(self, entry: Entry, default: str | None) -> AdapterSummary:
        problem, resolved = None, None
        try:
            resolved = await self._engine.resolve(entry.name)
        except DragomanError as error:
            problem = str(error)
        shown: Mapping[str, Any] = resolved.document if resolved else entry.document
        return AdapterSummary(
            name=entry.name,
            title=shown.get("title"),
            provider=shown.get("provider"),
            model=shown.get("model"),
            operation=shown.get("operation") or "chat",
            aliases=entry.aliases,
            source=entry.source,
            default=default is not None and default in (entry.name, *entry.aliases),
            problem=problem,
        )

    def _failed_plugins(self) -> tuple[Failure, ...]:
        return tuple(Failure(f"plugin {failed.name}", failed.reason) for failed in self._engine.plugins.failed)


def _configuration(catalog: Catalog, name: str) -> ConfigurationSummary:
    layer = catalog.configurations[name]
    source = next((str(p) for p, d in catalog.files.items() if _names(p, d, layer, name)), layer.origin)
    return ConfigurationSummary(name, catalog.descriptions.get(name), layer.document["inference"], source)


def _names(path: Path, document: Mapping[str, Any], layer: Layer, name: str) -> bool:
    """Return whether a configuration was read from a file; adapters are files as well, and may have its name."""
    own = document.get("name", path.stem) == name and not {"provider", "base"} & set(document)
    return own and SAVED_AS not in layer.origin


def _write(folder: Path, name: str, document: Mapping[str, Any] | Adapter) -> Path:
    shown = document.as_document() if isinstance(document, Adapter) else dict(document)
    existing = [folder / f"{name}{suffix}" for suffix in (".yaml", ".yml", ".json", ".toml")]
    path = next((p for p in existing if p.exists()), existing[0])
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(write_document(shown, path.suffix), encoding="utf-8")
    unfinished.replace(path)
    return path
