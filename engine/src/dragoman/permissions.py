"""What has to be allowed for an adapter to be used, as its provider says; who may override what is the policy's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dragoman.calls import redacted
from dragoman.errors import DragomanError, PluginError, UnsupportedError
from dragoman.inspection import Permission, Permissions
from dragoman.policy import Caller
from dragoman.provider import ProviderDescription
from dragoman.resolve import AdapterLike
from dragoman.resolving import Resolving


async def permissions_of(
    engine: Resolving,
    adapter: AdapterLike | None,
    override: Mapping[str, Any] | None = None,
    *,
    caller: Caller | None = None,
    purposes: Sequence[str] = (),
) -> Permissions:
    """Return what the provider says; of several upstreams it is about the one that is taken, and a note says which.

    Raises:
        DragomanError: See :meth:`dragoman.Engine.permissions`; a plugin that breaks is one as well.
    """
    resolved = await engine.resolve(adapter, override, caller=caller)
    asked = _known(resolved.description, purposes)
    provider = await engine.provider_of(resolved)
    context = engine.context_of(resolved)
    try:
        found = await provider.permissions(resolved.target, resolved.settings, context, asked)
    except DragomanError:
        raise
    except Exception as error:  # noqa: BLE001  (the fault itself may hold a secret: the engine redacts what is told)
        what = f"the permissions of provider {resolved.target.provider} broke: {type(error).__name__}: {error}"
        raise PluginError(what) from None
    chosen = (f"{resolved.choice}: the policy is for that one",) if resolved.choice else ()
    redact = await engine.redactor()
    permissions = [
        Permission(redacted(one.document, redact), redacted(one.principal, redact), redact(one.title))
        for one in found.permissions
    ]
    return Permissions(permissions, redacted([*chosen, *found.notes], redact), redacted(found.snippets, redact))


def _known(description: ProviderDescription, purposes: Sequence[str]) -> tuple[str, ...]:
    """Return what is asked for, a call where nothing is said; refuse what the provider does not know."""
    known = description.permission_purposes
    if not known:
        raise UnsupportedError(f"provider {description.kind} has no policies to show")
    if unknown := [purpose for purpose in purposes if purpose not in known]:
        told = f"provider {description.kind} knows no policy for {unknown[0]!r}"
        raise UnsupportedError(told, hint=f"one of {', '.join(known)}")
    return tuple(dict.fromkeys(purposes)) or known[:1]
