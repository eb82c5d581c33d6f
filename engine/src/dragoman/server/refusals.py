"""How a failed request is answered: one table from our errors to OpenAI's shape.

Who is no administrator reads nothing of where calls go or as whom: a provider's words about credentials, names and
addresses, and what is wrong with the deployment, are replaced. The log has them, under the request's id.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from dragoman.errors import (
    AdapterNotFoundError,
    AddressRefusedError,
    AgentLimitError,
    AuthenticationError,
    CallTimeoutError,
    ConflictError,
    ConnectionFailedError,
    ConstraintError,
    ContentFilteredError,
    ContextOverflowError,
    DocumentError,
    DocumentNotFoundError,
    DragomanError,
    InvalidRequestError,
    KeyRefusedError,
    MessageError,
    ModelNotFoundError,
    NameTakenError,
    NotSavedError,
    PermissionDeniedError,
    PluginError,
    PolicyError,
    ProblemsError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    RefusedError,
    RevisionConflictError,
    SecretError,
    ServerError,
    SettingsError,
    StateError,
)
from dragoman.gateway_settings import RoleName

#: Seconds to wait where nobody knows better.
RETRY_AFTER_S = 1


class Refusal(Exception):  # noqa: N818  (an answer, not a fault)
    """A request that is answered with an error.

    Args:
        status: The HTTP status.
        code: A stable word for what it is.
        message: One line for whoever wrote the request.
        param: The field of the request that it is about.
        retry_after_s: When to try again; ``None``: the answer does not say.
        problems: Every field at fault, where there are several.
        display: What an end user may read; ``None``: what the table below says of the code or the status.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        problems: tuple[Mapping[str, Any], ...] = (),
        display: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.problems = problems
        self.display = display

    def as_object(self) -> dict[str, Any]:
        """Return the member ``error`` of the answer."""
        shown: dict[str, Any] = {
            "message": self.message,
            "type": _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error"),
            "param": self.param,
            "code": self.code,
            "display_message": self.display or _display(self.status, self.code),
        }
        if self.problems:
            shown["problems"] = self.problems
        return shown

    def body(self) -> bytes:
        """Return the answer's body."""
        return orjson.dumps({"error": self.as_object()})

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers beside those of every answer."""
        if self.retry_after_s is None:
            return []
        return [(b"retry-after", str(max(1, math.ceil(self.retry_after_s))).encode())]


class _Row(NamedTuple):
    """How one class of errors is answered. ``hidden`` is what others than administrators read instead."""

    status: int
    code: str
    hidden: str | None = None


_DEPLOYMENT = "this adapter cannot be called just now because of how the gateway is set up"
_UNREACHABLE = "the model's provider cannot be reached"

#: The first row whose class fits counts.
_ROWS: tuple[tuple[type[DragomanError], _Row], ...] = (
    (AdapterNotFoundError, _Row(404, "model_not_found")),
    (PolicyError, _Row(403, "policy")),
    (NameTakenError, _Row(409, "name_taken")),
    (DocumentError, _Row(400, "invalid_settings")),
    (DocumentNotFoundError, _Row(404, "not_found")),
    (MessageError, _Row(400, "invalid_messages")),
    (AgentLimitError, _Row(504, "agent_limit")),
    (ConstraintError, _Row(400, "context_length_exceeded")),
    (
        AddressRefusedError,
        _Row(403, "address_refused", "this adapter leads where an API caller may have nothing called"),
    ),
    (RefusedError, _Row(400, "unsupported")),
    (ContextOverflowError, _Row(400, "context_length_exceeded")),
    (InvalidRequestError, _Row(400, "invalid_request")),
    (ContentFilteredError, _Row(400, "content_filter")),
    (RateLimitedError, _Row(429, "rate_limit_exceeded")),
    (CallTimeoutError, _Row(504, "timeout")),
    (ModelNotFoundError, _Row(404, "upstream_model_not_found", "the provider does not have this adapter's model")),
    (AuthenticationError, _Row(502, "upstream_authentication", "the provider does not let the gateway in")),
    (PermissionDeniedError, _Row(502, "upstream_permission", "the provider does not let the gateway do this")),
    (ConflictError, _Row(503, "upstream_conflict")),
    (ConnectionFailedError, _Row(502, "upstream_unreachable", _UNREACHABLE)),
    (ProtocolError, _Row(502, "upstream_protocol", "the provider's answer cannot be read")),
    (ServerError, _Row(502, "upstream_error")),
    (ProviderError, _Row(502, "upstream_error")),
    (NotSavedError, _Row(404, "not_saved")),
    (RevisionConflictError, _Row(412, "revision_conflict")),
    (KeyRefusedError, _Row(422, "invalid_key")),
    (StateError, _Row(503, "unavailable", "the gateway cannot do this just now")),
    (SecretError, _Row(500, "deployment", _DEPLOYMENT)),
    (SettingsError, _Row(500, "deployment", _DEPLOYMENT)),
    (PluginError, _Row(500, "deployment", _DEPLOYMENT)),
)
_ANY = _Row(500, "internal", "the gateway failed")

#: Fields of a document that are a caller's own business: what is wrong with them is shown to everybody.
_OPEN_FIELDS = ("inference", "model_kwargs")


def refusal_of(error: Exception, role: RoleName) -> Refusal:
    """Return how an error is answered to a caller of this role."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RecursionError):
        return Refusal(400, "invalid_json", "the body is nested too deeply")
    row = next((row for kind, row in _ROWS if isinstance(error, kind)), _ANY)
    if isinstance(error, ProblemsError):
        return _refused_fields(error, row, role)
    if not isinstance(error, DragomanError):
        return Refusal(row.status, row.code, _ANY.hidden or "")
    status = error.http_status if isinstance(error, RefusedError) else row.status
    message = str(error) if row.hidden is None or role == "admin" else row.hidden
    return Refusal(status, row.code, message, param=_param(error), retry_after_s=_retry_after_s(error, status))


