"""From a name or a document to everything that a call needs: layers, merge, upstream, rules, validation.

The order of layers, later wins: the provider's rules for the base model < the settings' connection of the provider <
predefined document < base chain < adapter < upstream's patch < override < the call's own parameters. Each layer's
inference configuration is expanded underneath the layer itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from dragoman.adapter import (
    IDENTITY_MEMBERS,
    Adapter,
    ExclusiveRule,
    ForbidRule,
    InferenceSettings,
    PayloadMapping,
    RangeRule,
    Rule,
    check_document,
    digest,
    problems_of,
)
from dragoman.catalog import Catalog, Entry
from dragoman.errors import DocumentError, PluginError, Problem
from dragoman.events import Report
from dragoman.langchain_driver import LESS_IS_PROMISED
from dragoman.merge import Layer, Merged, Path, dotted, leaves, merge, value_at
from dragoman.plugins import Plugins
from dragoman.provider import DEPLOYMENT_ONLY, CallSettings, ProviderDescription, Shown, Target
from dragoman.spelling import in_one_spelling

#: The members of a document that decide where its calls go.
TARGET_MEMBERS = (
    "provider", "model", "base_model", "operation", "connection", "credentials", "mapping", "prompt", "runtime",
)  # fmt: skip

#: What API callers may put into one change, in values: each of them is merged, compared and judged.
MAX_CALLERS_VALUES = 2000

AdapterLike = str | Mapping[str, Any] | Adapter


@dataclass(frozen=True, slots=True)
class Resolved:
    """An adapter, ready to be called.

    Args:
        adapter: The effective document as a model.
        document: The effective document in its JSON form: no ``null``, no ``base``, no ``upstreams``.
        origins: For each leaf of the document, where its value comes from; the path is dotted.
        digest: The document's fingerprint.
        description: The provider's description.
        target: What a session is opened for; ``target_key`` is the fingerprint of it.
        settings: What goes with each call.
        untrusted: The dotted paths in ``connection`` whose values an API caller gave; with any, the addresses of
            this target are checked before they are called.
        upstream: The id of the upstream taken; ``None`` where the document names none.
        reports: What the caller should know: the upstream taken, settings left out by a rule.
    """

    adapter: Adapter
    document: dict[str, Any]
    origins: dict[str, str]
    digest: str
    description: ProviderDescription
    target: Target
    target_key: str
    settings: CallSettings[Any]
    upstream: str | None
    reports: tuple[Report, ...]
    untrusted: tuple[str, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether the deployment alone decides where calls go."""
        return not self.untrusted

    @property
    def name(self) -> str | None:
        """The adapter's name; ``None`` for a document that has none."""
        return self.adapter.name

    @property
    def notes(self) -> tuple[Report, ...]:
        """The reports, and what holds for every call and is therefore said with the adapter, not with each answer."""
        return (*self.reports, LESS_IS_PROMISED) if self.adapter.runtime == "langchain" else self.reports


def resolve(
    catalog: Catalog,
    plugins: Plugins,
    adapter: AdapterLike,
    override: Mapping[str, Any] | None = None,
    inference: Mapping[str, Any] | None = None,
    *,
    trusted: bool = True,
) -> Resolved:
    """Make an adapter effective.

    Args:
        catalog: Where names, bases and inference configurations are looked up.
        plugins: Where the provider is looked up.
        adapter: A name or alias, or a whole document, saved nowhere.
        override: One more layer.
        inference: The call's own inference settings, the topmost layer.
        trusted: Whose the override, and the adapter where it is a document, are: true for the deployment's and a local
            program's own; false for those of an API caller.

    Raises:
        AdapterNotFoundError: No adapter has that name, or a base's name.
        DocumentError: A layer or the result does not hold; every problem with its path.
        PluginError: No plugin brings the provider.
    """
    subject, layers = _layers_of(catalog, adapter, override, trusted=trusted)
    above = _layers_above(override, inference, trusted=trusted)
    expanded = [part for layer in layers for part in _expand(catalog, layer)]
    expanded_above = [part for layer in above for part in _expand(catalog, layer)]
    before = merge(_over_settings(catalog, [*expanded, *expanded_above]))
    untrusted_origins = {layer.origin for layer in (*layers, *above) if not layer.trusted}
    upstream, patches, reports = _choose_upstream(catalog, before, untrusted_origins)
    untrusted_origins |= {layer.origin for layer in patches if not layer.trusted}
    whole = [*expanded, *patches, *expanded_above]
    merged = merge(_over_settings(catalog, whole)) if patches else before
    if rules := _model_rules(plugins, merged.document):
        merged = merge([rules, *_over_settings(catalog, whole)])
    for member in ("base", "upstreams"):
        merged.remove((member,))
    reports += _apply_rules(subject, merged)
    untrusted = [path for path in _paths_from(untrusted_origins, merged, ("connection",)) if path[1:]]  # not: emptied
    return _finish(plugins, subject, merged, untrusted, upstream=upstream, reports=reports)


