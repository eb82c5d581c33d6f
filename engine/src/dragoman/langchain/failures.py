"""Our errors as LangChain's: the same error, so that code which catches either tree goes on working."""

from __future__ import annotations

from langchain_core import exceptions

from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConnectionFailedError,
    ContextOverflowError,
    DragomanError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ServerError,
)

#: Ours -> the name of LangChain's, which retry and fallback middleware look for. The nearest base counts.
_NAMES: dict[type[ProviderError], str] = {
    ContextOverflowError: "ContextOverflowError",
    InvalidRequestError: "ModelInvalidRequestError",
    AuthenticationError: "ModelAuthenticationError",
    PermissionDeniedError: "ModelPermissionDeniedError",
    ModelNotFoundError: "ModelNotFoundError",
    RateLimitedError: "ModelRateLimitError",
    CallTimeoutError: "ModelTimeoutError",
    ConnectionFailedError: "ModelConnectionError",
    ServerError: "ModelAPIError",
}


def as_langchain(error: DragomanError) -> DragomanError:
    """Return the same error as one that also belongs to LangChain's tree; the error itself where that has no place."""
    kind = _kind_of(type(error))
    if kind is type(error):
        return error
    both = kind.__new__(kind, *error.args)
    both.__dict__.update(error.__dict__)
    both.args = error.args
    return both.with_traceback(error.__traceback__)


def _kind_of(ours: type[DragomanError]) -> type[DragomanError]:
    if (kind := _KINDS.get(ours)) is None:
        kind = _KINDS[ours] = _make_kind(ours)
    return kind


_KINDS: dict[type[DragomanError], type[DragomanError]] = {}


def _make_kind(ours: type[DragomanError]) -> type[DragomanError]:
    name = next((_NAMES[base] for base in ours.__mro__ if base in _NAMES), None)
    theirs = getattr(exceptions, name, None) if name else None  # older releases lack some
    if theirs is None:
        return ours
    members = {
        "__module__": __name__,
        "__doc__": ours.__doc__,
        "__reduce__": lambda self: (_rebuilt, (ours, self.args, self.__dict__)),
        "is_retryable": property(lambda self: self.retryable),
    }
    return type(ours.__name__, (ours, theirs), members)


def _rebuilt(ours: type[DragomanError], args: tuple[object, ...], state: dict[str, object]) -> DragomanError:
    kind = _kind_of(ours)
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error
