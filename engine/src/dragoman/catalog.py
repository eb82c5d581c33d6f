"""Which adapters exist: those of plugins, those of the configuration folder, and what failed beside them.

A catalogue is a snapshot. It holds sparse documents as they were written; :mod:`dragoman.resolve` makes them effective.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from dragoman.adapter import Inference, check_document, problems_of
from dragoman.documents import SUFFIXES, read_document
from dragoman.errors import AdapterNotFoundError, DocumentError, DragomanError, PluginError, Problem
from dragoman.merge import Layer
from dragoman.plugins import Plugins
from dragoman.provider import PredefinedAdapter, SecretView

#: How the origin of a plugin's predefined adapter begins.
PREDEFINED_BY = "plugin "


@dataclass(frozen=True, slots=True)
class Entry:
    """One adapter: its layers from low to high, each a sparse document with its origin.

    An adapter of the configuration folder that has the name of a plugin's predefined one lies over it: two layers.
    """

    name: str
    layers: tuple[Layer, ...]

    @property
    def source(self) -> str:
        """Where the adapter comes from, for a person."""
        return " over ".join(layer.origin for layer in reversed(self.layers))

    @property
    def document(self) -> Mapping[str, Any]:
        """The topmost sparse document."""
        return self.layers[-1].document

    @property
    def aliases(self) -> tuple[str, ...]:
        """The other names it answers to."""
        return tuple(alias for layer in self.layers for alias in layer.document.get("aliases") or ())


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that should be an adapter or an inference configuration and is not, and why."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """A snapshot of the adapters and the inference configurations, and of what failed to become one.

    ``connections`` holds, by provider, the layer that the settings put under every adapter of it.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    configurations: Mapping[str, Layer] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    by_alias: Mapping[str, str] = field(default_factory=dict)
    connections: Mapping[str, Layer] = field(default_factory=dict)

    def find(self, name: str) -> Entry:
        """Return the adapter of that name or alias.

        Raises:
            AdapterNotFoundError: with the nearest names, and the reason where a file of that name failed.
        """
        entry = self.entries.get(name) or self.entries.get(self.by_alias.get(name, ""))
        if entry is None:
            raise AdapterNotFoundError(f"there is no adapter {name!r}", hint=self._advice(name))
        return entry

    def with_written(self, layer: Layer) -> Catalog:
        """Return the catalogue that there would be if this document were written into the folder."""
        name = layer.document["name"]
        known = self.entries.get(name)
        below = [x for x in known.layers if x.origin.startswith(PREDEFINED_BY)] if known else []
        return replace(self, entries={**self.entries, name: Entry(name, (*below, layer))})

    def configuration(self, name: str) -> Layer:
        """Return a named inference configuration, as a layer whose document has one member, ``inference``."""
        try:
            return self.configurations[name]
        except KeyError:
            known = ", ".join(sorted(self.configurations)) or "none"
            problem = Problem(
                "inference.configuration", f"there is no inference configuration {name!r}", f"there are: {known}"
            )
            raise DocumentError("inference configuration", [problem]) from None

    def _advice(self, name: str) -> str:
        failed = [f for f in self.failures if name in (f.where, Path(f.where).stem)]
        if failed:
            return f"it failed to load: {failed[0].reason}"
        near = difflib.get_close_matches(name, [*self.entries, *self.by_alias], n=3)
        return f"did you mean {' or '.join(near)}?" if near else "`dragoman adapters list` shows what there is"