def _paths_from(origins: set[str], merged: Merged, below: Path) -> list[Path]:
    """Return the leaves at or below a path whose values come from there."""
    return [path for path, origin in merged.origins.items() if origin in origins and path[: len(below)] == below]


# --- what a change changes ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expanded:
    """Documents with bases, configurations and upstreams expanded, before rules act: what a policy compares.

    Args:
        written: The merged document, ``base`` and ``upstreams`` still in it.
        effective: What a call would use, by the upstream it would take; ``None`` where the document names none.
        bases: The adapters that it builds on, the nearest first.
    """

    written: Mapping[str, Any]
    effective: Mapping[str | None, Mapping[str, Any]]
    bases: tuple[str, ...]


#: What there is where there is no adapter.
NOTHING = Expanded({}, {None: {}}, ())


def expand_both(
    catalog: Catalog,
    plugins: Plugins,
    adapter: AdapterLike,
    override: Mapping[str, Any] | None = None,
    inference: Mapping[str, Any] | None = None,
) -> tuple[Expanded, Expanded]:
    """Return an adapter without and with what its caller adds; a whole document is all the caller's, but its base.

    Raises:
        AdapterNotFoundError, DocumentError: as in :func:`resolve`.
    """
    _, layers = _layers_of(catalog, adapter, override, trusted=False)
    above = _layers_above(override, inference, trusted=False)
    if isinstance(adapter, str):
        own = _layers_of(catalog, adapter, None, trusted=False)[1]
    else:
        document = adapter.as_document() if isinstance(adapter, Adapter) else adapter
        base = document.get("base")
        own = _base_layers(catalog, base, ["(unsaved)"]) if base else []
    return _expanded(catalog, plugins, own, []), _expanded(catalog, plugins, layers, above)


def expand_named(catalog: Catalog, plugins: Plugins, name: str) -> Expanded:
    """Return one adapter as it stands in a catalogue; raises as :func:`resolve` does."""
    return _expanded(catalog, plugins, _layers_of(catalog, name, None, trusted=False)[1], [])


def _expanded(catalog: Catalog, plugins: Plugins, layers: list[Layer], above: list[Layer]) -> Expanded:
    below = [part for layer in layers for part in _expand(catalog, layer)]
    upper = [part for layer in above for part in _expand(catalog, layer)]
    written = merge(_over_settings(catalog, [*below, *upper])).document
    effective: dict[str | None, Mapping[str, Any]] = {}
    for name, patch in (written.get("upstreams") or {None: {}}).items():
        patches = [] if name is None else _expand(catalog, _upstream_layer(name, patch, trusted=False))
        whole = _over_settings(catalog, [*below, *patches, *upper])
        document = merge(whole).document
        rules = _model_rules(plugins, document)
        effective[name] = merge([rules, *whole]).document if rules else document
    return Expanded(written, effective, _chain(catalog, [*layers, *above]))


def _chain(catalog: Catalog, layers: Sequence[Layer]) -> tuple[str, ...]:
    names: list[str] = []
    base = _base_of(layers)
    while base and (entry := catalog.find(base)).name not in names:
        names.append(entry.name)
        base = _base_of(entry.layers)
    return tuple(names)


# --- layers ------------------------------------------------------------------------------------------------------


