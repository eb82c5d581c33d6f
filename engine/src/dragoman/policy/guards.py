"""What no rule can open by itself: bases, other identities, secrets, ranges, LangChain classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from dragoman.adapter import SETTING_NAMES, EmbedInference, Inference, RerankInference, plain_setting
from dragoman.catalog import PREDEFINED_BY, Catalog
from dragoman.errors import PluginError, Problem
from dragoman.gateway_settings import AllowedIdentity, PolicySettings
from dragoman.merge import Path, dotted
from dragoman.plugins import Plugins
from dragoman.policy.caller import Rights
from dragoman.policy.differences import Change, members
from dragoman.provider import Identity
from dragoman.resolve import Expanded


class Attempt(NamedTuple):
    """A caller's change, and what it is judged by."""

    rights: Rights
    is_document: bool
    before: Expanded
    after: Expanded
    changes: list[Change]
    catalog: Catalog
    plugins: Plugins
    settings: PolicySettings


def refused_bases(attempt: Attempt) -> Iterator[Problem]:
    """Refuse to build on an adapter that the caller may not use, also where a base of a base is one."""
    usable = attempt.rights.adapters
    if usable is None:
        return
    if attempt.is_document and not attempt.after.bases:
        yield Problem("base", "is missing: you may use certain adapters only", "build on one of them")
    for name in attempt.after.bases:
        if name not in attempt.before.bases and name not in usable:
            yield Problem("base", f"builds on {name!r}, which you may not use")


def refused_removals(attempt: Attempt) -> Iterator[Problem]:
    """Refuse to take out a setting that has a range: without a value there would be no range either."""
    ranges = {
        rule["range"]
        for document in attempt.after.effective.values()
        for rule in document.get("rules") or ()
        if "range" in rule
    }
    for path, _, after in attempt.changes:
        if after is None and dotted(path) in ranges:
            yield Problem(dotted(path), "has a range: it can be changed within it, not removed")


def refused_kwargs(attempt: Attempt) -> Iterator[Problem]:
    """Hold a setting that has a range to it in ``model_kwargs`` as well, under each name that endpoints give it.

    The provider reads it at whatever depth; so does this. Text is no way around: servers read numbers in it.
    """
    changed = [change for change in attempt.changes if _document_path(change.path)[:1] == ("model_kwargs",)]
    if not changed:
        return
    ranges = list(_inference_ranges(attempt))
    for change in changed:
        name = plain_setting(next(part for part in reversed(change.path) if not part.isdecimal()))
        for rule, names in ranges:
            if name in names and (why := _outside(change, rule)) is not None:
                yield Problem(dotted(change.path), f"is another name of {rule['range']}, which {why}")


def _inference_ranges(attempt: Attempt) -> Iterator[tuple[Mapping[str, Any], frozenset[str]]]:
    """Yield the ranges of inference settings, each with the plain names of its setting."""
    for document in attempt.after.effective.values():
        for rule in document.get("rules") or ():
            section, _, setting = str(rule.get("range") or "").partition(".")
            if section == "inference" and setting:
                yield rule, SETTING_NAMES.get(setting, frozenset()) | {plain_setting(setting.rpartition(".")[2])}


def _outside(change: Change, rule: Mapping[str, Any]) -> str | None:
    value, low, high = change.after, rule.get("minimum"), rule.get("maximum")
    if value is None:
        return "has a range: it can be changed within it, not removed"
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_a_value(rule["range"], value):
        return "has a range, and this is no number that it may have"  # -1 often stands for no limit at all
    if (low is None or low <= value) and (high is None or value <= high):
        return None
    return f"goes from {'…' if low is None else low} to {'…' if high is None else high}"


def _is_a_value(path: str, value: float) -> bool:
    """Return whether our own vocabulary takes the value; what it does not know takes any."""
    _, root, *below = path.split(".")
    written: Any = value
    for part in reversed(below):
        written = {part: written}
    model = next((m for m in (Inference, EmbedInference, RerankInference) if root in m.model_fields), None)
    try:
        return model is None or bool(model.model_validate({root: written}))
    except ValidationError:
        return False


def refused_runtime(attempt: Attempt) -> Iterator[Problem]:
    """Refuse LangChain classes, which promise less and block threads, unless the deployment allows them."""
    if attempt.settings.langchain_runtime:
        return
    for path, _, after in attempt.changes:
        if after == "langchain" and _document_path(path) == ("runtime",):
            hint = "policy.langchain_runtime of the deployment allows it"
            yield Problem(dotted(path), "langchain is refused to callers", hint)


