"""Every error that Dragoman raises, as one tree.

An error carries a stable ``code``, the HTTP status that a gateway would answer with, and whether the same call may
be tried again. It never holds prompt text or a secret, and it survives pickling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

#: A provider's own words are cut to this many characters before they enter an error.
MAX_PROVIDER_MESSAGE_CHARS = 600


class DragomanError(Exception):
    """The root of the tree. ``str(error)`` is one line for a person and ends with what to do, where that is known."""

    code: ClassVar[str] = "error"
    default_http_status: ClassVar[int] = 500
    default_retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def http_status(self) -> int:
        """The HTTP status that fits this error; a provider's own status where it gave one."""
        return self.default_http_status

    @property
    def retryable(self) -> bool:
        """Whether the same call, sent again unchanged, may succeed."""
        return self.default_retryable

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: ``code``, ``message``, ``http_status``, ``retryable`` and the members that are set."""
        shown: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "http_status": self.http_status,
            "retryable": self.retryable,
        }
        shown.update(
            {k: v for k, v in self.__dict__.items() if v not in (None, (), "") and k not in shown and _is_json(v)}
        )
        return shown


def _rebuild(kind: type[DragomanError], args: tuple[Any, ...], state: dict[str, Any]) -> DragomanError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def _is_json(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


# --- what the deployment or the caller wrote ---------------------------------------------------------------------


class SettingsError(DragomanError):
    """The deployment's settings cannot be read or contradict each other."""

    code = "settings"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a document: ``path`` is dotted (``inference.top_p``; empty for the whole)."""

    path: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        return f"{text} ({self.hint})" if self.hint else text


class ProblemsError(DragomanError):
    """Several fields of a document are at fault; ``problems`` names every one at once."""

    code = "problems"

    def __init__(self, subject: str, problems: Iterable[Problem]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        super().__init__(f"{subject}: " + "; ".join(str(p) for p in self.problems))

    def as_dict(self) -> dict[str, Any]:
        problems = [{"path": p.path, "message": p.message, "hint": p.hint} for p in self.problems]
        return {**super().as_dict(), "problems": problems}


class DocumentError(ProblemsError):
    """An adapter document, or a change to one, does not hold."""

    code = "document"
    default_http_status = 422


class NameTakenError(DocumentError):
    """A name or an alias of an adapter is another one's already; the problems name the other."""

    code = "name_taken"
    default_http_status = 409


class PolicyError(ProblemsError):
    """A caller may not change what it asked to change."""

    code = "policy"
    default_http_status = 403


class MessageError(DragomanError):
    """A caller's messages, tools or tool choice cannot be read; the text names the member."""

    code = "message"
    default_http_status = 400


class DocumentNotFoundError(MessageError):
    """There is no document of this kind and name, such as a prompt, or no such version of it."""

    code = "document_not_found"
    default_http_status = 404


class AdapterNotFoundError(DragomanError):
    """No adapter answers to this name."""

    code = "adapter_not_found"
    default_http_status = 404


class PluginError(DragomanError):
    """A plugin is missing, failed to load, or broke its contract."""

    code = "plugin"


class SecretError(DragomanError):
    """A secret is missing or its source cannot be read. The text names the secret, never a value."""

    code = "secret"


class RefusedError(DragomanError):
    """A call cannot be made as it was asked for, and nothing was sent; ``path`` names the field where there is one."""

    code = "refused"
    default_http_status = 400

    def __init__(self, message: str, *, path: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"{path}: {message}" if path else message, hint=hint)
        self.path = path


class UnsupportedError(RefusedError):
    """The provider, or the model by its adapter's ``capabilities``, cannot express what was asked."""

    code = "unsupported"


class ConstraintError(RefusedError):
    """The adapter's ``constraints`` forbid this call."""

    code = "constraint"


class AddressRefusedError(RefusedError):
    """An API caller had a hand in the address of this call, and the address is not on the public internet."""

    code = "address_refused"
    default_http_status = 403


