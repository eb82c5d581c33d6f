"""Bedrock's refusals as errors of ours: by the type that AWS names in a header, else by status, never by text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConflictError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ServerError,
    error_class_for_status,
)
from dragoman.plugin import WireReply

from dragoman_aws.eventstream import EventFrame
from dragoman_aws.identity.denial import denial_hint

REQUEST_ID_HEADER = "x-amzn-requestid"
ERROR_TYPE_HEADER = "x-amzn-errortype"


class Rule(NamedTuple):
    """What a type means; ``None`` leaves the member to the error's class."""

    kind: type[ProviderError]
    retryable: bool | None = None
    stale_credentials: bool | None = None
    hint: str | None = None


_BAD_CREDENTIALS = Rule(AuthenticationError, stale_credentials=True, hint="the call was made with {who}")
_NOT_ALLOWED = Rule(PermissionDeniedError, stale_credentials=False)
_QUOTA = "a quota of the AWS account is reached: Service Quotas shows and raises it"

#: Type, in lower case and without ``exception`` at its end -> what it means. Types and their statuses: service model
#: of bedrock-runtime, botocore 1.44.5; those about credentials: AWS common errors, read 2026-11.
RULES: Mapping[str, Rule] = {
    "validation": Rule(InvalidRequestError),
    "serialization": Rule(InvalidRequestError),
    "accessdenied": _NOT_ALLOWED,
    "notauthorized": _NOT_ALLOWED,
    "optinrequired": _NOT_ALLOWED,
    "resourcenotfound": Rule(
        ModelNotFoundError, hint="check the adapter's model and region, and that the account may use the model"
    ),
    "unknownoperation": Rule(ModelNotFoundError, hint="check connection.endpoint_url"),
    "conflict": Rule(ConflictError),
    "throttling": Rule(RateLimitedError),
    "toomanyrequests": Rule(RateLimitedError),
    "modelnotready": Rule(RateLimitedError),
    "servicequotaexceeded": Rule(RateLimitedError, retryable=False, hint=_QUOTA),
    "modeltimeout": Rule(CallTimeoutError),
    "modelerror": Rule(ServerError),
    "modelstreamerror": Rule(ServerError),
    "internalserver": Rule(ServerError),
    "internalfailure": Rule(ServerError),
    "serviceunavailable": Rule(ServerError),
    "expiredtoken": _BAD_CREDENTIALS,
    "requestexpired": _BAD_CREDENTIALS,
    "unrecognizedclient": _BAD_CREDENTIALS,
    "invalidclienttokenid": _BAD_CREDENTIALS,
    "invalidsignature": _BAD_CREDENTIALS,
    "signaturedoesnotmatch": _BAD_CREDENTIALS,
    "incompletesignature": _BAD_CREDENTIALS,
    "missingauthenticationtoken": _BAD_CREDENTIALS,
}


def error_of(reply: WireReply, who: str) -> ProviderError:
    """Return the error of a reply outside 2xx.

    Args:
        reply: The answer. Its type stands in a header, with an address after it that is cut off.
        who: The identity that made the call, for a person.
    """
    body = _body(reply.body)
    named = reply.headers.get(ERROR_TYPE_HEADER) or body.get("__type") or body.get("code")
    return _error(_type(named), _message(body), reply, reply.status, who)


def error_in_stream(frame: EventFrame, reply: WireReply, who: str) -> ProviderError:
    """Return the error that a frame of a stream is: an exception of the service, or an error of the protocol."""
    body = _body(frame.data)
    status = body.get("originalStatusCode")
    message = _message(body) or frame.headers.get(":error-message")
    text = message if isinstance(message, str) else None
    return _error(frame.event, text, reply, status if isinstance(status, int) else None, who)


def _error(code: str | None, message: str | None, reply: WireReply, status: int | None, who: str) -> ProviderError:
    rule = RULES.get((code or "").lower().removesuffix("exception"))
    if rule is None:
        rule = Rule(ServerError if status is None else error_class_for_status(status))
    text = message or "Bedrock gave no reason"
    hint = rule.hint.replace("{who}", who) if rule.hint else None
    if issubclass(rule.kind, PermissionDeniedError):
        hint = denial_hint(text, who)
    label = " ".join(str(part) for part in (status, code) if part is not None)
    return rule.kind(
        f"{label}: {text}" if label else text,
        status=status,
        request_id=reply.headers.get(REQUEST_ID_HEADER),
        provider_code=code,
        stale_credentials=bool(rule.stale_credentials),
        retryable=rule.retryable,
        hint=hint,
    )


def _type(named: Any) -> str | None:
    """Return a type without the address behind its colon, and without the namespace before its hash."""
    if not isinstance(named, str) or not named.strip():
        return None
    return named.partition(":")[0].rpartition("#")[2].strip() or None


def _body(raw: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _message(body: Mapping[str, Any]) -> str | None:
    text = body.get("message") or body.get("Message")
    return " ".join(text.split()) if isinstance(text, str) and text.strip() else None
