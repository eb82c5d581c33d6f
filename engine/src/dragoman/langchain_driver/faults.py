"""What a LangChain class raises, as errors of ours: by status, then by the names of its classes, in one table.

Names, because the engine imports no SDK; a class's bases count, the nearest first. An error that nobody knows shows its
type and the line that raised it: its text may hold a prompt or a key, and shows neither.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConnectionFailedError,
    ContentFilteredError,
    ContextOverflowError,
    DragomanError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    ServerError,
    UnsupportedError,
    error_class_for_status,
)
from dragoman.langchain_driver.vocabulary import at_path, first_text
from dragoman.transport.retry import retry_after_s

#: Links of a chain of causes that are looked at.
MAX_CAUSES = 10


class _Fault(NamedTuple):
    kind: type[ProviderError]
    text: str
    phase: str | None = None


_TIMEOUT = _Fault(CallTimeoutError, "no answer in time", "first_byte")
_NO_CONNECT = _Fault(CallTimeoutError, "no connection in time", "connect")
_UNREACHED = _Fault(ConnectionFailedError, "the provider could not be reached, or the connection broke")
_GARBLED = _Fault(ProtocolError, "the answer cannot be read")
_NO_CREDENTIALS = _Fault(AuthenticationError, "the class found no credentials")

#: Class name -> what it means: LangChain's own errors, then those of Python and of the HTTP clients and SDKs in use.
_FAULTS: Mapping[str, _Fault] = {
    "ContextOverflowError": _Fault(ContextOverflowError, "the conversation is longer than the model takes"),
    "ModelAuthenticationError": _Fault(AuthenticationError, "the credentials were refused"),
    "ModelPermissionDeniedError": _Fault(PermissionDeniedError, "the credentials may not do this"),
    "ModelInvalidRequestError": _Fault(InvalidRequestError, "the request was refused"),
    "ModelNotFoundError": _Fault(ModelNotFoundError, "the model is not known"),
    "ModelRateLimitError": _Fault(RateLimitedError, "the provider's limit is reached"),
    "ModelRefusalError": _Fault(ContentFilteredError, "the model declined to answer"),
    "ModelAPIError": _Fault(ServerError, "the provider failed"),
    "ModelConnectionError": _UNREACHED,
    "ModelTimeoutError": _TIMEOUT,
    "TimeoutError": _TIMEOUT,
    "TimeoutException": _TIMEOUT,
    "Timeout": _TIMEOUT,
    "APITimeoutError": _TIMEOUT,
    "ReadTimeoutError": _TIMEOUT,
    "StreamChunkTimeoutError": _Fault(CallTimeoutError, "nothing more of the answer in time", "between_chunks"),
    "ConnectTimeout": _NO_CONNECT,
    "ConnectTimeoutError": _NO_CONNECT,
    "ConnectionError": _UNREACHED,
    "APIConnectionError": _UNREACHED,
    "TransportError": _UNREACHED,
    "ClientConnectionError": _UNREACHED,
    "ClientPayloadError": _UNREACHED,
    "HTTPClientError": _UNREACHED,
    "gaierror": _UNREACHED,
    "SSLError": _UNREACHED,
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": _NO_CREDENTIALS,
    "JSONDecodeError": _GARBLED,
    "APIResponseValidationError": _GARBLED,
}

_STATUS_PATHS = (
    "status_code", "response.status_code", "status", "http_status", "response.ResponseMetadata.HTTPStatusCode",
)  # fmt: skip
_MESSAGE_PATHS = ("body.error.message", "body.message", "response.Error.Message", "body.detail", "body", "message")
_CODE_PATHS = ("code", "body.error.code", "body.error.type", "body.code", "body.type", "response.Error.Code", "type")
_HEADER_PATHS = ("response.headers", "headers", "response.ResponseMetadata.HTTPHeaders")
_REQUEST_ID_PATHS = ("request_id", "response.ResponseMetadata.RequestId")


def translate(error: Exception, subject: str) -> DragomanError:
    """Return the error of ours for one that a LangChain class raised.

    Args:
        error: What it raised. One of ours among its causes, for example a missing secret's, is returned as it is.
        subject: What the text calls the class.
    """
    ours = _ours_among(error)
    if ours is not None:
        return ours
    if isinstance(error, NotImplementedError):
        return UnsupportedError(f"{subject} cannot do this ({_place(error)})")
    fault = next((_FAULTS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _FAULTS), None)
    status = _status(error)
    if status is not None:
        return _answered(error, status, subject, fault)
    if fault is None:
        return ProviderError(f"{subject} failed: {type(error).__name__} at {_place(error)}")
    rest: dict[str, Any] = {"phase": fault.phase} if fault.phase else {}
    return fault.kind(f"{subject}: {fault.text} ({type(error).__name__})", **rest)


def _answered(error: Exception, status: int, subject: str, fault: _Fault | None) -> ProviderError:
    kind = error_class_for_status(status)
    if fault is not None and issubclass(fault.kind, kind):  # it knows more than the status says
        kind = fault.kind
    words, code = first_text(error, _MESSAGE_PATHS), first_text(error, _CODE_PATHS)
    label = f"{status} {code}" if code else str(status)
    headers = _headers(error)
    return kind(
        f"{label}: {' '.join(words.split())}" if words else f"{label}: the provider did not say more to {subject}",
        status=status,
        request_id=first_text(error, _REQUEST_ID_PATHS) or headers.get("x-request-id"),
        provider_code=code,
        retry_after_s=retry_after_s(headers, now_s=time.time()),
    )


def _ours_among(error: BaseException) -> DragomanError | None:
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None or isinstance(cause, DragomanError):
            return cause
        cause = cause.__cause__
    return None


def _status(error: Exception) -> int | None:
    found = (at_path(error, path) for path in _STATUS_PATHS)
    return next((int(status) for status in found if isinstance(status, int) and 300 <= status <= 599), None)


def _headers(error: Exception) -> dict[str, str]:
    found = next((h for path in _HEADER_PATHS if isinstance(h := at_path(error, path), Mapping)), {})
    return {str(name).lower(): str(value) for name, value in found.items()}


def _place(error: BaseException) -> str:
    traceback: Any = error.__traceback__
    if traceback is None:
        return "an unknown place"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_globals.get('__name__', '?')}:{traceback.tb_lineno}"