def _layers_above(
    override: Mapping[str, Any] | None, inference: Mapping[str, Any] | None, *, trusted: bool
) -> list[Layer]:
    above = [
        Layer("override", override or {}, trusted),
        Layer("call", {"inference": inference} if inference else {}, trusted),
    ]
    for layer in above:
        _check_size(layer, layer.origin)
        check_document(layer.document, layer.origin)
    return above


def _check_size(layer: Layer, subject: str) -> None:
    """Refuse a caller's change that is too much work for everybody else; a schema of answers is not looked into."""
    if layer.trusted:
        return
    left, values = MAX_CALLERS_VALUES, [layer.document]
    while values and left >= 0:
        value: Any = values.pop()
        if isinstance(value, Mapping | list | tuple):
            left -= len(value)
            named = value.items() if isinstance(value, Mapping) else enumerate(value)
            values += [inner for name, inner in named if name != "response_format"] if left >= 0 else []
    if left < 0:
        raise DocumentError(
            subject, [Problem("", f"holds more than {MAX_CALLERS_VALUES} values, which callers may not")]
        )


def _layers_of(
    catalog: Catalog, adapter: AdapterLike, override: Mapping[str, Any] | None, *, trusted: bool
) -> tuple[str, list[Layer]]:
    if isinstance(adapter, str):
        entry = catalog.find(adapter)
        subject = f"adapter {entry.name}"
    else:
        document = adapter.as_document() if isinstance(adapter, Adapter) else adapter
        subject = f"adapter {document.get('name') or '(unsaved)'}"
        _check_size(Layer(subject, document, trusted), subject)
        check_document(document, subject)
        entry = Entry(document.get("name") or "(unsaved)", (Layer("document", document, trusted),))
    base = override["base"] if override and "base" in override else _base_of(entry.layers)
    bases = _base_layers(catalog, base, [entry.name]) if base else []
    below, above = entry.around_base()
    return subject, [*below, *bases, *above]


def _base_layers(catalog: Catalog, name: str, seen: list[str]) -> list[Layer]:
    entry = catalog.find(name)
    chain = [*seen, entry.name]
    if entry.name in seen:
        raise DocumentError(
            f"adapter {seen[0]}",
            [Problem("base", f"is a cycle: {' -> '.join(chain)}", "let one of them stand without a base")],
        )
    base = _base_of(entry.layers)
    bases = _base_layers(catalog, base, chain) if base else []
    below, above = (
        [_nameless(layer._replace(origin=f"base {entry.name} ({layer.origin})")) for layer in layers]
        for layers in entry.around_base()
    )
    return [*below, *bases, *above]


def _base_of(layers: Sequence[Layer]) -> str | None:
    base: str | None = next((x.document["base"] for x in reversed(layers) if "base" in x.document), None)
    return base


def _nameless(layer: Layer) -> Layer:
    return layer._replace(document={k: v for k, v in layer.document.items() if k not in IDENTITY_MEMBERS})


def _expand(catalog: Catalog, layer: Layer) -> list[Layer]:
    """Put a layer's inference configuration underneath it; its settings are in one spelling then."""
    layer = layer._replace(document=in_one_spelling(layer.document, layer.origin))
    name = value_at(layer.document, ("inference", "configuration"))
    if not isinstance(layer.document.get("inference"), Mapping) or "configuration" not in layer.document["inference"]:
        return [layer]
    own = {k: v for k, v in layer.document["inference"].items() if k != "configuration"}
    rest = layer._replace(document={**layer.document, "inference": own})
    if name is None:
        return [rest]
    configuration = catalog.configuration(name)
    return [Layer(f"{configuration.origin}, named by {layer.origin}", configuration.document), rest]


def _over_settings(catalog: Catalog, layers: list[Layer]) -> list[Layer]:
    """Put what the settings say about the provider's connection underneath the layer that chooses the provider."""
    provider, chosen_at = None, 0
    for position, layer in enumerate(layers):
        if "provider" in layer.document and layer.document["provider"] != provider:
            provider, chosen_at = layer.document["provider"], position
    lowest = catalog.connections.get(provider or "")
    return layers if lowest is None else [*layers[:chosen_at], lowest, *layers[chosen_at:]]


