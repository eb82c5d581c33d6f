"""The catalogue at one moment, with what was resolved from it and what callers were allowed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar

import orjson

from dragoman.adapter import Adapter
from dragoman.catalog import Catalog, Saved
from dragoman.plugins import Plugins
from dragoman.policy import Caller, Change, Policy, Rights
from dragoman.resolve import AdapterLike, Resolved, resolve

K = TypeVar("K")
T = TypeVar("T")

#: Answers that are kept, the newest ones.
MAX_RESOLVED = 1024


class Snapshot:
    """A catalogue, what it was made from, and what was resolved from it.

    ``revision`` is the secrets', ``files`` the catalogue without the saved documents.
    """

    def __init__(self, revision: int, files: Catalog, saved: Saved) -> None:
        self.revision = revision
        self.files = files
        self.saved = saved
        self.catalog = files.with_saved(saved)
        self._resolved: OrderedDict[bytes, Resolved] = OrderedDict()
        self._allowed: OrderedDict[tuple[Rights, bytes], tuple[Resolved, tuple[Change, ...]]] = OrderedDict()

    def resolve_for(
        self,
        caller: Caller,
        policy: Policy,
        plugins: Plugins,
        adapter: AdapterLike,
        *,
        override: Mapping[str, Any] | None,
        inference: Mapping[str, Any] | None,
    ) -> tuple[Resolved, tuple[Change, ...]]:
        """Return what a caller may call, and the privileged fields that are changed for it."""
        key = (caller.rights, _asked_key(adapter, override, inference, trusted=False) or b"")
        found = self._allowed.get(key)
        if found is None:
            changes = policy.check(
                caller.rights, self.catalog, plugins, adapter, override=override, inference=inference
            )
            found = self.resolve(plugins, adapter, override, inference, trusted=False), changes
            if key[1]:
                _keep(self._allowed, key, found)
        return found

    def resolve(
        self,
        plugins: Plugins,
        adapter: AdapterLike,
        override: Mapping[str, Any] | None,
        inference: Mapping[str, Any] | None,
        *,
        trusted: bool,
    ) -> Resolved:
        key = _asked_key(adapter, override, inference, trusted=trusted)
        if key is None:
            return resolve(self.catalog, plugins, adapter, override, inference, trusted=trusted)
        found = self._resolved.get(key)
        if found is None:
            found = resolve(self.catalog, plugins, adapter, override, inference, trusted=trusted)
            _keep(self._resolved, key, found)
        return found


def _asked_key(
    adapter: AdapterLike, override: Mapping[str, Any] | None, inference: Mapping[str, Any] | None, *, trusted: bool
) -> bytes | None:
    """Return what was asked as bytes; ``None`` where it is not JSON: resolving says what is wrong with it."""
    named = adapter.as_document() if isinstance(adapter, Adapter) else adapter
    try:
        return orjson.dumps((named, override, inference, trusted))
    except TypeError:
        return None


def _keep(kept: OrderedDict[K, T], key: K, value: T) -> None:
    kept[key] = value
    if len(kept) > MAX_RESOLVED:
        kept.popitem(last=False)
