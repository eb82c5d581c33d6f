"""SageMaker's refusals as errors of ours: by type, by the container's own status, else by status; never by text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
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

#: Reads a container's own error body: its text, ``None`` where it holds none.
ReadMessage = Callable[[bytes], str | None]


class Rule(NamedTuple):
    """What a type means; ``None`` leaves the member to the error's class."""

    kind: type[ProviderError]
    stale_credentials: bool | None = None
    hint: str | None = None


_BAD_CREDENTIALS = Rule(AuthenticationError, stale_credentials=True, hint="the call was made with {who}")
_NOT_ALLOWED = Rule(PermissionDeniedError, stale_credentials=False)
_CHECK = "check the adapter's model, connection.region and connection.inference_component"

#: Type, in lower case and without ``exception`` at its end -> what it means. Types and their statuses: service model
#: of sagemaker-runtime, botocore 1.44.5; those about credentials: AWS common errors, read 2026-11.
RULES: Mapping[str, Rule] = {
    "validationerror": Rule(InvalidRequestError, hint=_CHECK),
    "validation_error": Rule(InvalidRequestError, hint=_CHECK),
    "validation": Rule(InvalidRequestError, hint=_CHECK),
    "resourcenotfound": Rule(ModelNotFoundError, hint=_CHECK),
    "unknownoperation": Rule(ModelNotFoundError, hint="check connection.endpoint_url"),
    "modelnotready": Rule(RateLimitedError, hint="the endpoint is still loading its model"),
    "throttling": Rule(RateLimitedError),
    "internalfailure": Rule(ServerError),
    "serviceunavailable": Rule(ServerError),
    "internaldependency": Rule(ServerError),
    "internalstreamfailure": Rule(ServerError),
    "accessdenied": _NOT_ALLOWED,
    "notauthorized": _NOT_ALLOWED,
    "optinrequired": _NOT_ALLOWED,
    "expiredtoken": _BAD_CREDENTIALS,
    "requestexpired": _BAD_CREDENTIALS,
    "unrecognizedclient": _BAD_CREDENTIALS,
    "invalidclienttokenid": _BAD_CREDENTIALS,
    "invalidsignature": _BAD_CREDENTIALS,
    "signaturedoesnotmatch": _BAD_CREDENTIALS,
    "incompletesignature": _BAD_CREDENTIALS,
    "missingauthenticationtoken": _BAD_CREDENTIALS,
}
_BY_STATUS: Mapping[int, Rule] = {
    413: Rule(
        InvalidRequestError, hint="the request is too long for this endpoint; connection.invocation async takes more"
    ),
    424: Rule(ServerError),
}
_SCALING = Rule(RateLimitedError, hint="the inference component scales up from zero; try again in a few minutes")
#: ``ErrorCode`` of a ModelStreamError -> class.
_STREAM_CODES: Mapping[str, type[ProviderError]] = {"ModelInvocationTimeExceeded": CallTimeoutError}


def error_of(reply: WireReply, who: str, read: ReadMessage) -> ProviderError:
    """Return the error of a reply outside 2xx.

    Args:
        reply: The answer. Its type stands in a header, with an address after it that is cut off.
        who: The identity that made the call, for a person.
        read: Reads what the container itself said.
    """
    body = _body(reply.body)
    inside = body.get("error")
    if isinstance(inside, dict):  # the OpenAI route
        body = inside
    code = _type(reply.headers.get(ERROR_TYPE_HEADER) or body.get("__type") or body.get("code"))
    if "OriginalStatusCode" in body or "OriginalMessage" in body:
        return _model_error(body, code, reply, read)
    return _error(code, _message(body), reply, who, reply.status)


def error_in_stream(frame: EventFrame, reply: WireReply, who: str) -> ProviderError:
    """Return the error that a frame of a stream is."""
    body = _body(frame.data)
    text = _message(body) or frame.headers.get(":error-message")
    code = body.get("ErrorCode")
    if frame.event.lower() != "modelstreamerror":
        return _error(frame.event, text if isinstance(text, str) else None, reply, who, None)
    kind = _STREAM_CODES.get(str(code), ServerError)
    words = f"the container's stream broke: {without_accounts(str(text or 'no reason given'))}"
    return kind(words, provider_code=str(code or frame.event), request_id=reply.headers.get(REQUEST_ID_HEADER))


