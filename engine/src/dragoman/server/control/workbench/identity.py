"""Whether a draft's calls would come through, and as whom: the steps of `dragoman doctor`, one after another."""

from __future__ import annotations

from contextlib import aclosing

from dragoman.server.control.checking import check
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.control.workbench.drafts import resolve_draft


async def examine(asked: Asked) -> Answer:
    """Return the steps, from the document to a call of one token; a failed one is the last."""
    resolved = await resolve_draft(asked, asked.mapping("document"))
    whole = {name: value for name, value in resolved.document.items() if name != "name"}
    is_unchanged = set(asked.mapping("document")) <= {"name"}
    adapter = resolved.name if is_unchanged and resolved.name else whole
    steps = []
    async with aclosing(check(asked, adapter)) as found:
        async for step in found:
            shown = {"name": step.name, "state": step.state, "message": step.message, "hint": step.hint}
            steps.append(shown | {"detail": step.detail})
    return Answer({"steps": steps})


ROUTES = (
    Route(
        "POST", "/api/workbench/identity", examine, "admin", "Check a draft step by step, up to a call.",
        body={"type": "object", "required": ["document"], "properties": {"document": {"type": "object"}}},
    ),
)  # fmt: skip
