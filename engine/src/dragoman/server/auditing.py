"""Changes that the policy allowed or refused, in the audit log: also who only tries is seen."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from typing import Any

import orjson

from dragoman.engine import PrivilegedChange
from dragoman.errors import DragomanError, PolicyError
from dragoman.merge import Path, dotted
from dragoman.plugins import Plugins
from dragoman.policy import Caller
from dragoman.server.logs import current_exchange
from dragoman.server.state import AuditEntry, State

logger = logging.getLogger("dragoman.server")

#: Members whose values say what is called and are no place for a secret.
_TOLD: tuple[Path, ...] = (
    ("provider",), ("model",), ("base_model",), ("base",), ("operation",), ("runtime",), ("title",),
    ("model_kwargs", "*"), ("connection", "region"),
)  # fmt: skip
MAX_VALUE_CHARS = 200


def override_entry(change: PrivilegedChange, plugins: Plugins) -> AuditEntry:
    """Return the entry of a caller's change that was allowed.

    What is called, and as whom, is written out. Any other value may be a secret that nobody knows yet, put where it
    does not belong: of it there is a digest, which tells equal ones and no more.
    """
    told = (*_TOLD, *_identity_paths(plugins))
    exchange = current_exchange.get()
    return AuditEntry(
        actor=change.caller.name,
        action="call.override",
        subject=f"adapter {change.adapter or '(unsaved)'}",
        paths=tuple(f"{dotted(c.path)}={_shown(c.path, c.after, told)}" for c in change.changes),
        key_id=change.caller.key_id,
        request_id=exchange.request_id if exchange is not None else None,
    )


def _identity_paths(plugins: Plugins) -> Iterator[Path]:
    for described in plugins.providers.values():
        for identity in getattr(described.connection, "identities", ()):
            yield ("connection", *identity.path.split("."))


def _shown(path: Path, value: Any, told: tuple[Path, ...]) -> str:
    text = orjson.dumps(value, default=str).decode()
    inside = path[2:] if path[0] == "upstreams" else path
    is_told = any(len(p) == len(inside) and all(a in ("*", b) for a, b in zip(p, inside, strict=True)) for p in told)
    if value is None or isinstance(value, bool | int | float) or is_told:
        return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 1]}…"
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


async def audit_refusal(state: State, caller: Caller, error: PolicyError, *, action: str, request_id: str) -> None:
    """Write down what was refused to whom; where that cannot be done, the log says so and the refusal stands."""
    entry = AuditEntry(
        actor=caller.name,
        action=action,
        subject=error.subject,
        outcome="refused",
        paths=tuple(problem.path for problem in error.problems),
        key_id=caller.key_id,
        reason=str(error),
        request_id=request_id,
    )
    try:
        await state.audit.append(entry)
    except DragomanError as failure:
        logger.error("request %s: the audit log cannot be written: %s", request_id, failure)