def _choose_upstream(
    catalog: Catalog, before: Merged, untrusted_origins: set[str]
) -> tuple[str | None, list[Layer], list[Report]]:
    """Take the heaviest upstream of the lowest tier; of equals, the first by id.

    Its patch is trusted where no API caller has a part in it.
    """
    upstreams: Mapping[str, Mapping[str, Any]] = before.document.get("upstreams") or {}
    if not upstreams:
        return None, [], []

    def rank(name: str) -> tuple[float, float, str]:
        patch = upstreams[name]
        weight, tier = patch.get("weight"), patch.get("tier")
        return (0 if tier is None else tier, -(1 if weight is None else weight), name)

    chosen = min(upstreams, key=rank)
    report = Report("upstream", f"took upstream {chosen!r}, the heaviest of the lowest tier", f"upstreams.{chosen}")
    trusted = not _paths_from(untrusted_origins, before, ("upstreams", chosen))
    return chosen, _expand(catalog, _upstream_layer(chosen, upstreams[chosen], trusted=trusted)), [report]


def _upstream_layer(name: str, entry: Mapping[str, Any], *, trusted: bool) -> Layer:
    patch = {k: v for k, v in entry.items() if k not in ("weight", "tier")}
    subject = f"upstream {name}"
    refused = [n for n in (*IDENTITY_MEMBERS, "upstreams", "operation") if n in patch]
    if refused:
        raise DocumentError(subject, [Problem(f"upstreams.{name}.{n}", "cannot differ by upstream") for n in refused])
    check_document(patch, subject)
    return Layer(subject, patch, trusted)


def _model_rules(plugins: Plugins, document: Mapping[str, Any]) -> Layer | None:
    """Return the rules that the provider ships for the document's base model, as the lowest layer."""
    base_model, provider = document.get("base_model"), document.get("provider")
    if not base_model or not provider:
        return None
    try:
        rows = [row for row in plugins.provider(provider).rules if base_model in row.base_models]
    except PluginError:
        return None  # a provider that nobody brings is refused later, with all that is wrong
    if not rows:
        return None
    origin = f"rules of provider {provider} for {base_model} ({'; '.join(f'{r.source}, {r.checked}' for r in rows)})"
    return Layer(origin, {"rules": [dict(rule) for row in rows for rule in row.rules]})


# --- rules -------------------------------------------------------------------------------------------------------


def _apply_rules(subject: str, merged: Merged) -> list[Report]:
    work = _RuleWork(merged, [], [])
    for rule in check_document(merged.document, subject).rules or []:
        _RULES[type(rule)](rule, work)
    if work.problems:
        raise DocumentError(subject, work.problems)
    return work.reports


@dataclass(frozen=True, slots=True)
class _RuleWork:
    merged: Merged
    problems: list[Problem]
    reports: list[Report]

    def value(self, path: str) -> Any:
        return value_at(self.merged.document, path.split("."))

    def origin(self, path: str) -> str:
        wanted = tuple(path.split("."))
        return next((o for p, o in self.merged.origins.items() if p[: len(wanted)] == wanted), "the document")

    def drop(self, path: str, why: str) -> None:
        self.merged.remove(tuple(path.split(".")))
        self.reports.append(Report("rule_dropped", f"{path} was left out: {why}", path))


def _exclusive(rule: ExclusiveRule, work: _RuleWork) -> None:
    present = [path for path in rule.exclusive if work.value(path) is not None]
    if len(present) < 2:
        return
    if rule.keep in present:
        for path in present:
            if path != rule.keep:
                work.drop(path, f"the model takes only one of {', '.join(rule.exclusive)}, and {rule.keep} is kept")
        return
    given = " and ".join(f"{p} (from {work.origin(p)})" for p in present)
    work.problems.append(Problem(present[-1], f"the model takes only one of {given}", "remove one with null"))


def _forbid(rule: ForbidRule, work: _RuleWork) -> None:
    if work.value(rule.forbid) is None:
        return
    if rule.drop:
        work.drop(rule.forbid, "the model does not take it")
    else:
        origin = work.origin(rule.forbid)
        work.problems.append(Problem(rule.forbid, f"the model does not take it (from {origin})", "remove it with null"))


