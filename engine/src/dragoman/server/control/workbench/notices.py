"""What a person accepts before they use a model, and that they did."""

from __future__ import annotations

from typing import Any

from dragoman.adapter import Notice
from dragoman.errors import NotSavedError
from dragoman.gateway_settings import NoticeSettings
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.notices import DEPLOYMENT, KIND, acceptance, accepted, mark_of, said
from dragoman.server.refusals import Refusal
from dragoman.server.state import AuditEntry


def notice_of(asked: Asked, notice: Notice | NoticeSettings | None) -> dict[str, Any] | None:
    """Return a notice with its digest and whether the caller accepted it; a changed notice is a new one."""
    if notice is None or not (said(notice) or notice.required):
        return None
    is_accepted = accepted(asked.state.store, asked.caller, notice)
    return {
        **said(notice), "required": bool(notice.required), "digest": mark_of(notice), "accepted": is_accepted
    }  # fmt: skip


async def accept(asked: Asked) -> Answer:
    """Record that the caller accepts the notice of an adapter, of a draft, or the deployment's, as it stands now."""
    subject, notice = await _named(asked)
    if notice is None or mark_of(notice) != asked.text("digest", needed=True):
        raise Refusal(409, "notice_changed", "the notice is another one now; read it again", param="digest")
    name = acceptance(asked.caller, notice)
    try:
        await asked.state.store.get(KIND, name)
    except NotSavedError:
        document = {"subject": subject, "notice": said(notice)}
        await asked.state.store.save(KIND, name, document, by=asked.actor)
        await asked.state.audit.append(
            AuditEntry(
                actor=asked.caller.name,
                action="notice.accept",
                subject=subject,
                key_id=asked.caller.key_id,
                new_digest=mark_of(notice),
                request_id=asked.request_id,
            )
        )
    return Answer(notice_of(asked, notice))


async def _named(asked: Asked) -> tuple[str, Notice | NoticeSettings | None]:
    adapter = asked.body.get("adapter")
    if adapter is None:
        return DEPLOYMENT, asked.engine.settings.server.notice
    if not isinstance(adapter, str | dict) or not adapter:
        raise Refusal(422, "invalid_body", "adapter is a name or a document", param="adapter")
    resolved = await asked.engine.resolve(adapter, caller=asked.caller)
    return f"adapter {resolved.name or '(unsaved)'}", resolved.adapter.notice


ROUTES = (
    Route(
        "POST", "/api/workbench/notices", accept, "user", "Accept a notice; it is recorded.",
        body={
            "type": "object",
            "required": ["digest"],
            "properties": {
                "adapter": {
                    "type": ["string", "object"],
                    "description": "whose notice: an adapter's name, or a draft; absent: the deployment's",
                },
                "digest": {"type": "string", "description": "of the notice as it was read"},
            },
        },
    ),
)  # fmt: skip