def failure_of(raw: bytes, read: ReadMessage) -> ProviderError:
    """Return the error that an asynchronous call left instead of its answer."""
    body = _body(raw)
    if "OriginalStatusCode" in body or "OriginalMessage" in body:
        return _model_error(body, None, WireReply(424, {}), read)
    text = read(raw) or _message(body) or " ".join(raw.decode("utf-8", "replace").split())
    return ServerError(f"the asynchronous call failed: {without_accounts(text) or 'no reason given'}")


def _model_error(body: Mapping[str, Any], code: str | None, reply: WireReply, read: ReadMessage) -> ProviderError:
    """Return what the container answered; its own status decides what kind of error that is.

    A 401 or 403 is the container's word, and says nothing about AWS's credentials.
    """
    status = body.get("OriginalStatusCode")
    given = status if isinstance(status, int) and 400 <= status <= 599 else None
    original = body.get("OriginalMessage")
    text = read(original.encode()) or original if isinstance(original, str) and original.strip() else _message(body)
    answered = f"the container answered {given}" if given else "the container failed"
    return (error_class_for_status(given) if given else ServerError)(
        f"{answered}: {without_accounts(' '.join(text.split()) if text else 'it gave no reason')}",
        status=reply.status,
        request_id=reply.headers.get(REQUEST_ID_HEADER),
        provider_code=code or "ModelError",
        stale_credentials=False,
        hint=_log_hint(body.get("LogStreamArn")),
    )


def _error(code: str | None, message: str | None, reply: WireReply, who: str, status: int | None) -> ProviderError:
    rule = _SCALING if no_capacity(message or "") else RULES.get((code or "").lower().removesuffix("exception"))
    rule = rule or _BY_STATUS.get(status or 0)
    if rule is None:
        rule = Rule(ServerError if status is None else error_class_for_status(status))
    text = message or "SageMaker gave no reason"
    hint = rule.hint.replace("{who}", who) if rule.hint else None
    if issubclass(rule.kind, PermissionDeniedError):
        hint = denial_hint(text, who)
    else:
        text = without_accounts(text)
    label = " ".join(str(part) for part in (status, code) if part is not None)
    return rule.kind(
        f"{label}: {text}" if label else text,
        status=status,
        request_id=reply.headers.get(REQUEST_ID_HEADER),
        provider_code=code,
        stale_credentials=bool(rule.stale_credentials),
        hint=hint,
    )


def no_capacity(message: str) -> bool:
    """Return whether SageMaker says that no instance is up yet.

    Type and status are those of any validation error (400), so here the text must be read. Recorded August 2026.
    """
    return "has no capacity to process this request" in message


# --- what is forwarded -------------------------------------------------------------------------------------------

_ACCOUNT = re.compile(r"\b(account\s+|arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:)\d{12}\b", re.IGNORECASE)
_CONSOLE = re.compile(r"\s*See https://\S*console\.aws\S* in account \S+ for more information\.?", re.IGNORECASE)


def without_accounts(text: str) -> str:
    """Return a text without account numbers: whoever reads a model's error need not know whose endpoint it was."""
    return _ACCOUNT.sub(r"\1…", _CONSOLE.sub("", text))


def _log_hint(arn: Any) -> str | None:
    """Say where the container's log is: group and stream, which its operator finds without the account's number."""
    if not isinstance(arn, str):
        return None
    found = re.search(r":log-group:(?P<group>[^:]+)(?::log-stream:(?P<stream>.+))?$", arn)
    if found is None:
        return None
    stream = f", stream {found['stream']}" if found["stream"] else ""
    return f"the container's log is in CloudWatch, group {found['group']}{stream}"


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
    text = body.get("Message") or body.get("message")
    return " ".join(text.split()) if isinstance(text, str) and text.strip() else None
