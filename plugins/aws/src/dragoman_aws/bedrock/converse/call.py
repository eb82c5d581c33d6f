"""``endpoint_kwargs``: arguments of the call that are neither conversation nor inference, under AWS's own names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from dragoman.errors import UnsupportedError

Wire = dict[str, Any]

MAX_METADATA = 16  # pairs; service model of bedrock-runtime, botocore 1.44.5

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_REFUSED_HEADERS = frozenset(
    {
        "accept", "accept-encoding", "api-key", "authorization", "connection", "content-length", "content-type",
        "cookie",
        "date", "expect", "forwarded", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade", "via", "x-api-key", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-port", "x-forwarded-proto", "x-real-ip",
    }
)  # fmt: skip


def add_endpoint_kwargs(body: Wire, headers: dict[str, str], endpoint_kwargs: Mapping[str, Any]) -> None:
    """Write the call's own arguments into body and headers; refuse unknown ones."""
    for name, value in endpoint_kwargs.items():
        if name == "headers":
            headers.update(checked_headers(value))
            continue
        check = _ARGUMENTS.get(name)
        if check is None:
            refuse_argument("is not known", name, f"there are headers, {', '.join(_ARGUMENTS)}")
        body[name] = check(value, name)


def checked_headers(value: Any) -> Mapping[str, str]:
    """Return extra headers; refuse those that say who calls, whom, or how the request is read."""
    if not isinstance(value, Mapping):
        refuse_argument("an object of texts is expected", "headers")
    for name, text in value.items():
        if name.lower() in _REFUSED_HEADERS or name.lower().startswith("x-amz"):
            refuse_argument("cannot be set here", f"headers.{name}", "connection and credentials decide who calls what")
        if not _HEADER_NAME.fullmatch(name):
            refuse_argument("is no name for it", f"headers.{name!r}")
        if not isinstance(text, str) or not text.isprintable():
            refuse_argument("one line of text is expected", f"headers.{name}")
    return value


def checked_metadata(value: Any, name: str) -> Any:
    """Return request metadata; refuse what Bedrock does not take."""
    if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
        refuse_argument("an object of texts is expected", name)
    if not 1 <= len(value) <= MAX_METADATA:
        refuse_argument(f"1 to {MAX_METADATA} pairs are expected", name)
    return value


def _variables(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping):
        refuse_argument("an object of texts is expected", name)
    written = {variable: {"text": text} if isinstance(text, str) else text for variable, text in value.items()}
    if not all(isinstance(v, Mapping) and isinstance(v.get("text"), str) for v in written.values()):
        refuse_argument('each variable is a text, or {"text": …}', name)
    return written


def _paths(value: Any, name: str) -> Any:
    if not isinstance(value, list) or not all(isinstance(v, str) and v.startswith("/") for v in value):
        refuse_argument("a list of JSON pointers such as /stop_sequence is expected", name)
    return value


_ARGUMENTS: Mapping[str, Callable[[Any, str], Any]] = {
    "requestMetadata": checked_metadata,
    "promptVariables": _variables,
    "additionalModelResponseFieldPaths": _paths,
}


def refuse_argument(what: str, path: str, hint: str | None = None) -> NoReturn:
    """Raise for an argument of ``endpoint_kwargs``."""
    raise UnsupportedError(what, path=f"endpoint_kwargs.{path}", hint=hint)
