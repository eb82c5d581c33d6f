"""Error answers as errors of ours: by status and by the provider's code, in one table, never by message text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ContentFilteredError,
    ContextOverflowError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ServerError,
    error_class_for_status,
)
from dragoman.plugin import WireReply

#: Where the id of a request is found; the first that is there counts.
REQUEST_ID_HEADERS = ("x-request-id", "apim-request-id", "x-ms-request-id")


class Rule(NamedTuple):
    """What a provider's code means; ``None`` leaves the member to the error's class."""

    kind: type[ProviderError]
    retryable: bool | None = None
    stale_credentials: bool | None = None
    hint: str | None = None


_OVERFLOW = Rule(ContextOverflowError, hint="shorten the conversation or lower inference.max_tokens")
_FILTERED = Rule(ContentFilteredError)
_SPENT = Rule(RateLimitedError, retryable=False, hint="the account's quota is spent: check its plan and billing")
_BAD_KEY = Rule(AuthenticationError, stale_credentials=True, hint="check the secret that `credentials` names")
_NO_MODEL = Rule(ModelNotFoundError, hint="check the adapter's model, and that the key may use it")
_FORBIDDEN = Rule(PermissionDeniedError, stale_credentials=False)
_BUSY = Rule(ServerError)
_RATE = Rule(RateLimitedError)

#: Codes and types that say more than the status, in lower case; whichever member of the error they come in.
RULES: Mapping[str, Rule] = {
    "context_length_exceeded": _OVERFLOW,
    "exceed_context_size_error": _OVERFLOW,  # llama.cpp server
    "content_filter": _FILTERED,
    "content_policy_violation": _FILTERED,
    "responsibleaipolicyviolation": _FILTERED,  # Azure
    "insufficient_quota": _SPENT,
    "billing_hard_limit_reached": _SPENT,
    "billing_not_active": _SPENT,
    "invalid_api_key": _BAD_KEY,
    "expired_api_key": _BAD_KEY,
    "invalid_token": _BAD_KEY,
    "token_expired": _BAD_KEY,
    "expiredauthenticationtoken": _BAD_KEY,  # Azure
    "invalidauthenticationtoken": _BAD_KEY,  # Azure
    "account_deactivated": _FORBIDDEN,
    "unsupported_country_region_territory": _FORBIDDEN,
    "model_not_found": _NO_MODEL,
    "deploymentnotfound": _NO_MODEL,  # Azure
    "rate_limit_exceeded": _RATE,
}

#: Types that are as general as a status; they count only where an error came without one, inside a stream.
GENERAL_RULES: Mapping[str, Rule] = {
    "invalid_request_error": Rule(InvalidRequestError),
    "badrequesterror": Rule(InvalidRequestError),  # vLLM
    "validation": Rule(InvalidRequestError),  # TGI
    "authentication_error": Rule(AuthenticationError),
    "permission_error": Rule(PermissionDeniedError),
    "not_found_error": Rule(ModelNotFoundError),
    "notfounderror": Rule(ModelNotFoundError),  # vLLM
    "rate_limit_error": _RATE,
    "timeout": Rule(CallTimeoutError),
    "server_error": _BUSY,
    "api_error": _BUSY,
    "internalservererror": _BUSY,  # vLLM, Azure
    "overloaded": _BUSY,  # TGI
    "overloaded_error": _BUSY,
    "engine_overloaded": _BUSY,
    "service_unavailable": _BUSY,
}

#: What to do about a refused body member, by the error's ``param``.
_PARAMETER_HINTS: Mapping[str, str] = {
    "max_tokens": "set connection.max_tokens_field to max_completion_tokens",
    "max_completion_tokens": "set connection.max_tokens_field to max_tokens",
    "stream_options": "set connection.stream_usage to false",
}
_STATUS_HINTS: Mapping[int, str] = {
    401: "check the secret that `credentials` names",
    404: "check the address in the adapter's connection, and its model",
}


class ErrorBody(NamedTuple):
    """What an error answer says. Absent members are ``None``; ``codes`` are in the order of what they tell."""

    message: str | None = None
    codes: tuple[str, ...] = ()
    param: str | None = None
    status: int | None = None


def error_of(reply: WireReply) -> ProviderError:
    """Return the error of a reply outside 2xx."""
    return _error(_read(_json(reply.body)), reply, reply.status, _words_of(reply))


def error_in_answer(answer: Mapping[str, Any], reply: WireReply) -> ProviderError:
    """Return the error that came inside a 2xx reply: as its whole body, or as a frame of its stream."""
    body = _read(answer)
    return _error(body, reply, body.status, "the provider reported an error inside its answer")


def request_id_of(reply: WireReply) -> str | None:
    """Return the provider's id of the request; ``None`` where it sends none."""
    return next((reply.headers[name] for name in REQUEST_ID_HEADERS if name in reply.headers), None)


