"""The gateway: which request goes to which door, and what holds for all of them."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import orjson

from dragoman.adapter import Operation
from dragoman.constraints import estimate_input
from dragoman.engine import Engine
from dragoman.errors import StateError
from dragoman.events import Usage
from dragoman.gateway_settings import ServerSettings
from dragoman.policy import Caller
from dragoman.provider import ChatRequest
from dragoman.server.authentication import Authenticator
from dragoman.server.calls import Call
from dragoman.server.doors import models
from dragoman.server.doors.chat_answer import chat_answer
from dragoman.server.doors.chat_request import ChatAsked, read_chat
from dragoman.server.doors.chat_stream import DONE, ChatFrames
from dragoman.server.doors.texts import embed_answer, read_embed, read_rerank, rerank_answer
from dragoman.server.exchange import STREAM_HEADERS, Bodies, ClientGoneError, Exchange, HeldBytes, Receive, Scope, Send
from dragoman.server.logs import RequestLog, current_exchange
from dragoman.server.metrics import CONTENT_TYPE, Metrics
from dragoman.server.notices import Notices
from dragoman.server.refusals import RETRY_AFTER_S, Refusal, refusal_of
from dragoman.server.state import State
from dragoman.server.static import is_page, send_file

if TYPE_CHECKING:
    from dragoman.telemetry import Telemetry

logger = logging.getLogger("dragoman.server")

Door = Callable[[Exchange, Caller, "str | None"], Awaitable[None]]

_DEPLOYMENTS = "/openai/deployments/"


class Gateway:
    """The doors of one server process, on one event loop.

    Args:
        engine: Calls the models.
        state: Keeps keys, ledger and audit log.
        authenticator: Tells who calls.
        settings: What the server bears.
        log: Where requests are logged.
        telemetry: Makes spans and metrics of calls; ``None``: nobody asked for them.
    """

    def __init__(
        self,
        engine: Engine,
        state: State,
        authenticator: Authenticator,
        *,
        settings: ServerSettings,
        log: RequestLog,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.engine = engine
        self.state = state
        self.metrics = Metrics()
        self.log = log
        self._authenticator = authenticator
        self._settings = settings
        self._telemetry = telemetry
        self._notices = Notices(settings.notice, state.store)
        self._in_flight = 0
        self._held = HeldBytes(settings.max_held_bytes)
        #: Ids are unique without asking the system for randomness each time; nothing rests on their being secret.
        self._id_prefix = os.urandom(8).hex()
        self._count = itertools.count()
        self._control: Door | None = None
        self.metrics.watch_in_flight(lambda: self._in_flight)
        self.metrics.watch_engine(engine.figures)
        self._doors: dict[tuple[str, str], Door] = {
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/embeddings"): self._embed,
            ("POST", "/v1/rerank"): self._rerank,
            ("GET", "/v1/models"): self._models,
            ("GET", "/openai/models"): self._models,
            ("GET", "/openai/deployments"): self._deployments,
            ("GET", "/metrics"): self._figures,
        }
        self._named_doors: tuple[tuple[str, str, str, Door], ...] = (
            ("POST", _DEPLOYMENTS, "/chat/completions", self._chat),
            ("POST", _DEPLOYMENTS, "/embeddings", self._embed),
            ("GET", "/v1/models/", "", self._model),
            ("GET", "/openai/models/", "", self._model),
            ("GET", _DEPLOYMENTS, "", self._deployment),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send, f"req_{self._id_prefix}{next(self._count):08x}", self._held)
        if self._settings.log_bodies and not exchange.path.startswith("/api"):  # which shows new keys
            exchange.bodies = Bodies()
        current_exchange.set(exchange)
        self._in_flight += 1
        try:
            await self._answer(exchange)
        except ClientGoneError:
            exchange.error_code = exchange.error_code or "client_gone"
        except Exception as error:  # noqa: BLE001  (every request gets an answer)
            await self._fail(exchange, error)
        finally:
            self._in_flight -= 1
            self._held.now -= exchange.held_bytes
            self.log.write(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        if self._in_flight > self._settings.max_concurrency:
            self.metrics.refused("overloaded")
            raise Refusal(503, "overloaded", "the gateway is busy", retry_after_s=RETRY_AFTER_S)
        if is_page(exchange.method, exchange.path):
            await send_file(exchange)
            return
        door, name = self._find(exchange)
        try:
            caller = exchange.caller = await self._authenticator.identify(exchange)
        except Refusal as refusal:
            self.metrics.refused(refusal.code)
            raise
        await door(exchange, caller, name)

    async def _fail(self, exchange: Exchange, error: Exception) -> None:
        role = exchange.caller.role if exchange.caller else "user"
        refusal = refusal_of(error, role)
        if refusal.code == "internal" and refusal is not error:  # a call has told of it already
            logger.error("request %s failed", exchange.request_id, exc_info=error)
        if exchange.has_begun:
            exchange.error_code = refusal.code
        else:
            await exchange.refuse(refusal)

    # --- which door ----------------------------------------------------------------------------------------------

    def _find(self, exchange: Exchange) -> tuple[Door, str | None]:
        """Return the door of a request, and the adapter that its address names."""
        path, method = exchange.path, exchange.method
        door = self._doors.get((method, path))
        if door is not None:
            return door, None
        if path.startswith("/api/") or path == "/api":
            return self._control_plane(), None
        named, name = self._named(method, path)
        if named is not None:
            return named, name
        if any(known == path for _, known in self._doors):
            raise Refusal(405, "method_not_allowed", f"{method} is not answered here")
        raise Refusal(404, "unknown_url", f"there is nothing at {method} {path[:200]}")

    def _named(self, method: str, path: str) -> tuple[Door | None, str | None]:
        """Return the door of an address that an adapter's name stands in; names may hold slashes."""
        for expected, prefix, suffix, door in self._named_doors:
            name = path[len(prefix) : len(path) - len(suffix)]
            if method == expected and name and path.startswith(prefix) and path.endswith(suffix):
                return door, name
        return None, None

    def _control_plane(self) -> Door:
        if self._control is None:
            from dragoman.server.control import ControlPlane  # most processes answer models' calls alone

            self._control = ControlPlane(self.engine, self.state, self._inner_call).answer
        return self._control

    # --- calls ---------------------------------------------------------------------------------------------------

    def _call(self, exchange: Exchange, caller: Caller, operation: Operation) -> Call:
        if self.state.ledger.unbookable is not None:
            self.metrics.refused("unavailable")
            raise StateError(f"calls cannot be booked just now: {self.state.ledger.unbookable}")
        return Call(
            exchange,
            caller,
            operation,
            state=self.state,
            metrics=self.metrics,
            notices=self._notices,
            telemetry=self._telemetry,
        )

    def _inner_call(
        self, exchange: Exchange, caller: Caller, part: str | None = None, operation: Operation = "chat"
    ) -> Call:
        """Return a call that the control plane makes; ``part`` tells several of one request apart."""
        call = self._call(exchange, caller, operation)
        call.part, call.after_s = part, exchange.duration_s if part is not None else 0.0
        return call

    async def _body(self, exchange: Exchange) -> dict[str, Any]:
        return await exchange.json_object(self._settings.max_body_bytes, self._settings.body_timeout_s)

    async def _chat(self, exchange: Exchange, caller: Caller, name: str | None) -> None:
        async with self._call(exchange, caller, "chat") as call:
            asked = await read_chat(self.engine, await self._body(exchange), name)
            call.watch_client()
            resolved = call.begin(await asked.asked.resolve(self.engine, caller), is_saved=asked.asked.is_saved)
            exchange.extra_headers += asked.asked.headers()
            request = ChatRequest(asked.messages, resolved.settings, asked.tools)
            call.sent = lambda: estimate_input(request)
            if asked.stream:
                await self._stream_chat(exchange, caller, call, asked)
                return
            response = await self.engine.chat(
                resolved, asked.messages, tools=asked.tools, tool_choice=asked.tool_choice, observe=call.observe
            )
            call.usage = lambda: response.usage
            answer = chat_answer(
                response,
                id=f"chatcmpl-{exchange.request_id}",
                created=int(time.time()),
                model=_model_name(resolved.name),
                role=caller.role,
            )
            await self._finish(exchange, call, answer)

    async def _stream_chat(self, exchange: Exchange, caller: Caller, call: Call, asked: ChatAsked) -> None:
        if call.resolved is None:
            return
        frames = ChatFrames(
            id=f"chatcmpl-{exchange.request_id}",
            created=int(time.time()),
            model=_model_name(call.resolved.name),
            role=caller.role,
            include_usage=asked.include_usage,
        )
        stream = self.engine.stream(
            call.resolved, asked.messages, tools=asked.tools, tool_choice=asked.tool_choice, observe=call.observe
        )
        async with aclosing(aiter(stream)) as events:
            opening, piece = frames.first(), b""
            async for event in events:  # until the answer begins, or fails with a status of its own
                if piece := frames.frame(event):
                    break
            call.has_begun()
            call.usage = lambda: stream.response.usage
            await exchange.begin(200, STREAM_HEADERS)
            await exchange.write(opening + piece)
            try:
                async for event in events:
                    if piece := frames.frame(event):
                        await exchange.write(piece)
            except Exception as error:  # noqa: BLE001  (whatever broke the answer off: the client must be told)
                refusal = refusal_of(error, caller.role)
                call.tell(error, refusal)
                call.book(exchange.status, refusal.code)
                await exchange.end(frames.error(refusal))
                return
        usage: Usage = stream.response.usage
        call.usage = lambda: usage
        call.book(exchange.status)
        await call.settled()
        await exchange.end(frames.last(usage) + DONE)

    async def _embed(self, exchange: Exchange, caller: Caller, name: str | None) -> None:
        async with self._call(exchange, caller, "embed") as call:
            body = await self._body(exchange)
            asked, texts, written = await read_embed(self.engine, body, name)
            call.watch_client()
            resolved = call.begin(await asked.resolve(self.engine, caller), is_saved=asked.is_saved)
            exchange.extra_headers += asked.headers()
            response = await self.engine.embed(resolved, texts, purpose=body.get("purpose"), observe=call.observe)
            call.usage = lambda: response.usage
            response.complete()
            answer = embed_answer(response, model=_model_name(resolved.name), role=caller.role, written=written)
            await self._finish(exchange, call, answer)

    async def _rerank(self, exchange: Exchange, caller: Caller, name: str | None) -> None:
        async with self._call(exchange, caller, "rerank") as call:
            body = await self._body(exchange)
            asked, query, documents, top_n = await read_rerank(self.engine, body, name)
            call.watch_client()
            resolved = call.begin(await asked.resolve(self.engine, caller), is_saved=asked.is_saved)
            exchange.extra_headers += asked.headers()
            response = await self.engine.rerank(resolved, query, documents, top_n=top_n, observe=call.observe)
            call.usage = lambda: response.usage
            answer = rerank_answer(
                response,
                documents if body.get("return_documents") else None,
                id=f"rerank-{exchange.request_id}",
                model=_model_name(resolved.name),
                role=caller.role,
            )
            await self._finish(exchange, call, answer)

    async def _finish(self, exchange: Exchange, call: Call, answer: dict[str, Any]) -> None:
        body = orjson.dumps(answer)
        exchange.bytes_out = len(body)
        call.book(200)
        await call.settled()
        await exchange.answer(200, body)

    # --- lists ---------------------------------------------------------------------------------------------------

    async def _models(self, exchange: Exchange, caller: Caller, name: str | None) -> None:
        await exchange.answer(200, orjson.dumps(await models.list_models(self.engine, caller)))

    async def _model(self, exchange: Exchange, caller: Caller, name: str | None) -> None:
        await exchange.answer(200, orjson.dumps(await models.show_model(self.engine, caller, name or "")))

    async def _deployments(self, exchange: Exchange, caller: Caller, name: str | None) -> None:
        await exchange.answer(200, orjson.dumps(await models.list_deployments(self.engine, caller)))

    async def _deployment(self, exchange: Exchange, caller: Caller, name: str | None) -> None:
        await exchange.answer(200, orjson.dumps(await models.show_deployment(self.engine, caller, name or "")))

    async def _figures(self, exchange: Exchange, caller: Caller, name: str | None) -> None:
        if caller.role != "admin":
            raise Refusal(403, "permission", "figures are for administrators")
        await exchange.answer(200, self.metrics.text(), [(b"content-type", CONTENT_TYPE)])


def _model_name(name: str | None) -> str:
    return name or "(unsaved)"
