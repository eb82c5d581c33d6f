"""Changes that the policy refused, in the audit log: also who only tries is seen."""

from __future__ import annotations

import logging

from dragoman.errors import DragomanError, PolicyError
from dragoman.policy import Caller
from dragoman.server.state import AuditEntry, State

logger = logging.getLogger("dragoman.server")


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