def _error(body: ErrorBody, reply: WireReply, status: int | None, otherwise: str) -> ProviderError:
    rule = _rule_for(body, status)
    message = body.message or otherwise
    label = " ".join(str(p) for p in (status, body.codes[0] if body.codes else None) if p is not None)
    return rule.kind(
        f"{label}: {message}" if label else message,
        status=status,
        request_id=request_id_of(reply),
        provider_code=body.codes[0] if body.codes else None,
        retryable=_SHOULD_RETRY.get(reply.headers.get("x-should-retry", ""), rule.retryable),
        stale_credentials=rule.stale_credentials,
        hint=rule.hint or _hint(body, status),
    )


_SHOULD_RETRY: Mapping[str, bool | None] = {"true": True, "false": False}


def _rule_for(body: ErrorBody, status: int | None) -> Rule:
    codes = [code.lower() for code in body.codes]
    for rules in (RULES,) if status is not None else (RULES, GENERAL_RULES):
        if rule := next((rules[code] for code in codes if code in rules), None):
            return rule
    return Rule(ProviderError if status is None else error_class_for_status(status))


def _hint(body: ErrorBody, status: int | None) -> str | None:
    if status in (400, 422) and body.param is not None:
        if body.param.startswith("messages[") and body.param.endswith("].role"):
            return "set connection.system_role to a role that the model takes"
        return _PARAMETER_HINTS.get(body.param)
    return _STATUS_HINTS.get(status or 0)


# --- the shapes of error bodies ----------------------------------------------------------------------------------


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _read(body: Any) -> ErrorBody:
    """Read ``{"error": {…}}``, ``{"error": "text"}``, the same members without ``error`` around them, or ``"text"``."""
    if isinstance(body, str):
        return ErrorBody(_text(body))
    if not isinstance(body, Mapping):
        return ErrorBody()
    inside = body.get("error") or body
    if isinstance(inside, str):
        codes = [body.get("error_type")]  # TGI
        return ErrorBody(_text(inside), tuple(c for c in codes if isinstance(c, str)))
    if not isinstance(inside, Mapping):
        return ErrorBody()
    deeper = inside.get("innererror")
    innermost = deeper.get("code") if isinstance(deeper, Mapping) else None
    code = inside.get("code")
    codes = [code, inside.get("type"), innermost]
    return ErrorBody(
        message=_text(inside.get("message") or inside.get("detail")),
        codes=tuple(str(c) for c in codes if isinstance(c, str | int) and c not in ("", 0)),
        param=_text(inside.get("param")),
        status=_status(code) or _status(inside.get("status")),
    )


def _text(value: Any) -> str | None:
    return " ".join(value.split()) if isinstance(value, str) and value.strip() else None


def _status(value: Any) -> int | None:
    number = int(value) if isinstance(value, int | str) and str(value).isdecimal() else 0
    return number if 400 <= number <= 599 else None


def _words_of(reply: WireReply) -> str:
    """Say in one line what a body that is no JSON holds: plain text as it is, anything else by its kind.

    Some servers send words without saying what they are, or call them JSON.
    """
    kind = reply.headers.get("content-type", "").partition(";")[0].strip()
    if kind in ("", "text/plain", "application/json") and (text := _text(reply.body.decode("utf-8", "replace"))):
        return text
    return f"the provider answered without a message ({kind or 'no content type'})"