def load_catalog(
    plugins: Plugins,
    secrets: SecretView,
    adapters_directory: Path | None,
    inference_directory: Path | None,
    connections: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Catalog:
    """Ask the plugins, read the folders, and return what works beside what does not. Blocks; run it off the loop.

    ``connections`` are the settings of that name.
    """
    gathering = _Gathering()
    gathering.take_connections(connections, plugins)
    gathering.ask_plugins(plugins, secrets)
    gathering.read_adapters(adapters_directory)
    gathering.read_configurations(inference_directory)
    return gathering.catalog()


class _Gathering:
    def __init__(self) -> None:
        self.predefined: dict[str, Layer] = {}
        self.written: dict[str, Layer] = {}
        self.configurations: dict[str, Layer] = {}
        self.connections: dict[str, Layer] = {}
        self.failures: list[Failure] = []

    def take_connections(self, connections: Mapping[str, Mapping[str, Any]], plugins: Plugins) -> None:
        for kind, connection in connections.items():
            origin = f"settings connections.{kind}"
            self.connections[kind] = Layer(origin, {"provider": kind, "connection": connection})
            try:
                plugins.provider(kind)
            except PluginError as error:
                self.failures.append(Failure(origin, str(error)))

    def ask_plugins(self, plugins: Plugins, secrets: SecretView) -> None:
        answers, failures = plugins.call_each("dragoman_adapters", secrets=secrets)
        distributions = {p.name: p.distribution for p in plugins.loaded}
        self.failures += [Failure(distributions[name], reason) for name, reason in failures.items()]
        offered = [(distributions[name], adapter) for name, adapters in answers.items() for adapter in adapters]
        counts = Counter(adapter.name for _, adapter in offered if isinstance(adapter, PredefinedAdapter))
        for distribution, adapter in offered:
            self._take_predefined(distribution, adapter, counts)

    def _take_predefined(self, distribution: str, adapter: Any, counts: Counter[str]) -> None:
        if not isinstance(adapter, PredefinedAdapter):
            self.failures.append(Failure(distribution, f"returned a {type(adapter).__name__} as an adapter"))
        elif counts[adapter.name] > 1:
            self.failures.append(Failure(adapter.name, "is predefined more than once; none of them is used"))
        elif adapter.problem is not None or adapter.document is None:
            self.failures.append(Failure(adapter.name, adapter.problem or "is predefined without a document"))
        else:
            document = {**adapter.document, "name": adapter.name}
            self._keep(self.predefined, adapter.name, Layer(f"{PREDEFINED_BY}{distribution}", document))

    def read_adapters(self, directory: Path | None) -> None:
        found: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
        for path, document in self._files(directory):
            name = document.setdefault("name", path.stem)
            found.setdefault(str(name), []).append((path, document))
        for name, files in found.items():
            if len(files) == 1:
                path, document = files[0]
                self._keep(self.written, name, Layer(f"file {path}", document))
            else:
                self.failures.append(
                    Failure(name, f"is defined by several files; none is used: {_join(p for p, _ in files)}")
                )

    def read_configurations(self, directory: Path | None) -> None:
        for path, document in self._files(directory):
            document.pop("description", None)
            name = document.pop("name", path.stem)
            try:
                if "configuration" in document:
                    raise DocumentError(str(path), [Problem("configuration", "cannot name another configuration")])
                Inference.model_validate(document)
            except DocumentError as error:
                self.failures.append(Failure(str(path), _join(error.problems)))
            except ValidationError as error:
                self.failures.append(Failure(str(path), _join(problems_of(error, document))))
            else:
                self.configurations[name] = Layer(f"inference configuration {name}", {"inference": document})

    def catalog(self) -> Catalog:
        entries = {}
        for name in sorted({*self.predefined, *self.written}):
            layers = [found[name] for found in (self.predefined, self.written) if name in found]
            entries[name] = Entry(name, tuple(layers))
        by_alias = self._aliases(entries)
        return Catalog(entries, self.configurations, tuple(self.failures), by_alias, self.connections)

    def _aliases(self, entries: Mapping[str, Entry]) -> dict[str, str]:
        owners: dict[str, list[str]] = {}
        for entry in entries.values():
            for alias in dict.fromkeys(entry.aliases):
                owners.setdefault(alias, []).append(entry.name)
        for alias, names in owners.items():
            if alias in entries and names != [alias]:
                self.failures.append(
                    Failure(f"alias {alias}", f"of {_join(names)} is an adapter's own name; the name wins")
                )
            elif len(names) > 1:
                self.failures.append(Failure(f"alias {alias}", f"is claimed by {_join(names)}; it is not used"))
        return {alias: names[0] for alias, names in owners.items() if len(names) == 1 and alias not in entries}

    def _keep(self, into: dict[str, Layer], name: str, layer: Layer) -> None:
        try:
            check_document(layer.document, layer.origin)
        except DragomanError as error:
            self.failures.append(Failure(name, str(error)))
        else:
            into[name] = layer

    def _files(self, directory: Path | None) -> Iterable[tuple[Path, dict[str, Any]]]:
        if directory is None or not directory.is_dir():
            return
        for path in sorted(directory.iterdir()):
            if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
                continue
            try:
                yield path, read_document(path)
            except DocumentError as error:
                self.failures.append(Failure(str(path), _join(error.problems)))


def _join(items: Iterable[object]) -> str:
    return ", ".join(str(item) for item in items)