class AgentLimitError(DragomanError):
    """A run of an agent reached one of its bounds without an answer; ``path`` is the one: ``limits.timeout_s``."""

    code = "agent_limit"
    default_http_status = 504

    def __init__(self, message: str, *, path: str = "limits", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


# --- what a provider answered ------------------------------------------------------------------------------------


class ProviderError(DragomanError):
    """A call to a provider failed.

    Args:
        message: What happened, in one line. A provider's own message is welcome here: it is cut to
            :data:`MAX_PROVIDER_MESSAGE_CHARS`, and the engine removes every known secret value from it.
        status: The provider's HTTP status; ``None`` where there was no HTTP answer.
        provider: The provider's kind; the engine fills it in.
        model: What the call addressed; the engine fills it in.
        request_id: The provider's id of the request, for its support desk.
        provider_code: The provider's own error code or type, kept as it came.
        retry_after_s: Seconds the provider asked to wait; ``None`` where it did not say.
        stale_credentials: Whether the provider refused the credentials themselves (unknown, expired), so that the
            engine reads the secrets once more before it gives up. By default true for status 401 only.
        retryable: Overrules the class's own answer, for a provider that says so explicitly.
    """

    code = "provider"
    default_http_status = 502

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        provider: str | None = None,
        model: str | None = None,
        request_id: str | None = None,
        provider_code: str | None = None,
        retry_after_s: float | None = None,
        stale_credentials: bool | None = None,
        retryable: bool | None = None,
        hint: str | None = None,
    ) -> None:
        if len(message) > MAX_PROVIDER_MESSAGE_CHARS:
            message = message[: MAX_PROVIDER_MESSAGE_CHARS - 1] + "…"
        super().__init__(message, hint=hint)
        self.args = (message,)
        self.status = status
        self.provider = provider
        self.model = model
        self.request_id = request_id
        self.provider_code = provider_code
        self.retry_after_s = retry_after_s
        self.stale_credentials = status == 401 if stale_credentials is None else stale_credentials
        self.may_retry = retryable
        #: Whether the refused credentials were cached ones, now dropped: the next attempt acquires others.
        self.credentials_dropped = False

    @property
    def http_status(self) -> int:
        return self.default_http_status

    @property
    def retryable(self) -> bool:
        return self.default_retryable if self.may_retry is None else self.may_retry


class InvalidRequestError(ProviderError):
    """The provider refused the request as it is (400, 413, 422 and the like)."""

    code = "invalid_request"
    default_http_status = 400


class ContextOverflowError(InvalidRequestError):
    """The conversation is longer than the model takes."""

    code = "context_overflow"


class ModelNotFoundError(ProviderError):
    """The provider knows no such model, deployment or endpoint (404)."""

    code = "model_not_found"
    default_http_status = 404


class AuthenticationError(ProviderError):
    """The provider does not accept the credentials (401)."""

    code = "authentication"
    default_http_status = 401


class PermissionDeniedError(ProviderError):
    """The credentials are known but may not do this (402, 403)."""

    code = "permission_denied"
    default_http_status = 403


class ConflictError(ProviderError):
    """The provider reports a conflicting state that may pass (409)."""

    code = "conflict"
    default_http_status = 409
    default_retryable = True


class RateLimitedError(ProviderError):
    """The provider's limit is reached (429)."""

    code = "rate_limited"
    default_http_status = 429
    default_retryable = True


class CallTimeoutError(ProviderError):
    """A deadline passed: the provider's (408) or the call's own; ``phase`` says which.

    ``phase`` is ``connect``, ``first_byte``, ``between_chunks``, ``total`` or ``provider``.
    """

    code = "timeout"
    default_http_status = 504
    default_retryable = True

    def __init__(self, message: str, *, phase: str = "provider", **rest: Any) -> None:
        super().__init__(message, **rest)
        self.phase = phase


class ServerError(ProviderError):
    """The provider failed on its side (5xx)."""

    code = "server"
    default_retryable = True


class ConnectionFailedError(ProviderError):
    """The provider could not be reached, or the connection broke."""

    code = "connection"
    default_retryable = True


class ContentFilteredError(ProviderError):
    """The provider's content filter refused the request; an answer cut by a filter is a finish reason instead."""

    code = "content_filter"
    default_http_status = 400


class ProtocolError(ProviderError):
    """The provider's answer is not what its protocol promises: not JSON, a missing member, a stream cut off."""

    code = "protocol"


#: HTTP status -> class, for every provider. A plugin refines single rows by the provider's own error code.
ERROR_BY_STATUS: dict[int, type[ProviderError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: PermissionDeniedError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    408: CallTimeoutError,
    409: ConflictError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    424: ServerError,
    429: RateLimitedError,
}


def error_class_for_status(status: int) -> type[ProviderError]:
    """Return the class for an HTTP status outside 2xx; a redirect counts as a protocol error (none is followed)."""
    if known := ERROR_BY_STATUS.get(status):
        return known
    if status >= 500:
        return ServerError
    return InvalidRequestError if status >= 400 else ProtocolError


# --- what the gateway keeps --------------------------------------------------------------------------------------


class StateError(DragomanError):
    """The gateway's database or journal cannot be used just now, or is not what this version expects."""

    code = "state"
    default_http_status = 503
    default_retryable = True


class NotSavedError(DragomanError):
    """Nothing of this name, number or id was ever saved, or it was deleted."""

    code = "not_saved"
    default_http_status = 404


class RevisionConflictError(DragomanError):
    """Somebody else saved meanwhile. ``current_revision`` is the latest one's number; 0: there is none."""

    code = "revision_conflict"
    default_http_status = 412

    def __init__(self, message: str, *, current_revision: int = 0, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.current_revision = current_revision


class KeyRefusedError(DragomanError):
    """A gateway key cannot be made as it was asked for; the text names the member."""

    code = "key"
    default_http_status = 422
