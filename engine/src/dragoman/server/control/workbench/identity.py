"""Whether a draft's calls would come through, as whom, and what has to be allowed for it."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from dragoman.resolve import Resolved
from dragoman.server.control.checking import check
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.control.workbench.drafts import resolve_draft

#: How a check ended, as a saved document.
KIND = "check"


async def examine(asked: Asked) -> Answer:
    """Return the steps, from the document to a call of one token; a failed one is the last."""
    resolved = await resolve_draft(asked, asked.mapping("document"))
    adapter = _as_called(asked, resolved)
    steps = []
    async with aclosing(check(asked, adapter)) as found:
        async for step in found:
            shown = {"name": step.name, "state": step.state, "message": step.message, "hint": step.hint}
            steps.append(shown | {"detail": step.detail})
    if isinstance(adapter, str) and steps:
        await _remember(asked, adapter, steps[-1], resolved.digest)
    return Answer({"steps": steps})


async def permissions(asked: Asked) -> Answer:
    """Return the policies that a draft's identities need."""
    adapter = _as_called(asked, await resolve_draft(asked, asked.mapping("document")))
    found = await asked.engine.permissions(adapter, caller=asked.caller, purposes=asked.texts("for") or ())
    return Answer(found.as_dict())


def _as_called(asked: Asked, draft: Resolved) -> str | dict[str, Any]:
    """Return the name of an adapter that the draft leaves as it is; else the whole document, as its caller's own."""
    if draft.name and set(asked.mapping("document")) <= {"name"}:
        return draft.name
    return {name: value for name, value in draft.document.items() if name != "name"}


async def _remember(asked: Asked, adapter: str, last: dict[str, Any], digest: str) -> None:
    """Keep how the check of a saved adapter ended, for the list of models; what a draft's check found is forgotten."""
    found = {"state": last["state"], "step": last["name"], "message": last["message"], "digest": digest}
    await asked.state.store.save(KIND, adapter, found, by=asked.actor)


def last_check(asked: Asked, adapter: str) -> dict[str, Any] | None:
    """Return how the last check of an adapter ended, and when; what exactly it found is for administrators."""
    revision = asked.state.store.current(KIND).get(adapter)
    if revision is None:
        return None
    document = revision.document
    shown = {"state": document["state"], "at": revision.saved_at.isoformat(), "digest": document["digest"]}
    if asked.caller.role == "admin":
        shown |= {"step": document["step"], "message": document["message"]}
    return shown


ROUTES = (
    Route(
        "POST", "/api/workbench/identity", examine, "admin", "Check a draft step by step, up to a call.",
        body={"type": "object", "required": ["document"], "properties": {"document": {"type": "object"}}},
    ),
    Route(
        "POST", "/api/workbench/permissions", permissions, "admin", "Show the policies that a draft's identities need.",
        body={
            "type": "object",
            "required": ["document"],
            "properties": {
                "document": {"type": "object"}, "for": {"type": "array", "items": {"type": "string"}},
            },
        },
    ),
)  # fmt: skip