# --- secrets -----------------------------------------------------------------------------------------------------


def refused_secrets(attempt: Attempt) -> Iterator[Problem]:
    """Refuse names of secrets that nothing of the deployment names: a caller must not try them out."""
    named = [c for c in attempt.changes if c.after is not None and _document_path(c.path)[:1] == ("credentials",)]
    if not named:
        return
    known = {*named_secrets(attempt.catalog, attempt.plugins), *attempt.settings.secrets}
    for path, _, after in named:
        if after not in known:
            hint = "name one that a file or a plugin names, or have it added to policy.secrets of the deployment"
            yield Problem(dotted(path), "names a secret that nothing of the deployment names", hint)


def named_secrets(catalog: Catalog, plugins: Plugins) -> set[str]:
    """Return the names of secrets that the deployment's files and the plugins' descriptions name."""
    names = {name for described in plugins.providers.values() for name in described.credentials.values() if name}
    for entry in catalog.entries.values():
        for layer in entry.layers:
            if layer.origin.startswith((PREDEFINED_BY, "file ")):
                names |= _credentials_in(layer.document)
    return names


def _credentials_in(document: Mapping[str, Any]) -> set[str]:
    patches = [document, *(patch or {} for patch in (document.get("upstreams") or {}).values())]
    return {name for patch in patches for name in (patch.get("credentials") or {}).values() if name}


# --- identities --------------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """An identity field in a document: the path from the document on, the value, and the object that holds it."""

    identity: Identity
    path: Path
    value: Any
    holder: Any


def refused_identities(attempt: Attempt) -> Iterator[Problem]:
    """Refuse to take on an identity that the adapter does not have and that is not on the allow list."""
    known = [found for document in attempt.before.effective.values() for found in _identities(attempt, document)]
    for document in attempt.after.effective.values():
        for found in _identities(attempt, document):
            if not any(found.holder == other.holder and found.identity == other.identity for other in known):
                yield from _not_listed(found, attempt.settings.identities)


def _not_listed(found: _Found, listed: Iterable[AllowedIdentity]) -> Iterator[Problem]:
    entries = [entry for entry in listed if _is_for(entry, found)]
    if not entries:
        hint = "policy.identities of the deployment lists those that are"
        yield Problem(dotted(found.path), "is not on the deployment's allow list", hint)
    elif not any(_has_prescribed(entry, found) for entry in entries):
        beside = " and ".join(found.identity.prescribed)
        yield Problem(dotted(found.path), f"is allowed only with the {beside} that the allow list prescribes")


def _identities(attempt: Attempt, document: Mapping[str, Any]) -> Iterator[_Found]:
    try:
        described = attempt.plugins.provider(document.get("provider") or "")
    except PluginError:
        return  # resolving says so
    for identity in getattr(described.connection, "identities", ()):
        for path, value, holder in _matches(document, ("connection", *identity.path.split(".")), ()):
            yield _Found(identity, path, value, holder)


def _matches(value: Any, pattern: Path, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    name, rest = pattern[0], pattern[1:]
    for member, inner in (members(value, path) or {}).items():
        if name not in ("*", member):
            continue
        if rest:
            yield from _matches(inner, rest, (*path, member))
        else:
            yield (*path, member), inner, value


def _is_for(entry: AllowedIdentity, found: _Found) -> bool:
    is_path = entry.path == f"connection.{found.identity.path}"
    return is_path and isinstance(found.value, str) and _fits(entry.value, found.value)


def _has_prescribed(entry: AllowedIdentity, found: _Found) -> bool:
    return all(found.holder.get(name) == entry.prescribed.get(name) for name in found.identity.prescribed)


def _fits(pattern: str, value: str) -> bool:
    return re.fullmatch(r"[^/:\s]*".join(map(re.escape, pattern.split("*"))), value) is not None


def _document_path(path: Path) -> Path:
    """Return the path inside the document or, for a field of an upstream's patch, inside the patch."""
    return path[2:] if path[0] == "upstreams" else path


GUARDS = (refused_bases, refused_removals, refused_kwargs, refused_identities, refused_secrets, refused_runtime)
