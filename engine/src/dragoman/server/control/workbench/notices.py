"""What a person accepts before they use a model, and that they did."""

from __future__ import annotations

from typing import Any

from dragoman.adapter import digest
from dragoman.errors import NotSavedError
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.refusals import Refusal
from dragoman.server.state import AuditEntry

KIND = "notice"


async def notice_of(asked: Asked, notice: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a notice with its digest and whether the caller accepted it; a changed notice is a new one."""
    if not notice:
        return None
    mark = digest(notice)
    return {**notice, "digest": mark, "accepted": _name(asked, mark) in asked.state.store.current(KIND)}


async def accept(asked: Asked) -> Answer:
    """Record that the caller accepts the notice of an adapter, as it stands now."""
    adapter, mark = asked.text("adapter", needed=True) or "", asked.text("digest", needed=True)
    resolved = await asked.engine.resolve(adapter, caller=asked.caller)
    notice = resolved.document.get("notice")
    if not notice or digest(notice) != mark:
        raise Refusal(409, "notice_changed", "the notice is another one now; read it again", param="digest")
    name = _name(asked, mark)
    try:
        await asked.state.store.get(KIND, name)
    except NotSavedError:
        await asked.state.store.save(KIND, name, {"adapter": resolved.name, "notice": notice}, by=asked.actor)
        subject = f"adapter {resolved.name}"
        await asked.state.audit.append(
            AuditEntry(actor=asked.caller.name, action="notice.accept", subject=subject, new_digest=mark)
        )
    return Answer(await notice_of(asked, notice))


def _name(asked: Asked, mark: str) -> str:
    return f"{mark} {digest({'caller': asked.caller.key_id or asked.caller.name})}"


ROUTES = (
    Route(
        "POST", "/api/workbench/notices", accept, "user", "Accept an adapter's notice; it is recorded.",
        body={
            "type": "object",
            "required": ["adapter", "digest"],
            "properties": {"adapter": {"type": "string"}, "digest": {"type": "string"}},
        },
    ),
)  # fmt: skip
