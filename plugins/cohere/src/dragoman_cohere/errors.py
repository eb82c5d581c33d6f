"""Error answers as errors of ours: by status and by the provider's ``error_type``, never by message text.

The body is ``{"id", "message"}`` and holds no code (recorded answers of 2025; docs.cohere.com/reference/errors,
November 2026): too long a conversation is a plain 400, and so an ``InvalidRequestError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from dragoman.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    PermissionDeniedError,
    ProviderError,
    ServerError,
    error_class_for_status,
)
from dragoman.plugin import WireReply

from dragoman_cohere.wire import request_id_of


class Rule(NamedTuple):
    """What a status or an ``error_type`` means; ``None`` leaves the member to the error's class."""

    kind: type[ProviderError]
    retryable: bool | None = None
    stale_credentials: bool | None = None
    hint: str | None = None


_CHECK_KEY = "check the secret that `credentials` names"

#: Statuses that mean something else here than everywhere, or say what to do.
STATUS_RULES: Mapping[int, Rule] = {
    401: Rule(AuthenticationError, hint=_CHECK_KEY),
    402: Rule(PermissionDeniedError, hint="the account's billing limit is reached: see Cohere's dashboard"),
    404: Rule(error_class_for_status(404), hint="check the adapter's model, and that the key may use it"),
    429: Rule(error_class_for_status(429), hint="trial keys have low limits per minute and month"),
    498: Rule(AuthenticationError, stale_credentials=True, hint=_CHECK_KEY),  # invalid token
    499: Rule(ConnectionFailedError),  # the request was cancelled on its way
    501: Rule(ServerError, retryable=False),  # not implemented
}

#: ``error_type`` of an error inside an answer.
TYPE_RULES: Mapping[str, Rule] = {
    # The model wrote a call that its tool's schema does not allow; Cohere asks for other messages or definitions.
    "INVALID_TOOL_GENERATION": Rule(InvalidRequestError, hint="change the messages or the tools' definitions"),
}


def error_of(reply: WireReply) -> ProviderError:
    """Return the error of a reply outside 2xx."""
    body = _object(reply.body)
    message = _text(body.get("message")) or _words_of_proxy(body.get("error")) or _words_of(reply)
    code = _text(body.get("error_type"))
    rule = _rule(code, reply.status)
    return _error(rule, message, code, reply, status=reply.status, body_id=_text(body.get("id")))


def error_in_answer(members: Mapping[str, Any], reply: WireReply) -> ProviderError:
    """Return the error that came with a 2xx status: as a whole answer, or at a stream's end.

    Args:
        members: What holds ``error`` (a text) and ``error_type``, or ``message``.
        reply: The answer that it came in.
    """
    code = _text(members.get("error_type"))
    message = _text(members.get("error")) or _text(members.get("message"))
    rule = TYPE_RULES.get(code or "") or Rule(ServerError)
    return _error(rule, message or "Cohere reported an error inside its answer", code, reply, status=None)


def _rule(code: str | None, status: int) -> Rule:
    if code is not None and code in TYPE_RULES:
        return TYPE_RULES[code]
    return STATUS_RULES.get(status) or Rule(error_class_for_status(status))


def _error(
    rule: Rule, message: str, code: str | None, reply: WireReply, *, status: int | None, body_id: str | None = None
) -> ProviderError:
    label = " ".join(str(part) for part in (status, code) if part is not None)
    return rule.kind(
        f"{label}: {message}" if label else message,
        status=status,
        request_id=request_id_of(reply) or body_id,
        provider_code=code,
        retryable=rule.retryable,
        stale_credentials=rule.stale_credentials,
        hint=rule.hint,
    )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    return " ".join(value.split()) if isinstance(value, str) and value.strip() else None


def _words_of_proxy(error: Any) -> str | None:
    """Return what a proxy in front of Cohere says: ``{"error": "…"}`` or ``{"error": {"message": "…"}}``."""
    return _text(error.get("message") if isinstance(error, Mapping) else error)


def _words_of(reply: WireReply) -> str:
    """Say in one line what a body that is no JSON holds: plain text as it is, anything else by its kind."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "text/plain" and (text := _text(reply.body.decode("utf-8", "replace"))):
        return text
    return f"Cohere answered without a message ({kind or 'no content type'})"
