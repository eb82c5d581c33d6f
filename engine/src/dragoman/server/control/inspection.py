"""Checks of adapters, and live lists of models: both ask the providers, as the adapters' identities."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

from dragoman.calls import ChatStream
from dragoman.doctor import Examined, examine
from dragoman.events import EmbedResponse, RerankResponse
from dragoman.inspection import ModelList
from dragoman.listing import Listed
from dragoman.provider import CallObservation
from dragoman.resolve import Resolved
from dragoman.server.calls import Call
from dragoman.server.control.routes import Answer, Asked, Route
from dragoman.server.refusals import Refusal


async def _models(asked: Asked) -> Answer:
    adapters = [asked.query["adapter"]] if "adapter" in asked.query else []
    listed = await asked.engine.models(adapters, provider=asked.query.get("provider"), caller=asked.caller)
    return Answer({"lists": [_list(one, found) for one in listed for found in one.lists]})


def _list(one: Listed, found: ModelList) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "adapters": list(one.adapters),
        "source": found.source,
        "failure": found.failure.as_dict() if found.failure else None,
        "document": dict(one.document),
        "models": [{**row.as_dict(), "adapter": dict(row.adapter)} for row in found.models],
    }


class _Booked:
    """The engine as a check sees it: the calls that the check makes are booked, counted and traced as any other."""

    def __init__(self, asked: Asked, *, is_saved: bool) -> None:
        self._asked = asked
        self._is_saved = is_saved
        self._made = itertools.count(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._asked.engine, name)

    async def embed(self, adapter: Resolved, texts: str) -> EmbedResponse:
        async with self._call(adapter) as call:
            response = await self._asked.engine.embed(adapter, texts, observe=call.observe)
            call.usage = lambda: response.usage
            return response

    async def rerank(self, adapter: Resolved, query: str, documents: tuple[str, ...]) -> RerankResponse:
        async with self._call(adapter) as call:
            response = await self._asked.engine.rerank(adapter, query, documents, observe=call.observe)
            call.usage = lambda: response.usage
            return response

    @asynccontextmanager
    async def stream(self, adapter: Resolved, messages: str) -> AsyncGenerator[ChatStream, None]:
        async with self._call(adapter) as call:

            def observe(told: CallObservation) -> None:
                call.observe(told)
                call.first_token_s = told.first_event_s

            async with self._asked.engine.stream(adapter, messages, observe=observe) as stream:
                call.usage = lambda: stream.response.usage
                yield stream

    @asynccontextmanager
    async def _call(self, resolved: Resolved) -> AsyncGenerator[Call, None]:
        try:
            async with self._asked.call(str(next(self._made)), resolved.target.operation) as call:
                call.begin(resolved, is_saved=self._is_saved)
                yield call
                call.book(200)
        except Refusal as refusal:  # the check explains what went wrong, not how a caller would be answered
            raise (refusal.__cause__ or refusal) from None


async def _check(asked: Asked) -> Answer:
    adapter, override = asked.body.get("adapter"), asked.body.get("override")
    if not isinstance(adapter, str | dict) or not isinstance(override, dict | None):
        raise Refusal(422, "invalid_body", "adapter is a name or a document, override an object", param="adapter")
    engine = cast("Examined", _Booked(asked, is_saved=isinstance(adapter, str)))
    async with aclosing(examine(engine, adapter, override, caller=asked.caller)) as found:
        steps = [step async for step in found]
    return Answer({"ok": steps[-1].state != "failed", "steps": [step.as_dict() for step in steps]})


ROUTES = (
    Route(
        "GET", "/api/models", _models, "admin", "List the models that can be called, read from the providers now.",
        query={"provider": "only of this kind", "adapter": "only by this adapter's connection"},
    ),
    Route(
        "POST", "/api/checks", _check, "admin", "Check an adapter step by step, up to a call of one token.",
        body={
            "type": "object",
            "required": ["adapter"],
            "properties": {"adapter": {"type": ["string", "object"]}, "override": {"type": "object"}},
        },
    ),
)  # fmt: skip