def _refused_fields(error: ProblemsError, row: _Row, role: RoleName) -> Refusal:
    shown = list(error.problems)
    if role != "admin" and not isinstance(error, PolicyError | NameTakenError):
        shown = [p for p in shown if p.path.split(".")[0] in _OPEN_FIELDS]
    if not shown:
        return Refusal(500, "deployment", _DEPLOYMENT)
    problems = tuple({"path": p.path, "message": p.message, "hint": p.hint} for p in shown)
    message = f"{error.subject}: " + "; ".join(map(str, shown))
    return Refusal(row.status, row.code, message, param=shown[0].path or None, problems=problems)


def _param(error: DragomanError) -> str | None:
    return "model" if isinstance(error, AdapterNotFoundError) else getattr(error, "path", None)


def _retry_after_s(error: DragomanError, status: int) -> float | None:
    if status not in (429, 503):
        return None
    asked: float | None = getattr(error, "retry_after_s", None)
    return RETRY_AFTER_S if asked is None else asked


# --- words -------------------------------------------------------------------------------------------------------

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}

#: What an end user may read, by code, else by status.
_BY_CODE = {
    "unknown_url": "There is nothing at this address.",
    "not_saved": "This is not there, or not there any more.",
    "unavailable": "This cannot be done just now. Please try again in a moment.",
    "context_length_exceeded": "The conversation is too long for this model. Shorten it or start a new one.",
    "content_filter": "The request was refused by the content filter. Please put it differently.",
}
_BY_STATUS = {
    400: "The request cannot be answered as it is.",
    401: "You are not signed in.",
    403: "You may not do this.",
    404: "This model is not there, or you may not use it.",
    405: "This cannot be done here.",
    408: "The request took too long to arrive.",
    409: "This clashes with something that is there already.",
    412: "Somebody else changed this meanwhile. Please look at it again.",
    413: "The request is too large.",
    429: "Too many requests just now. Please try again in a moment.",
    502: "The model did not answer as expected. Please try again.",
    503: "The service is busy. Please try again in a moment.",
    504: "The model took too long to answer. Please try again.",
}


def _display(status: int, code: str) -> str:
    other = "Something went wrong." if status >= 500 else _BY_STATUS[400]
    return _BY_CODE.get(code) or _BY_STATUS.get(status) or other
