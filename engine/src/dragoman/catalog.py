"""Which adapters exist: those of plugins, those of the configuration folder, saved ones, and what failed beside them.

A catalogue is a snapshot. It holds sparse documents as they were written; :mod:`dragoman.resolve` makes them effective.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from dragoman.adapter import Inference, check_document, problems_of
from dragoman.documents import SUFFIXES, read_document
from dragoman.errors import AdapterNotFoundError, DocumentError, DragomanError, NameTakenError, PluginError, Problem
from dragoman.merge import Layer
from dragoman.plugins import Plugins
from dragoman.provider import PredefinedAdapter, SecretView
from dragoman.spelling import in_one_spelling, settings_in_one_spelling

#: How the origin of a plugin's predefined adapter begins, and of one that was saved at run time.
PREDEFINED_BY = "plugin "
SAVED_AS = "saved "
#: What the reason of a failure ends with where a file was good when it was read before.
KEPT = "; what it said before stays in use"


@dataclass(frozen=True, slots=True)
class Entry:
    """One adapter: its layers from low to high, each a sparse document with its origin.

    An adapter of the configuration folder that has the name of a plugin's predefined one lies over it, and one that
    was saved at run time over both: up to three layers.
    """

    name: str
    layers: tuple[Layer, ...]

    @property
    def source(self) -> str:
        """Where the adapter comes from, for a person."""
        return " over ".join(layer.origin for layer in reversed(self.layers))

    def around_base(self) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
        """Return the layers below the adapter's ``base`` and those above it: predefined ones lie below."""
        below = [layer for layer in self.layers[:-1] if layer.origin.startswith(PREDEFINED_BY)]
        return tuple(below), self.layers[len(below) :]

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
    """Something that should be an adapter or an inference configuration and is not, and why.

    ``kept``: what it was before, when it was good, stays in use.
    """

    where: str
    reason: str
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """Documents that were saved at run time, by name. A layer's origin begins with :data:`SAVED_AS`.

    ``documents`` are those of other kinds than adapters and inference configurations, by their kind: the catalogue has
    no part in them, and who reads the files of that kind reads these over them.
    """

    adapters: Mapping[str, Layer] = field(default_factory=dict)
    configurations: Mapping[str, Layer] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, Layer]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalog:
    """A snapshot of the adapters and the inference configurations, and of what failed to become one.

    ``connections`` holds, by provider, the layer that the settings put under every adapter of it; ``files`` what each
    good file said, as it was read; ``alias_failures`` are among the ``failures``. ``descriptions`` are those of
    inference configurations, by name.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    configurations: Mapping[str, Layer] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    by_alias: Mapping[str, str] = field(default_factory=dict)
    connections: Mapping[str, Layer] = field(default_factory=dict)
    files: Mapping[Path, Mapping[str, Any]] = field(default_factory=dict)
    alias_failures: tuple[Failure, ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)

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
        known = self.entries[name].layers if name in self.entries else ()
        below = [x for x in known if x.origin.startswith(PREDEFINED_BY)]
        above = [x for x in known if x.origin.startswith(SAVED_AS)]
        return replace(self, entries={**self.entries, name: Entry(name, (*below, layer, *above))})

    def with_saved(self, saved: Saved) -> Catalog:
        """Return the catalogue with these saved documents over it; one of them that does not hold is a failure."""
        entries, configurations, failures = dict(self.entries), dict(self.configurations), list(self.failures)
        descriptions = dict(self.descriptions)
        for name, layer in saved.adapters.items():
            try:
                written = _saved_adapter(name, layer)
            except DragomanError as error:
                failures.append(Failure(name, str(error)))
                continue
            known = entries[name].layers if name in entries else ()
            below = [x for x in known if not x.origin.startswith(SAVED_AS)]
            entries[name] = Entry(name, (*below, written))
        for name, layer in saved.configurations.items():
            try:
                written = configuration_layer(layer.document, f"inference configuration {name}, {layer.origin}")
            except DocumentError as error:
                failures.append(Failure(f"{layer.origin} of inference configuration {name}", _join(error.problems)))
            else:
                configurations[name] = written
                descriptions |= _description(name, layer.document)
        entries = {name: entries[name] for name in sorted(entries)}
        changed = replace(self, entries=entries, configurations=configurations, failures=tuple(failures))
        return _with_aliases(replace(changed, descriptions=descriptions))

    def with_adapters_saved(self, adapters: Mapping[str, Layer]) -> Catalog:
        """Return the catalogue with exactly these adapters saved; revisions that it has already are not read again."""
        tops = {name: entry.layers[-1].origin for name, entry in self.entries.items()}
        known = {name: origin for name, origin in tops.items() if origin.startswith(SAVED_AS)}
        kept = {name for name, layer in adapters.items() if known.get(name) == layer.origin}
        changed = {name: layer for name, layer in adapters.items() if name not in kept}
        return self.without_saved(known.keys() - kept).with_saved(Saved(changed))

    def without_saved(self, names: Collection[str]) -> Catalog:
        """Return the catalogue with these adapters as plugins and files alone have them; some are gone then."""
        entries = dict(self.entries)
        for name in names:
            entry = entries.pop(name)
            if layers := tuple(layer for layer in entry.layers if not layer.origin.startswith(SAVED_AS)):
                entries[name] = replace(entry, layers=layers)
        return _with_aliases(replace(self, entries={name: entries[name] for name in sorted(entries)}))

    def reverted(self, path: Path, document: Mapping[str, Any], reason: str) -> Catalog:
        """Return the catalogue with what a file said before in the place of what it says now, and why."""
        failure = Failure(str(path), reason + KEPT, kept=True)
        kept = replace(self, files={**self.files, path: document}, failures=(*self.failures, failure))
        now = self.files[path]
        origin = f"file {path}"
        name = str(now.get("name", path.stem))
        if name in self.entries and any(layer.origin == origin for layer in self.entries[name].layers):
            layers = tuple(Layer(origin, document) if x.origin == origin else x for x in self.entries[name].layers)
            return _with_aliases(replace(kept, entries={**self.entries, name: Entry(name, layers)}))
        before = configuration_layer(document, f"inference configuration {name}")
        descriptions = {**self.descriptions, **_description(name, document)}
        return replace(kept, configurations={**self.configurations, name: before}, descriptions=descriptions)

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

    def clashes(self, name: str) -> list[Problem]:
        """Return which names of an adapter another one answers to as well: an alias of both is used for neither."""
        own = self.entries[name]
        problems = []
        for other in self.entries.values():
            if other.name == name:
                continue
            taken = {other.name: "is the name of", **dict.fromkeys(other.aliases, "is an alias of")}
            problems += [
                Problem(member, f"{said!r} {taken[said]} adapter {other.name!r} already", "choose another one")
                for member, names in (("name", (name,)), ("aliases", own.aliases))
                for said in dict.fromkeys(names)
                if said in taken
            ]
        return problems

    def check_names(self, name: str, before: Catalog) -> None:
        """Refuse an adapter whose name or alias another one has; what both had ``before`` is no news.

        Raises:
            NameTakenError: The problems name the other one.
        """
        known = before.clashes(name) if name in before.entries else []
        if taken := [problem for problem in self.clashes(name) if problem not in known]:
            raise NameTakenError(f"adapter {name}", taken)

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
    *,
    previous: Catalog | None = None,
) -> Catalog:
    """Ask the plugins, read the folders, and return what works beside what does not. Blocks; run it off the loop.

    ``connections`` are the settings of that name; ``previous`` is the catalogue that was read before: a file that was
    good then and is bad now keeps what it said then.
    """
    gathering = _Gathering(previous.files if previous else {})
    gathering.take_connections(connections, plugins)
    gathering.ask_plugins(plugins, secrets)
    gathering.read_adapters(adapters_directory)
    gathering.read_configurations(inference_directory)
    return gathering.catalog()


class _Gathering:
    def __init__(self, good_before: Mapping[Path, Mapping[str, Any]]) -> None:
        self.good_before = good_before
        self.good: dict[Path, Mapping[str, Any]] = {}
        self.predefined: dict[str, Layer] = {}
        self.written: dict[str, Layer] = {}
        self.configurations: dict[str, Layer] = {}
        self.descriptions: dict[str, str] = {}
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
            for path, document in files:
                if len(files) == 1 or path in self.good_before:  # then it was the only one of this name
                    self._take_adapter(path, document)
            if len(files) > 1:
                self.failures.append(
                    Failure(name, f"is defined by several files; none is used: {_join(p for p, _ in files)}")
                )

    def _take_adapter(self, path: Path, document: dict[str, Any]) -> None:
        try:
            document = in_one_spelling(document, f"file {path}")
            check_document(document, f"file {path}")
        except DragomanError as error:
            before = self._before(path, str(document["name"]), str(error))
            if before is None:
                return
            document = before
        self.good[path] = document
        self.written[document["name"]] = Layer(f"file {path}", document)

    def read_configurations(self, directory: Path | None) -> None:
        for path, found in self._files(directory):
            document = found
            name = str(document.get("name", path.stem))
            try:
                layer = configuration_layer(document, f"inference configuration {name}")
            except DocumentError as error:
                before = self._before(path, str(path), _join(error.problems))
                if before is None:
                    continue
                document, name = before, str(before.get("name", path.stem))
                layer = configuration_layer(document, f"inference configuration {name}")
            self.good[path] = document
            self.configurations[name] = layer
            self.descriptions |= _description(name, document)

    def _before(self, path: Path, where: str, reason: str) -> dict[str, Any] | None:
        """Tell of a bad file, and return what it said when it was good; ``None`` where it never was."""
        before = self.good_before.get(path)
        kept = before is not None
        self.failures.append(Failure(where, reason + KEPT if kept else reason, kept))
        return None if before is None else dict(before)

    def catalog(self) -> Catalog:
        entries = {}
        for name in sorted({*self.predefined, *self.written}):
            layers = [found[name] for found in (self.predefined, self.written) if name in found]
            entries[name] = Entry(name, tuple(layers))
        return _with_aliases(
            Catalog(
                entries=entries,
                configurations=self.configurations,
                failures=tuple(self.failures),
                connections=self.connections,
                files=self.good,
                descriptions=self.descriptions,
            )
        )

    def _keep(self, into: dict[str, Layer], name: str, layer: Layer) -> None:
        try:
            document = in_one_spelling(layer.document, layer.origin)
            check_document(document, layer.origin)
        except DragomanError as error:
            self.failures.append(Failure(name, str(error)))
        else:
            into[name] = layer._replace(document=document)

    def _files(self, directory: Path | None) -> Iterable[tuple[Path, dict[str, Any]]]:
        if directory is None or not directory.is_dir():
            return
        for path in sorted(directory.iterdir()):
            if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
                continue
            try:
                yield path, read_document(path)
            except DocumentError as error:
                if (before := self._before(path, str(path), _join(error.problems))) is not None:
                    yield path, before


def _saved_adapter(name: str, layer: Layer) -> Layer:
    document = {**layer.document, "name": layer.document.get("name", name)}
    if document["name"] != name:
        raise DocumentError(f"adapter {name}, {layer.origin}", [Problem("name", f"is {document['name']!r}")])
    document = in_one_spelling(document, f"adapter {name}, {layer.origin}")
    check_document(document, f"adapter {name}, {layer.origin}")
    return layer._replace(document=document)


def configuration_layer(written: Mapping[str, Any], origin: str) -> Layer:
    """Return an inference configuration as a layer. Settings may be spelt ``topP`` as well; they become ``top_p``.

    Raises:
        DocumentError: It does not hold.
    """
    document = {name: value for name, value in written.items() if name != "name"}
    description = document.pop("description", None)
    if description is not None and not isinstance(description, str):
        raise DocumentError(origin, [Problem("description", "is no text")])
    document = settings_in_one_spelling(document, origin)
    if "configuration" in document:
        raise DocumentError(origin, [Problem("configuration", "cannot name another configuration")])
    try:
        Inference.model_validate(document)
    except ValidationError as error:
        raise DocumentError(origin, problems_of(error, document)) from None
    return Layer(origin, {"inference": document})


def _description(name: str, document: Mapping[str, Any]) -> dict[str, str]:
    described = document.get("description")
    return {name: described} if isinstance(described, str) else {}


def _with_aliases(catalog: Catalog) -> Catalog:
    """Return the catalogue with its aliases, and those that collide among the failures."""
    entries = catalog.entries
    owners: dict[str, list[str]] = {}
    for entry in entries.values():
        for alias in dict.fromkeys(entry.aliases):
            owners.setdefault(alias, []).append(entry.name)
    colliding = []
    for alias, names in owners.items():
        if alias in entries and names != [alias]:
            reason = f"of {_join(names)} is an adapter's own name; the name wins"
        elif len(names) > 1:
            reason = f"is claimed by {_join(names)}; it is not used"
        else:
            continue
        colliding.append(Failure(f"alias {alias}", reason))
    return replace(
        catalog,
        by_alias={alias: names[0] for alias, names in owners.items() if len(names) == 1 and alias not in entries},
        failures=(*(f for f in catalog.failures if f not in catalog.alias_failures), *colliding),
        alias_failures=tuple(colliding),
    )


def _join(items: Iterable[object]) -> str:
    return ", ".join(str(item) for item in items)