def _range(rule: RangeRule, work: _RuleWork) -> None:
    value = work.value(rule.range)
    if value is None:
        return
    if not isinstance(value, int | float):
        work.problems.append(Problem(rule.range, "is no number, so its range cannot be checked"))
    elif (rule.minimum is not None and value < rule.minimum) or (rule.maximum is not None and value > rule.maximum):
        low, high = ("…" if end is None else f"{end:g}" for end in (rule.minimum, rule.maximum))
        ends = f"{low} to {high}"
        work.problems.append(Problem(rule.range, f"is {value}; the model takes {ends}"))


_RULES: dict[type[Rule], Callable[[Any, _RuleWork], None]] = {
    ExclusiveRule: _exclusive,
    ForbidRule: _forbid,
    RangeRule: _range,
}


# --- the result --------------------------------------------------------------------------------------------------


def _finish(
    plugins: Plugins,
    subject: str,
    merged: Merged,
    untrusted: Sequence[Path],
    *,
    upstream: str | None,
    reports: Iterable[Report],
) -> Resolved:
    adapter = check_document(merged.document, subject)
    description = _described(plugins, subject, adapter)
    if not description.native and adapter.runtime != "langchain" and "runtime" not in merged.document:
        merged.document["runtime"] = "langchain"
        merged.origins["runtime",] = f"provider {description.kind}"
        adapter = check_document(merged.document, subject)
    problems: list[Problem] = []
    if shown := _shown_defaults(description, merged):
        adapter = adapter.model_copy(update={"connection": shown})
    connection = _check_section(description.connection, merged.document.get("connection"), "connection", problems)
    settings_model = description.settings_model(adapter.operation or "chat")
    inference = _check_section(settings_model, merged.document.get("inference"), "inference", problems)
    problems += _unknown_inference(settings_model, inference)
    credentials = _credentials(description, adapter, problems)
    problems += _refused_members(description, adapter)
    problems += _refused_to_callers(connection, untrusted, native=description.native and adapter.runtime != "langchain")
    if adapter.mapping is not None and description.mapping:
        problems += _mapping_problems(adapter.mapping, adapter)
    if problems:
        raise DocumentError(subject, problems)
    return Resolved(
        adapter=adapter,
        document=merged.document,
        origins={dotted(path): origin for path, origin in merged.origins.items()},
        digest=digest(merged.document),
        description=description,
        target=Target(
            provider=description.kind,
            model=adapter.model or "",
            connection=connection,
            credentials=credentials,
            operation=adapter.operation or "chat",
            mapping=adapter.mapping,
            prompt=adapter.prompt,
            base_model=adapter.base_model,
        ),
        target_key=digest(
            {m: merged.document[m] for m in TARGET_MEMBERS if m in merged.document}
            | ({"untrusted": True} if untrusted else {})
        ),
        settings=CallSettings(
            inference=inference,
            model_kwargs=adapter.model_kwargs or {},
            endpoint_kwargs=adapter.endpoint_kwargs or {},
            limits=adapter.bounds,
        ),
        upstream=upstream,
        reports=tuple(reports),
        untrusted=tuple(map(dotted, untrusted)),
    )


def _shown_defaults(description: ProviderDescription, merged: Merged) -> dict[str, Any] | None:
    """Write into the document the defaults that the connection model wants seen; return the connection then."""
    connection = merged.document.get("connection")
    absent = {
        name: field.get_default(call_default_factory=True)
        for name, field in description.connection.model_fields.items()
        if any(isinstance(mark, Shown) for mark in field.metadata) and name not in (connection or {})
    }
    given = {n: v.model_dump(mode="json", exclude_none=True) for n, v in absent.items() if isinstance(v, BaseModel)}
    if not given:
        return None
    merged.document["connection"] = shown = {**(connection or {}), **given}
    merged.origins.pop(("connection",), None)  # an empty object was a leaf
    for path in leaves(given, ("connection",)):
        merged.origins[path] = f"default of provider {description.kind}"
    return shown


