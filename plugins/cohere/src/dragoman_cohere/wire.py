"""What all of Cohere's endpoints have in common: the address, headers, extra body members, and how JSON is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode

import orjson
from dragoman.errors import MessageError, ProtocolError, UnsupportedError
from dragoman.plugin import WireReply, WireRequest

Wire = dict[str, Any]

#: Where the id of a request is found; the first that is there counts. Cohere's own is the second.
REQUEST_ID_HEADERS = ("x-request-id", "x-debug-trace-id")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go.

    Args:
        url: The whole address, without a query.
        model: The body's ``model``.
        headers: Headers that go with every request; none of them a credential.
    """

    url: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict)


def post(endpoint: Endpoint, body: Wire, endpoint_kwargs: Mapping[str, Any], *, stream: bool = False) -> WireRequest:
    """Return the request that sends a body."""
    accept = "text/event-stream" if stream else "application/json"
    headers = {"Content-Type": "application/json", "Accept": accept, **endpoint.headers}
    url = add_endpoint_kwargs(endpoint.url, headers, endpoint_kwargs) if endpoint_kwargs else endpoint.url
    try:
        return WireRequest("POST", url, headers, orjson.dumps(body, default=_plain))
    except TypeError as error:
        raise MessageError(f"the request cannot be written as JSON: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


# --- what an adapter adds ----------------------------------------------------------------------------------------


def merge_model_kwargs(body: Wire, model_kwargs: Mapping[str, Any], places: Mapping[str, str]) -> None:
    """Merge an adapter's own members into the body.

    Args:
        body: What the codec has written.
        model_kwargs: The members.
        places: Members that the codec writes itself, with where they are set instead: refused.
    """
    for name, value in model_kwargs.items():
        if name in places:
            refuse("is written by the adapter's own settings", f"model_kwargs.{name}", f"use {places[name]}")
        body[name] = value


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_REFUSED_HEADERS = frozenset(
    {
        "accept", "accept-encoding", "api-key", "authorization", "connection", "content-length", "content-type",
        "cookie", "expect", "forwarded", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade", "via", "x-api-key", "x-client-name", "x-forwarded-for",
        "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip",
    }
)  # fmt: skip
_REFUSED_QUERY = frozenset({"access_token", "api-key", "api_key", "apikey", "key", "token"})


def add_endpoint_kwargs(url: str, headers: dict[str, str], endpoint_kwargs: Mapping[str, Any]) -> str:
    """Add ``endpoint_kwargs.headers`` to the headers and return the URL with ``endpoint_kwargs.query``.

    Authentication, host and address headers are refused, and so is what the codec or the transport writes itself.
    """
    if unknown := sorted(set(endpoint_kwargs) - {"headers", "query"}):
        refuse("is not known", f"endpoint_kwargs.{unknown[0]}", "there are headers and query")
    headers.update(_strings(endpoint_kwargs, "headers", _REFUSED_HEADERS))
    query = _strings(endpoint_kwargs, "query", _REFUSED_QUERY)
    return f"{url}?{urlencode(query)}" if query else url


def _strings(endpoint_kwargs: Mapping[str, Any], group: str, refused: frozenset[str]) -> Mapping[str, str]:
    path = f"endpoint_kwargs.{group}"
    values = endpoint_kwargs.get(group) or {}
    if not isinstance(values, Mapping):
        refuse("an object of texts is expected", path)
    for name, value in values.items():
        if name.lower() in refused:
            refuse("cannot be set here", f"{path}.{name}", "connection and credentials decide who calls what")
        if not _HEADER_NAME.fullmatch(name):
            refuse("is no name for it", f"{path}.{name!r}")
        if not isinstance(value, str) or not value.isprintable():
            refuse("one line of text is expected", f"{path}.{name}")
    return values


def refuse(what: str, path: str, hint: str | None = None) -> NoReturn:
    """Raise the refusal of a part of a request, by its path."""
    raise UnsupportedError(what, path=path, hint=hint)


# --- answers -----------------------------------------------------------------------------------------------------


def read_answer(reply: WireReply) -> dict[str, Any]:
    """Return the JSON object of a 2xx reply; raise ``ProtocolError`` where it is none."""
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        kind = reply.headers.get("content-type", "no content type")
        raise broken(reply, f"the answer is not JSON ({kind})") from None
    if not isinstance(answer, dict):
        raise broken(reply, "the answer is no JSON object")
    return answer


def broken(reply: WireReply, what: str) -> ProtocolError:
    """Return the error of an answer that is not what the protocol promises."""
    return ProtocolError(
        what,
        status=reply.status,
        request_id=request_id_of(reply),
        hint="check that connection.base_url is the address of a Cohere API",
    )


def request_id_of(reply: WireReply) -> str | None:
    """Return the provider's id of the request; ``None`` where it sends none."""
    return next((reply.headers[name] for name in REQUEST_ID_HEADERS if name in reply.headers), None)


def figure(raw: Any, name: str) -> int | None:
    """Return a count of an object of figures; ``None`` where it says nothing. The API's schema has them as doubles."""
    value = raw.get(name) if isinstance(raw, Mapping) else None
    return int(value) if isinstance(value, int | float) else None
