"""One call of an HTTP endpoint: from a tool's arguments to the request, from the reply to what the model is told.

Pure functions but for :func:`call_endpoint`, which sends.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, urlencode, urlsplit

import orjson

from dragoman.adapter import Limits
from dragoman.agents.endpoint import PLACEHOLDER, Auth, Endpoint
from dragoman.errors import MessageError, ProviderError
from dragoman.provider import WireReply, WireRequest
from dragoman.secret import Secret
from dragoman.transport.tracing import outgoing_trace

if TYPE_CHECKING:
    from dragoman.transport.http import Transport

#: What the model is told of the body of an answer outside 2xx.
MAX_ERROR_CHARS = 2_000

_ACCEPTED = "application/json, text/*;q=0.9, */*;q=0.1"
_QUERY_METHODS = ("GET", "DELETE")
_TEXT_TYPES = re.compile(r"text/.*|application/(.*\+)?(json|xml|yaml|javascript)|application/x-ndjson|")
_CHARSET = re.compile(r"charset=\"?([A-Za-z0-9._-]+)", re.IGNORECASE)

Arguments = Mapping[str, Any]


class ToolFailedError(Exception):
    """A tool gave no result; the text says why, to the model."""


async def call_endpoint(
    endpoint: Endpoint,
    arguments: Arguments,
    *,
    transport: Transport,
    secret: Callable[[str], Awaitable[Secret]],
    timeout_s: float,
) -> str:
    """Call an endpoint once, and return what the model is told.

    Args:
        endpoint: Where.
        arguments: What the model wrote, checked against the tool's schema.
        transport: Sends; it decides where calls may go.
        secret: Returns a secret by its name.
        timeout_s: Between two arrivals of bytes; whoever calls bounds the whole.

    Raises:
        ToolFailedError: There is no answer, or none with a status of 2xx, or it is no text.
        SecretError: The secret is missing.
    """
    request = encode(endpoint, arguments)
    if endpoint.auth is not None:
        request = sign(request, endpoint.auth, await secret(endpoint.auth.secret))
    if (trace := outgoing_trace.get()) is not None:
        request = trace.added_to(request)
    limits = Limits(first_byte_timeout_s=timeout_s, chunk_timeout_s=timeout_s)
    pieces: list[bytes] = []
    size, is_cut = 0, False
    try:
        async with transport.stream(request, limits) as (reply, body):
            async for piece in body:
                pieces.append(piece[: endpoint.max_answer_bytes - size])
                size += len(piece)
                if is_cut := size > endpoint.max_answer_bytes:
                    break
    except ProviderError as error:
        raise ToolFailedError(error.message) from None
    if 200 <= reply.status < 300:
        reply = replace(reply, body=b"".join(pieces))
    return decode(reply, where(request.url), cut_at=endpoint.max_answer_bytes if is_cut else None)


# --- the request ---------------------------------------------------------------------------------------------------


def encode(endpoint: Endpoint, arguments: Arguments) -> WireRequest:
    """Return the request of one call, without its credentials.

    Raises:
        ToolFailedError: An argument cannot stand in the path or in a query.
    """
    url = PLACEHOLDER.sub(lambda found: _in_path(found[1], arguments[found[1]]), endpoint.url)
    rest = {name: value for name, value in arguments.items() if name not in endpoint.placeholders}
    headers = dict(endpoint.headers)
    if not any(name.lower() == "accept" for name in headers):
        headers["Accept"] = _ACCEPTED
    if endpoint.method not in _QUERY_METHODS:
        return WireRequest(endpoint.method, url, {**headers, "Content-Type": "application/json"}, orjson.dumps(rest))
    pairs = [pair for name, value in rest.items() for pair in _in_query(name, value)]
    return WireRequest(endpoint.method, _with_query(url, pairs), headers)


def sign(request: WireRequest, auth: Auth, secret: Secret) -> WireRequest:
    """Return the request with its credentials.

    Raises:
        ToolFailedError: The secret's value cannot stand in a header.
    """
    value = secret.reveal()
    if auth.kind == "query":
        return replace(request, url=_with_query(request.url, [(auth.name, value)]))
    if not re.fullmatch(r"[\x20-\x7e]+", value):
        raise ToolFailedError(f"the secret {auth.secret} is no line of ASCII text, which a header needs")
    if auth.kind == "header":
        name, line = auth.name, auth.prefix + value
    elif auth.kind == "bearer":
        name, line = "Authorization", f"Bearer {value}"
    else:
        name, line = "Authorization", "Basic " + base64.b64encode(f"{auth.user}:{value}".encode()).decode()
    others = {n: v for n, v in request.headers.items() if n.lower() != name.lower()}
    return replace(request, headers={**others, name: line})


def where(url: str) -> str:
    """Return ``host:port`` of an address; all that is told of it, because the rest may hold a secret."""
    return urlsplit(url).netloc


def _in_path(name: str, value: Any) -> str:
    text = _scalar(name, value)
    if text in ("", ".", ".."):
        raise ToolFailedError(f"the argument {name} cannot be {text!r}: it is a part of a path")
    return quote(text, safe="")


def _in_query(name: str, value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [(name, json.dumps(one) if isinstance(one, dict | list) else _scalar(name, one)) for one in values]


def _with_query(url: str, pairs: list[tuple[str, str]]) -> str:
    if not pairs:
        return url
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}{urlencode(pairs, quote_via=quote, safe='')}"


def _scalar(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise ToolFailedError(f"the argument {name} is no text, number or truth value, which an address needs")
    return str(value)


# --- the reply -----------------------------------------------------------------------------------------------------


def decode(reply: WireReply, host: str, *, cut_at: int | None = None) -> str:
    """Return what the model is told of a reply.

    Args:
        reply: Head and body.
        host: Who answered.
        cut_at: How many bytes were read where that is not all; ``None``: the body is whole.

    Raises:
        ToolFailedError: The status is not 2xx, or the body is no text.
    """
    if not 200 <= reply.status < 300:
        _refused(reply, host)
    if not reply.body:
        return f"done: {host} answered {reply.status}, with nothing in it"
    text = _text(reply)
    if text is None:
        kind = reply.headers.get("content-type", "").partition(";")[0]
        raise ToolFailedError(f"{host} answered with {kind}, which is no text")
    return text if cut_at is None else f"{text}\n[the answer goes on; these are its first {cut_at} bytes]"


def _refused(reply: WireReply, host: str) -> NoReturn:
    if 300 <= reply.status < 400:
        raise ToolFailedError(f"{host} answered {reply.status}: it wants to lead elsewhere, which is not followed")
    said = (_text(reply) or "").strip()
    said = f"{said[:MAX_ERROR_CHARS]}…" if len(said) > MAX_ERROR_CHARS else said
    raise ToolFailedError(f"{host} answered {reply.status}" + (f": {said}" if said else ""))


def _text(reply: WireReply) -> str | None:
    kind = reply.headers.get("content-type", "")
    if not _TEXT_TYPES.fullmatch(kind.partition(";")[0].strip().lower()):
        return None
    named = _CHARSET.search(kind)
    try:
        return reply.body.decode(named[1] if named else "utf-8", "replace")
    except LookupError:
        return reply.body.decode("utf-8", "replace")


# --- arguments -----------------------------------------------------------------------------------------------------


def check_schema(schema: Mapping[str, Any]) -> None:
    """Refuse what is no JSON Schema; raise ``MessageError`` that says what is wrong where."""
    import jsonschema
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise MessageError(f"{_at(error)}{error.message}") from None
    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))  # of nothing else, so of no network
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            raise MessageError(f"$ref names {reference!r}, which is not in it") from None


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def argument_problems(schema: Mapping[str, Any], arguments: Arguments) -> list[str]:
    """Return what is wrong with the arguments of a call, with the place of each; empty where they fit."""
    import jsonschema
    from referencing import Registry

    # Without a registry of its own, the validator would fetch what $ref names.
    validator = jsonschema.Draft202012Validator(schema, registry=Registry())
    found = sorted(validator.iter_errors(dict(arguments)), key=lambda error: list(map(str, error.path)))
    return [f"{_at(error)}{error.message}" for error in found]


def _at(error: Any) -> str:
    return f"{path}: " if (path := ".".join(map(str, error.path))) else ""
