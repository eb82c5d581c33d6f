"""The rules of a deployment, and the decision over one caller's change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from dragoman.adapter import plain_setting
from dragoman.catalog import Catalog
from dragoman.errors import AdapterNotFoundError, PolicyError, Problem
from dragoman.gateway_settings import STAGES, MinimumRole, PolicyRule, PolicySettings, RoleName, Stage
from dragoman.merge import Path, dotted
from dragoman.plugins import Plugins
from dragoman.policy.caller import RANKS, Rights
from dragoman.policy.differences import Change, changes_between
from dragoman.policy.guards import GUARDS, Attempt
from dragoman.resolve import NOTHING, AdapterLike, Expanded, expand_both, expand_named

#: Members that only administrators change, and in stage dev only, unless the deployment says otherwise.
PRIVILEGED_MEMBERS = (
    "version", "name", "aliases", "title", "base", "operation", "provider", "model", "base_model", "endpoint_kwargs",
    "connection", "credentials", "mapping", "prompt", "constraints", "capabilities", "rules", "pricing", "limits",
    "upstreams", "notice", "tags", "runtime",
)  # fmt: skip

#: Members of ``model_kwargs`` that say the model once more, as :func:`plain_setting` writes them: the rules for
#: ``model_kwargs.model`` hold for them. Servers exist that read names without regard to case.
MODEL_NAMES = frozenset({"model", "models", "modelid", "modelname", "fallbackmodels"})
_MODEL: Path = ("model_kwargs", "model")

#: The engine's own rules; those of the deployment come after them.
DEFAULT_RULES = (
    PolicyRule(paths=["inference"], role="user"),
    PolicyRule(paths=["model_kwargs"], role="developer"),
    PolicyRule(paths=["model_kwargs.model"], role="nobody"),
    PolicyRule(paths=["model_kwargs.model"], role="admin", stages=["dev"]),  # it is the model, said elsewhere
    PolicyRule(paths=list(PRIVILEGED_MEMBERS), role="admin", stages=["dev"]),
)


class Policy:
    """The rules of one deployment in one stage."""

    def __init__(self, stage: Stage, settings: PolicySettings | None = None) -> None:
        self.stage = stage
        self._settings = settings or PolicySettings()
        self._rules = {s: _rules_of(s, [*DEFAULT_RULES, *self._settings.rules]) for s in STAGES}
        self.minimum_role = lru_cache(maxsize=4096)(self._minimum_role)

    def may_change(self, role: RoleName, *path: str) -> bool:
        """Return whether a role may change a field in this stage, as far as rules decide it."""
        return RANKS[role] >= RANKS[self.minimum_role(path)]

    def refusal(self, role: RoleName, *path: str) -> str | None:
        """Return why a role may not change a field in this stage; ``None`` where it may, as far as rules decide it."""
        return None if self.may_change(role, *path) else self._who_may(path)

    def check(
        self,
        rights: Rights,
        catalog: Catalog,
        plugins: Plugins,
        adapter: AdapterLike,
        *,
        override: Mapping[str, Any] | None = None,
        inference: Mapping[str, Any] | None = None,
    ) -> tuple[Change, ...]:
        """Return the privileged fields that a caller's change touches, for the audit log.

        Raises:
            AdapterNotFoundError: There is no such adapter, or the caller may not use it; the text does not tell which.
            PolicyError: Something may not be changed; every refused field with its path and why.
            DocumentError: The change is no adapter document.
        """
        name = _usable(rights, catalog, adapter) if isinstance(adapter, str) else None
        if name is not None and not override and not inference:
            return ()
        try:
            before, after = expand_both(catalog, plugins, adapter, override, inference)
        except AdapterNotFoundError:
            if rights.role == "admin":
                raise
            if (why := self.refusal(rights.role, "base")) is not None:  # as of one that is there
                raise PolicyError(self._subject(name, rights.role), [Problem("base", why)]) from None
            raise AdapterNotFoundError("the base is no adapter, or you may not use it") from None
        attempt = self._attempt(rights, before, after, catalog, plugins, is_document=name is None)
        return self._judged(attempt, name or "(unsaved)")

    def check_saving(
        self, rights: Rights, catalog: Catalog, draft: Catalog, plugins: Plugins, name: str
    ) -> tuple[Change, ...]:
        """Judge what saving an adapter changes: ``draft`` is the catalogue that there would be.

        Who may not change a field of a call may not change it for all calls either. Raises as :meth:`check` does.
        """
        before = expand_named(catalog, plugins, name) if name in catalog.entries else NOTHING
        after = expand_named(draft, plugins, name) if name in draft.entries else NOTHING
        attempt = self._attempt(rights, before, after, catalog, plugins, is_document=name not in catalog.entries)
        return self._judged(attempt, name)

    def _attempt(
        self,
        rights: Rights,
        before: Expanded,
        after: Expanded,
        catalog: Catalog,
        plugins: Plugins,
        *,
        is_document: bool,
    ) -> Attempt:
        changes = changes_between(before, after)
        return Attempt(rights, is_document, before, after, changes, catalog, plugins, self._settings)

    def _subject(self, name: str | None, role: RoleName) -> str:
        return f"adapter {name or '(unsaved)'}, as {role} in stage {self.stage}"

    def _judged(self, attempt: Attempt, name: str) -> tuple[Change, ...]:
        role, changes = attempt.rights.role, attempt.changes
        problems = [*self._refused(role, changes), *(p for guard in GUARDS for p in guard(attempt))]
        if problems:
            raise PolicyError(self._subject(name, role), _one_a_path(problems))
        return tuple(change for change in changes if _is_privileged(change.path))

    def _minimum_role(self, path: Path, stage: Stage | None = None) -> MinimumRole:
        paths = (path, _MODEL) if _says_the_model(path) else (path,)
        rules = reversed(self._rules[stage or self.stage])
        return next((role for pattern, role in rules if any(_covers(pattern, p) for p in paths)), "nobody")

    def _refused(self, role: RoleName, changes: Iterable[Change]) -> Iterator[Problem]:
        for path, _, _ in changes:
            if not self.may_change(role, *path):
                yield Problem(dotted(path), self._who_may(path))

    def _who_may(self, path: Path) -> str:
        least = self.minimum_role(path)
        if least != "nobody":
            return f"may be changed by role {least} only"
        elsewhere = {stage: self._minimum_role(path, stage) for stage in STAGES}
        stages = [f"by role {role} in stage {stage}" for stage, role in elsewhere.items() if role != "nobody"]
        return f"may be changed {' and '.join(stages)} only" if stages else "may be changed by nobody"


def _rules_of(stage: Stage, rules: Iterable[PolicyRule]) -> list[tuple[Path, MinimumRole]]:
    return [(tuple(path.split(".")), rule.role) for rule in rules if stage in rule.stages for path in rule.paths]


def _says_the_model(path: Path) -> bool:
    inside = path[2:] if path[1:2] == ("extra_body",) else path[1:]  # SDKs put what is there into the body itself
    return path[0] == "model_kwargs" and bool(inside) and plain_setting(inside[0]) in MODEL_NAMES


def _is_privileged(path: Path) -> bool:
    return path[0] in PRIVILEGED_MEMBERS or _says_the_model(path)


def _covers(pattern: Path, path: Path) -> bool:
    return len(pattern) <= len(path) and all(p in ("*", name) for p, name in zip(pattern, path, strict=False))


def _usable(rights: Rights, catalog: Catalog, adapter: str) -> str:
    """Return the adapter's own name, where the caller may use it."""
    try:
        name: str | None = catalog.find(adapter).name
    except AdapterNotFoundError:
        if rights.role == "admin":
            raise
        name = None
    if name is None or (rights.adapters is not None and name not in rights.adapters):
        raise AdapterNotFoundError(f"there is no adapter {adapter!r}, or you may not use it")
    return name


def _one_a_path(problems: Iterable[Problem]) -> list[Problem]:
    """Keep the first problem of each field: who may change it at all comes before how."""
    first: dict[str, Problem] = {}
    for problem in problems:
        first.setdefault(problem.path, problem)
    return list(first.values())
