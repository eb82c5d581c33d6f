"""From a name or a document to everything that a call needs: layers, merge, upstream, rules, validation.

The order of layers, later wins: the provider's rules for the base model < the settings' connection of the provider <
predefined document < base chain < adapter < upstream's patch < override < the call's own parameters. Each layer's
inference configuration is expanded underneath the layer itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dragoman.catalog import Catalog
from dragoman.merge import merge
from dragoman.plugins import Plugins
from dragoman.resolve.comparing import NOTHING, Expanded, expand_both, expand_named
from dragoman.resolve.layers import (
    AdapterLike,
    choose_upstream,
    expand,
    layers_above,
    layers_of,
    model_rules,
    over_settings,
    paths_from,
)
from dragoman.resolve.result import Resolved, finish
from dragoman.resolve.rules import apply_rules

__all__ = ["NOTHING", "AdapterLike", "Expanded", "Resolved", "expand_both", "expand_named", "resolve"]


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
    subject, layers = layers_of(catalog, adapter, override, trusted=trusted)
    above = layers_above(override, inference, trusted=trusted)
    expanded = [part for layer in layers for part in expand(catalog, layer)]
    expanded_above = [part for layer in above for part in expand(catalog, layer)]
    before = merge(over_settings(catalog, [*expanded, *expanded_above]))
    untrusted_origins = {layer.origin for layer in (*layers, *above) if not layer.trusted}
    upstream, patches, reports = choose_upstream(catalog, before, untrusted_origins)
    untrusted_origins |= {layer.origin for layer in patches if not layer.trusted}
    whole = [*expanded, *patches, *expanded_above]
    merged = merge(over_settings(catalog, whole)) if patches else before
    if rules := model_rules(plugins, merged.document):
        merged = merge([rules, *over_settings(catalog, whole)])
    for member in ("base", "upstreams"):
        merged.remove((member,))
    reports += apply_rules(subject, merged)
    untrusted = [path for path in paths_from(untrusted_origins, merged, ("connection",)) if path[1:]]  # not: emptied
    return finish(plugins, subject, merged, untrusted, upstream=upstream, reports=reports)
