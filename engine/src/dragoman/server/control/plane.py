"""Finding the operation of a request, asking whether the caller may use it, and answering."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from urllib.parse import parse_qsl, unquote

import orjson

from dragoman.engine import Engine
from dragoman.errors import PolicyError
from dragoman.policy import Caller
from dragoman.policy.caller import RANKS
from dragoman.server.auditing import audit_refusal
from dragoman.server.calls import Call
from dragoman.server.control import accounts, deployment, inspection, workbench
from dragoman.server.control.kinds import KINDS
from dragoman.server.control.openapi import openapi_document
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.control.saved import routes_of
from dragoman.server.exchange import JSON, Exchange
from dragoman.server.refusals import Refusal
from dragoman.server.state import State
from dragoman.server.static import takes_gzip

MAX_BODY_BYTES = 2 * 1024 * 1024
BODY_TIMEOUT_S = 30
#: Stands for a slash inside a part of an address while it is taken apart; no address has this character by itself.
_SLASH = "\ue000"
#: Answers of the control API that are longer go compressed to clients that take it, such as the page's schemas.
MIN_COMPRESSED_BYTES = 8 * 1024
GZIP_LEVEL = 4


class ControlPlane:
    """The control API of one server process.

    ``call`` makes a call for the ledger out of a request, its caller, the operation and what tells it apart.
    """

    def __init__(self, engine: Engine, state: State, call: Callable[..., Call]) -> None:
        self._engine = engine
        self._state = state
        self._call = call
        described = Route("GET", "/api/openapi.json", self._describe, "user", "This document.")
        groups = (accounts.ROUTES, deployment.ROUTES, inspection.ROUTES, workbench.ROUTES, *map(routes_of, KINDS))
        self._routes = (*(route for group in groups for route in group), described)
        self._patterns = [(re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", r.path)), r) for r in self._routes]

    async def answer(self, exchange: Exchange, caller: Caller, _: str | None) -> None:
        """Answer one request.

        Raises:
            Refusal, DragomanError: It cannot be done; the gateway answers with it.
        """
        route, path = self._find(exchange)
        if RANKS[caller.role] < RANKS[route.role]:
            raise Refusal(403, "permission", f"this is for role {route.role} and above")
        asked = Asked(
            engine=self._engine,
            state=self._state,
            caller=caller,
            request_id=exchange.request_id,
            path=path,
            query=dict(parse_qsl(exchange.scope["query_string"].decode("latin-1"), max_num_fields=50)),
            body=await _body(exchange, route),
            call=partial(self._call, exchange, caller),
            when_gone=exchange.when_gone,
            if_match=_header(exchange, b"if-match"),
            if_none_match=_header(exchange, b"if-none-match"),
        )
        try:
            body, status, etag, media_type = await route.operation(asked)
        except PolicyError as error:
            await audit_refusal(self._state, caller, error, action=route.action, request_id=exchange.request_id)
            raise
        kind = JSON if media_type is None else (b"content-type", media_type.encode())
        headers = [kind, (b"cache-control", b"no-store"), *([(b"etag", etag.encode())] if etag else [])]
        if etag is not None and exchange.method == "GET" and asked.if_none_match == etag:
            await exchange.answer(304, b"", headers)
            return
        data = orjson.dumps(body, default=str) if media_type is None else str(body).encode()
        if len(data) > MIN_COMPRESSED_BYTES and takes_gzip(exchange):
            data = await asyncio.to_thread(gzip.compress, data, GZIP_LEVEL)
            headers.append((b"content-encoding", b"gzip"))
        await exchange.answer(status, data, headers)

    def _find(self, exchange: Exchange) -> tuple[Route, dict[str, str]]:
        is_known, path = False, _path(exchange)
        for pattern, route in self._patterns:
            found = pattern.fullmatch(path)
            if found is not None and route.method == exchange.method:
                return route, {name: part.replace(_SLASH, "/") for name, part in found.groupdict().items()}
            is_known = is_known or found is not None
        if is_known:
            raise Refusal(405, "method_not_allowed", f"{exchange.method} is not answered here")
        raise Refusal(404, "unknown_url", "there is nothing here; /api/openapi.json lists what there is")

    async def _describe(self, asked: Asked) -> Answer:
        return Answer(openapi_document(self._routes, version("dragoman")))


async def _body(exchange: Exchange, route: Route) -> dict[str, object]:
    if exchange.method == "GET":
        return {}
    announced = exchange.headers.get(b"content-length", b"0")
    if route.body is None and announced == b"0" and b"transfer-encoding" not in exchange.headers:
        return {}
    return await exchange.json_object(MAX_BODY_BYTES, BODY_TIMEOUT_S)


def _path(exchange: Exchange) -> str:
    """Return the address's path, in which ``%2F`` is a slash of a name and parts nothing: aliases may hold some."""
    raw: bytes = exchange.scope.get("raw_path") or b""
    if b"%2f" not in raw.lower():
        return exchange.path
    return "/".join(unquote(part).replace("/", _SLASH) for part in raw.decode("ascii").split("/"))


def _header(exchange: Exchange, name: bytes) -> str | None:
    value = exchange.headers.get(name)
    return None if value is None else value.decode("latin-1").strip()
