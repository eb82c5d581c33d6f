"""A check over the control API: the doctor's steps, and its call booked like everybody's."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from dragoman.calls import ChatStream
from dragoman.doctor import Examined, examine
from dragoman.events import EmbedResponse, RerankResponse
from dragoman.inspection import CheckStep
from dragoman.provider import CallObservation
from dragoman.resolve import Resolved
from dragoman.server.calls import Call
from dragoman.server.control.routes import Asked
from dragoman.server.refusals import Refusal


def check(
    asked: Asked, adapter: str | Mapping[str, Any], override: Mapping[str, Any] | None = None
) -> AsyncGenerator[CheckStep, None]:
    """Return the steps of a check on behalf of who asks; see :meth:`dragoman.Engine.check`."""
    engine = cast("Examined", _Booked(asked, is_saved=isinstance(adapter, str)))
    return examine(engine, adapter, override, caller=asked.caller)


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
