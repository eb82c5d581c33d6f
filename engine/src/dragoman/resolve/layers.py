"""From a name or a document to its layers, bases and inference configurations expanded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dragoman.adapter import IDENTITY_MEMBERS, Adapter, check_document
from dragoman.catalog import Catalog, Entry
from dragoman.errors import DocumentError, PluginError, Problem
from dragoman.events import Report
from dragoman.merge import Layer, Merged, Path, value_at
from dragoman.plugins import Plugins
from dragoman.spelling import in_one_spelling

#: What API callers may put into one change, in values: each of them is merged, compared and judged.
MAX_CALLERS_VALUES = 2000

AdapterLike = str | Mapping[str, Any] | Adapter


def layers_above(
    override: Mapping[str, Any] | None, inference: Mapping[str, Any] | None, *, trusted: bool
) -> list[Layer]:
    """Return the layers of an override and of a call's own settings."""
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


def layers_of(
    catalog: Catalog, adapter: AdapterLike, override: Mapping[str, Any] | None, *, trusted: bool
) -> tuple[str, list[Layer]]:
    """Return what errors call an adapter, and its layers, those of its bases among them; the lowest first."""
    if isinstance(adapter, str):
        entry = catalog.find(adapter)
        subject = f"adapter {entry.name}"
    else:
        document = adapter.as_document() if isinstance(adapter, Adapter) else adapter
        subject = f"adapter {document.get('name') or '(unsaved)'}"
        _check_size(Layer(subject, document, trusted), subject)
        check_document(document, subject)
        entry = Entry(document.get("name") or "(unsaved)", (Layer("document", document, trusted),))
    base = override["base"] if override and "base" in override else base_of(entry.layers)
    bases = base_layers(catalog, base, [entry.name]) if base else []
    below, above = entry.around_base()
    return subject, [*below, *bases, *above]


def base_layers(catalog: Catalog, name: str, seen: list[str]) -> list[Layer]:
    """Return the layers of a base and of its own bases; ``seen`` are the adapters that led here."""
    entry = catalog.find(name)
    chain = [*seen, entry.name]
    if entry.name in seen:
        raise DocumentError(
            f"adapter {seen[0]}",
            [Problem("base", f"is a cycle: {' -> '.join(chain)}", "let one of them stand without a base")],
        )
    base = base_of(entry.layers)
    bases = base_layers(catalog, base, chain) if base else []
    below, above = (
        [_nameless(layer._replace(origin=f"base {entry.name} ({layer.origin})")) for layer in layers]
        for layers in entry.around_base()
    )
    return [*below, *bases, *above]


def base_of(layers: Sequence[Layer]) -> str | None:
    """Return the base that the topmost layer with one names."""
    base: str | None = next((x.document["base"] for x in reversed(layers) if "base" in x.document), None)
    return base


def _nameless(layer: Layer) -> Layer:
    return layer._replace(document={k: v for k, v in layer.document.items() if k not in IDENTITY_MEMBERS})


def expand(catalog: Catalog, layer: Layer) -> list[Layer]:
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


def over_settings(catalog: Catalog, layers: list[Layer]) -> list[Layer]:
    """Put what the settings say about the provider's connection underneath the layer that chooses the provider."""
    provider, chosen_at = None, 0
    for position, layer in enumerate(layers):
        if "provider" in layer.document and layer.document["provider"] != provider:
            provider, chosen_at = layer.document["provider"], position
    lowest = catalog.connections.get(provider or "")
    return layers if lowest is None else [*layers[:chosen_at], lowest, *layers[chosen_at:]]


def choose_upstream(
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
    trusted = not paths_from(untrusted_origins, before, ("upstreams", chosen))
    return chosen, expand(catalog, upstream_layer(chosen, upstreams[chosen], trusted=trusted)), [report]


def upstream_layer(name: str, entry: Mapping[str, Any], *, trusted: bool) -> Layer:
    """Return an upstream's patch as a layer."""
    patch = {k: v for k, v in entry.items() if k not in ("weight", "tier")}
    subject = f"upstream {name}"
    refused = [n for n in (*IDENTITY_MEMBERS, "upstreams", "operation") if n in patch]
    if refused:
        raise DocumentError(subject, [Problem(f"upstreams.{name}.{n}", "cannot differ by upstream") for n in refused])
    check_document(patch, subject)
    return Layer(subject, patch, trusted)


def model_rules(plugins: Plugins, document: Mapping[str, Any]) -> Layer | None:
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


def paths_from(origins: set[str], merged: Merged, below: Path) -> list[Path]:
    """Return the leaves at or below a path whose values come from there."""
    return [path for path, origin in merged.origins.items() if origin in origins and path[: len(below)] == below]
