"""Discovery of plugins through entry points, with a report.

Own discovery instead of pluggy's: it imports nothing that is blocked, isolates each plugin's failure, refuses two
plugins of one name, checks the contract's version and refuses misspelt hooks at once. pluggy calls the hooks.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from dragoman import hookspecs
from dragoman.errors import PluginError
from dragoman.provider import (
    PLUGIN_API,
    CallObservation,
    ImporterDescription,
    ProviderDescription,
    SecretSourceDescription,
)

ENTRY_POINT_GROUP = "dragoman.plugins"

Observer = Callable[[CallObservation], object]


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin that works: its entry point's name, where it comes from, what it brings."""

    name: str
    distribution: str
    version: str
    providers: tuple[ProviderDescription, ...] = ()
    secret_sources: tuple[SecretSourceDescription, ...] = ()
    importers: tuple[ImporterDescription, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedPlugin:
    """A plugin that was found and is not used, and why."""

    name: str
    distribution: str
    version: str
    reason: str


@dataclass(frozen=True)
class Plugins:
    """What discovery found. ``failed`` never hides ``loaded``; both are in the order of their names."""

    loaded: tuple[LoadedPlugin, ...]
    failed: tuple[FailedPlugin, ...]
    blocked: tuple[str, ...] = ()
    manager: pluggy.PluginManager = field(default_factory=_manager, repr=False)

    @property
    def providers(self) -> Mapping[str, ProviderDescription]:
        """Every provider by its kind."""
        return {d.kind: d for plugin in self.loaded for d in plugin.providers}

    @property
    def secret_sources(self) -> Mapping[str, SecretSourceDescription]:
        """Every kind of secret source that plugins bring, by its kind."""
        return {d.kind: d for plugin in self.loaded for d in plugin.secret_sources}

    @property
    def importers(self) -> Mapping[str, ImporterDescription]:
        """Every importer by its name."""
        return {d.name: d for plugin in self.loaded for d in plugin.importers}

    @cached_property
    def observers(self) -> tuple[tuple[str, Observer], ...]:
        """Every plugin's ``dragoman_observe``, with the plugin's name."""
        found = self.manager.hook.dragoman_observe.get_hookimpls()
        return tuple((impl.plugin_name, _observer(impl)) for impl in found)

    def provider(self, kind: str) -> ProviderDescription:
        """Return a provider's description.

        Raises:
            PluginError: naming the providers that are there, and the plugin that failed where one of that name did.
        """
        if found := self.providers.get(kind):
            return found
        failed = next((f for f in self.failed if f.name == kind), None)
        if failed:
            raise PluginError(f"provider {kind!r}: its plugin did not load: {failed.reason}")
        known = ", ".join(sorted(self.providers)) or "none"
        raise PluginError(
            f"no plugin brings the provider {kind!r}", hint=f"available: {known}; `dragoman plugins` tells more"
        )

    def call_each(self, hook: str, **arguments: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """Call a hook of one plugin at a time; return answers and failures by the plugin's name."""
        answers: dict[str, Any] = {}
        failures: dict[str, str] = {}
        for plugin in self.loaded:
            try:
                answer = _call_one(self.manager, plugin.name, hook, arguments)
            except BaseException as error:  # noqa: BLE001  (isolation is this function's purpose)
                failures[plugin.name] = _reason(error)
            else:
                answers[plugin.name] = answer
        return answers, failures


def load_plugins(
    *, allow: Sequence[str] | None = None, block: Sequence[str] = (), found: Iterable[EntryPoint] | None = None
) -> Plugins:
    """Find and load the installed plugins.

    Args:
        allow: Names to load; ``None`` loads all. A name that is not installed is reported as failed.
        block: Names not to import, even if allowed.
        found: Entry points to use instead of the installed ones.
    """
    candidates = sorted(entry_points(group=ENTRY_POINT_GROUP) if found is None else found, key=lambda e: e.name)
    blocked = sorted({e.name for e in candidates if e.name in block or (allow is not None and e.name not in allow)})
    loading = _Loading()
    counts = Counter(e.name for e in candidates)
    for candidate in candidates:
        if candidate.name in blocked:
            continue
        if counts[candidate.name] > 1:
            loading.fail(
                candidate, f"another distribution also brings a plugin named {candidate.name!r}; neither is used"
            )
        else:
            loading.load(candidate)
    for name in sorted(set(allow or ()) - set(counts)):
        loading.failed.append(FailedPlugin(name, "", "", "is on the allow list and not installed"))
    loading.refuse_shared_kinds()
    return Plugins(
        tuple(loading.loaded), tuple(sorted(loading.failed, key=lambda f: f.name)), tuple(blocked), loading.manager
    )


class _Loading:
    def __init__(self) -> None:
        self.manager = _manager()
        self.loaded: list[LoadedPlugin] = []
        self.failed: list[FailedPlugin] = []

    def load(self, candidate: EntryPoint) -> None:
        try:
            plugin = candidate.load()
            _check_version(plugin)
            self.manager.register(plugin, candidate.name)
            self._refuse_unknown_hooks(plugin)
            self.loaded.append(self._describe(candidate))
        except BaseException as error:  # a plugin may even call sys.exit while it is imported
            if self.manager.has_plugin(candidate.name):
                self.manager.unregister(name=candidate.name)
            if isinstance(error, KeyboardInterrupt):
                raise
            self.fail(candidate, _reason(error))

    def fail(self, candidate: EntryPoint, reason: str) -> None:
        self.failed.append(FailedPlugin(candidate.name, *_distribution(candidate), reason))

    def refuse_shared_kinds(self) -> None:
        """Refuse every plugin that brings a kind, or an importer's name, which another one brings too."""
        owners: dict[str, list[str]] = {}
        for plugin in self.loaded:
            kinds = [d.kind for d in plugin.providers] + [d.kind for d in plugin.secret_sources]
            for brought in [*(f"kind {k!r}" for k in kinds), *(f"importer {d.name!r}" for d in plugin.importers)]:
                owners.setdefault(brought, []).append(plugin.name)
        for brought, names in owners.items():
            if len(names) < 2:
                continue
            for plugin in [p for p in self.loaded if p.name in names]:
                self.loaded.remove(plugin)
                self.manager.unregister(name=plugin.name)
                reason = f"the {brought} is brought by several plugins ({', '.join(names)}); none of them is used"
                self.failed.append(FailedPlugin(plugin.name, plugin.distribution, plugin.version, reason))

    def _describe(self, candidate: EntryPoint) -> LoadedPlugin:
        providers = _call_one(self.manager, candidate.name, "dragoman_providers", {})
        sources = _call_one(self.manager, candidate.name, "dragoman_secret_sources", {})
        importers = _call_one(self.manager, candidate.name, "dragoman_importers", {})
        _check_all(importers, ImporterDescription, "dragoman_importers")
        _check_all(providers, ProviderDescription, "dragoman_providers")
        _check_all(sources, SecretSourceDescription, "dragoman_secret_sources")
        if twice := [k for k, n in Counter(d.kind for d in providers).items() if n > 1]:
            raise PluginError(f"describes the provider {twice[0]!r} twice")
        brought = (tuple(providers), tuple(sources), tuple(importers))
        return LoadedPlugin(candidate.name, *_distribution(candidate), *brought)

    def _refuse_unknown_hooks(self, plugin: Any) -> None:
        known = {name for name in vars(hookspecs) if name.startswith("dragoman_")}
        for name, value in inspect.getmembers(plugin):
            marked = hasattr(value, f"{hookspecs.PROJECT}_impl")
            if (marked or name.startswith("dragoman_")) and name not in known:
                raise PluginError(
                    f"implements the hook {name!r}, which does not exist", hint=f"hooks: {', '.join(sorted(known))}"
                )
            if name in known and not marked:
                raise PluginError(
                    f"{name} lacks @hookimpl, so it would never be called", hint="from dragoman.plugin import hookimpl"
                )


def _observer(implementation: pluggy.HookImpl) -> Observer:
    function, takes_call = implementation.function, bool(implementation.argnames)
    return function if takes_call else lambda _: function()


def _call_one(manager: pluggy.PluginManager, name: str, hook: str, arguments: Mapping[str, Any]) -> list[Any]:
    others = [plugin for other, plugin in manager.list_name_plugin() if other != name and plugin is not None]
    answers = manager.subset_hook_caller(hook, others)(**arguments)
    return [item for answer in answers for item in answer]


def _check_version(plugin: Any) -> None:
    stated = getattr(plugin, "PLUGIN_API", None)
    written = ".".join(map(str, PLUGIN_API))
    if not (isinstance(stated, tuple) and len(stated) == 2 and all(isinstance(n, int) for n in stated)):
        raise PluginError("states no contract version", hint=f"set PLUGIN_API = {PLUGIN_API} in the plugin's module")
    if stated[0] != PLUGIN_API[0] or stated[1] > PLUGIN_API[1]:
        asked = ".".join(map(str, stated))
        raise PluginError(
            f"is written for contract {asked}, this engine has {written}", hint="install matching versions"
        )


def _check_all(values: Iterable[Any], kind: type, hook: str) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise PluginError(f"{hook} returned a {type(value).__name__} where a {kind.__name__} is expected")


def _distribution(candidate: EntryPoint) -> tuple[str, str]:
    if candidate.dist is None:
        return "", ""
    return candidate.dist.name, candidate.dist.version


def _reason(error: BaseException) -> str:
    text = re.sub(r"\s+", " ", str(error)).strip()
    if isinstance(error, PluginError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