def _described(plugins: Plugins, subject: str, adapter: Adapter) -> ProviderDescription:
    needed = {"provider": adapter.provider, "model": adapter.model}
    if missing := [Problem(m, "is missing", "set it here or in a base") for m, value in needed.items() if not value]:
        raise DocumentError(subject, missing)
    try:
        return plugins.provider(adapter.provider or "")
    except PluginError as error:
        raise DocumentError(subject, [Problem("provider", error.message, error.hint)]) from None


def _check_section(model: type[BaseModel], value: Any, path: str, problems: list[Problem]) -> Any:
    try:
        return model.model_validate(value or {})
    except ValidationError as error:
        problems += problems_of(error, value or {}, path)
        return model.model_construct()


def _unknown_inference(model: type[InferenceSettings], inference: InferenceSettings) -> list[Problem]:
    known = ", ".join(sorted(set(model.model_fields) - {"configuration"}))
    return [
        Problem(
            f"inference.{name}",
            "is not an inference setting of this provider",
            f"it takes {known}; others go into model_kwargs",
        )
        for name in inference.model_extra or {}
    ]


def _credentials(description: ProviderDescription, adapter: Adapter, problems: list[Problem]) -> dict[str, str]:
    named = {k: v for k, v in (adapter.credentials or {}).items() if v is not None}
    for name in named:
        if name not in description.credentials and not description.any_credentials:
            known = ", ".join(description.credentials) or "none"
            problems.append(Problem(f"credentials.{name}", "is not a credential of this provider", f"it takes {known}"))
    defaults = {field: name for field, name in description.credentials.items() if name is not None}
    return {**defaults, **named}


def _mapping_problems(mapping: PayloadMapping, adapter: Adapter) -> list[Problem]:
    from dragoman.mapping import mapping_problems  # most deployments have none

    return mapping_problems(mapping, adapter.prompt, adapter.operation or "chat")


def _refused_members(description: ProviderDescription, adapter: Adapter) -> list[Problem]:
    problems = []
    if adapter.operation and adapter.operation not in description.operations:
        offered = ", ".join(description.operations)
        problems.append(
            Problem("operation", f"{description.kind} does not offer {adapter.operation}", f"it offers {offered}")
        )
    if not description.mapping:
        means_nothing = f"means nothing to {description.kind}, which has a codec of its own"
        problems += [Problem(m, means_nothing) for m in ("mapping", "prompt") if getattr(adapter, m) is not None]
    if adapter.runtime != "langchain" and not description.native:
        problems.append(Problem("runtime", f"{description.kind} is a LangChain class only", "leave it out"))
    if adapter.runtime == "langchain" and adapter.operation not in (None, "chat"):
        problems.append(Problem("runtime", f"langchain drives chat models, not {adapter.operation}", "remove it"))
    return problems


# --- what an API caller may not say ------------------------------------------------------------------------------


def _refused_to_callers(connection: BaseModel, untrusted: Sequence[Path], *, native: bool) -> list[Problem]:
    """Return what is wrong with the parts of a connection that an API caller gave."""
    if not untrusted:
        return []
    problems = list(_deployment_only(connection, ("connection",), untrusted))
    if not native:
        what = "cannot be an API caller's: a LangChain class makes calls that the address check does not see"
        problems += [Problem(dotted(path), what, "write it into the deployment's files") for path in untrusted]
    return problems


def _deployment_only(section: BaseModel, path: Path, untrusted: Sequence[Path]) -> Iterator[Problem]:
    """Yield the fields that an API caller set and that are the deployment's alone."""
    for name in section.model_fields_set:
        here = (*path, name)
        if not any(_overlap(here, given) for given in untrusted):
            continue
        value, extra = getattr(section, name), type(section).model_fields[name].json_schema_extra
        if value is not None and isinstance(extra, Mapping) and DEPLOYMENT_ONLY.items() <= extra.items():
            what = "names something of the engine's machine, and an API caller may not set it"
            yield Problem(dotted(here), what, "write it into the deployment's files")
        for inner in value if isinstance(value, list | tuple) else [value]:
            if isinstance(inner, BaseModel):
                yield from _deployment_only(inner, here, untrusted)


def _overlap(one: Path, other: Path) -> bool:
    """Whether one path is the other, or leads to it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
