"""What a change changes: an adapter without and with what its caller adds, for a policy to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dragoman.adapter import Adapter
from dragoman.catalog import Catalog
from dragoman.merge import Layer, merge
from dragoman.plugins import Plugins
from dragoman.resolve.layers import (
    AdapterLike,
    base_layers,
    base_of,
    expand,
    layers_above,
    layers_of,
    model_rules,
    over_settings,
    upstream_layer,
)


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
    _, layers = layers_of(catalog, adapter, override, trusted=False)
    above = layers_above(override, inference, trusted=False)
    if isinstance(adapter, str):
        own = layers_of(catalog, adapter, None, trusted=False)[1]
    else:
        document = adapter.as_document() if isinstance(adapter, Adapter) else adapter
        base = document.get("base")
        own = base_layers(catalog, base, ["(unsaved)"]) if base else []
    return _expanded(catalog, plugins, own, []), _expanded(catalog, plugins, layers, above)


def expand_named(catalog: Catalog, plugins: Plugins, name: str) -> Expanded:
    """Return one adapter as it stands in a catalogue; raises as :func:`resolve` does."""
    return _expanded(catalog, plugins, layers_of(catalog, name, None, trusted=False)[1], [])


def _expanded(catalog: Catalog, plugins: Plugins, layers: list[Layer], above: list[Layer]) -> Expanded:
    below = [part for layer in layers for part in expand(catalog, layer)]
    upper = [part for layer in above for part in expand(catalog, layer)]
    written = merge(over_settings(catalog, [*below, *upper])).document
    effective: dict[str | None, Mapping[str, Any]] = {}
    for name, patch in (written.get("upstreams") or {None: {}}).items():
        patches = [] if name is None else expand(catalog, upstream_layer(name, patch, trusted=False))
        whole = over_settings(catalog, [*below, *patches, *upper])
        document = merge(whole).document
        rules = model_rules(plugins, document)
        effective[name] = merge([rules, *whole]).document if rules else document
    return Expanded(written, effective, _chain(catalog, [*layers, *above]))


def _chain(catalog: Catalog, layers: Sequence[Layer]) -> tuple[str, ...]:
    names: list[str] = []
    base = base_of(layers)
    while base and (entry := catalog.find(base)).name not in names:
        names.append(entry.name)
        base = base_of(entry.layers)
    return tuple(names)
