"""The session that drives a LangChain chat model."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dragoman.adapter import Limits
from dragoman.errors import CallTimeoutError, ProviderError, UnsupportedError
from dragoman.events import Collector, Event, Report, Response
from dragoman.langchain_driver.building import Build, BuildContext
from dragoman.langchain_driver.driven import Driven
from dragoman.langchain_driver.faults import translate
from dragoman.langchain_driver.incoming import AnswerDecoder
from dragoman.langchain_driver.isolation import untraced
from dragoman.langchain_driver.models import Models
from dragoman.langchain_driver.outgoing import left_out, messages_out, offer_tools
from dragoman.langchain_driver.threads import Threads
from dragoman.provider import ChatRequest, Session, WireRequest

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

_NOT_STREAMED = Report(
    "not_streamed", "the LangChain class has its streaming switched off; the answer comes in one piece", "runtime"
)


class LangChainSession(Session):
    """Drives the chat model that a plugin builds; one attempt per call.

    A class that writes asynchronous methods runs on the loop, any other in threads of this session. The model is built
    in such a thread as well, once for each set of settings: its clients belong to this session, and so to one loop.
    Input is not counted: what LangChain has for it loads tokenizers or guesses.

    Args:
        build: Makes the model; see :data:`~dragoman.langchain_driver.building.Build`.
        make_context: Returns what to build with, the secrets as they are now.
        provider: The provider's kind, for texts of errors.
    """

    def __init__(self, build: Build, make_context: Callable[[], Awaitable[BuildContext]], provider: str) -> None:
        self._threads = Threads()
        self._models = Models(build, make_context, self._threads, provider)
        self._model_provider: str | None = None

    async def generate(self, request: ChatRequest) -> Response:
        """Return the whole answer."""
        collector = Collector()
        async with aclosing(self._answer(request, streamed=False)) as events:
            async for event in events:
                collector.add(event)
        return collector.response()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Yield the answer's events; closing the generator stops the class, a blocking one at its next chunk."""
        async with aclosing(self._answer(request, streamed=True)) as events:
            async for event in events:
                yield event

    async def dry_run(self, request: ChatRequest) -> WireRequest:
        """Raise: the request is written inside the provider's LangChain class."""
        raise UnsupportedError(
            "a LangChain class cannot show its request without sending it", path="runtime", hint="use runtime: native"
        )

    async def aclose(self) -> None:
        """Close the models. A thread that still waits for a blocking client ends by itself, and holds nothing up."""
        await self._models.forget()

    # --- the way of one call -------------------------------------------------------------------------------------

    async def _answer(self, request: ChatRequest, *, streamed: bool) -> AsyncGenerator[Event, None]:
        async with self._models.lease(request.settings) as driven:
            try:
                call = self._prepare(driven, request, streamed=streamed)
                way = call.driven.way(streamed=streamed)
                if way.streams:
                    async with aclosing(self._chunks(call, blocks=way.blocks)) as chunks:
                        async for chunk in _in_time(chunks, request.settings.limits):
                            for event in call.decoder.feed(chunk):
                                yield event
                    last = call.decoder.end()
                else:
                    last = call.decoder.result(await self._whole(call, blocks=way.blocks))
                for event in last:
                    yield event
                self._model_provider = call.decoder.model_provider or self._model_provider
            except Exception as error:
                ours = translate(error, driven.subject)
                if isinstance(ours, ProviderError) and ours.stale_credentials:
                    await self._models.forget()  # the next attempt is made with secrets as they are then
                if ours is error:
                    raise
                raise ours from None

    def _prepare(self, driven: Driven, request: ChatRequest, *, streamed: bool) -> _Call:
        messages = messages_out(request.messages, self._model_provider)
        tools = offer_tools(driven.model, request.tools, request.tool_choice)
        driven = driven.with_tools(tools.model)
        reports = (*left_out(request.messages), *tools.reports)
        if streamed and driven.is_streaming_off:
            reports = (*reports, _NOT_STREAMED)
        return _Call(driven, messages, AnswerDecoder(reports))

    async def _whole(self, call: _Call, *, blocks: bool) -> ChatResult:
        with untraced():  # a thread takes the context over
            return await (self._threads.run(call.generate) if blocks else call.agenerate())

    async def _chunks(self, call: _Call, *, blocks: bool) -> AsyncGenerator[ChatGeneration, None]:
        chunks: Any = self._threads.iterate(call.stream) if blocks else await call.astream()
        try:
            while True:
                with untraced():
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield chunk
        finally:
            if close := getattr(chunks, "aclose", None):  # it may be any asynchronous iterator
                await close()


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a model's own methods, without the callbacks, caches and tracers that LangChain puts around them."""

    driven: Driven
    messages: list[BaseMessage]
    decoder: AnswerDecoder

    def generate(self) -> ChatResult:
        from langchain_core.callbacks import CallbackManagerForLLMRun

        model = self._admitted()
        manager = _manager_for(model._generate, CallbackManagerForLLMRun)
        return model._generate(self.messages, **manager, **self.driven.options)

    def stream(self) -> Iterator[ChatGeneration]:
        return self._admitted()._stream(self.messages, **self.driven.options)

    async def agenerate(self) -> ChatResult:
        from langchain_core.callbacks import AsyncCallbackManagerForLLMRun

        model = await self._aadmitted()
        manager = _manager_for(model._agenerate, AsyncCallbackManagerForLLMRun)
        return await model._agenerate(self.messages, **manager, **self.driven.options)

    async def astream(self) -> AsyncIterator[ChatGeneration]:
        model = await self._aadmitted()
        return model._astream(self.messages, **self.driven.options)

    def _admitted(self) -> BaseChatModel:
        """Return the model when its own rate limiter, where it has one, lets the call through."""
        limiter = self.driven.model.rate_limiter
        if limiter is not None:
            limiter.acquire(blocking=True)
        return self.driven.model

    async def _aadmitted(self) -> BaseChatModel:
        limiter = self.driven.model.rate_limiter
        if limiter is not None:
            await limiter.aacquire(blocking=True)
        return self.driven.model


def _manager_for(method: Callable[..., Any], kind: Any) -> dict[str, Any]:
    """Return a callback manager that manages nothing, for a method that takes one: some rely on getting it."""
    takes_one = "run_manager" in inspect.signature(method).parameters
    return {"run_manager": kind.get_noop_manager()} if takes_one else {}


async def _in_time(chunks: AsyncIterator[ChatGeneration], limits: Limits) -> AsyncGenerator[ChatGeneration, None]:
    """Pass chunks on, and raise where one does not come within its limit."""
    phase, limit_s = "first_byte", limits.first_byte_timeout_s
    while True:
        try:
            async with asyncio.timeout(limit_s) as timeout:
                chunk = await anext(chunks, None)
        except TimeoutError:
            if not timeout.expired():
                raise
            message, hint = f"nothing of the answer within {limit_s:g} s", f"limits.{_LIMITS[phase]} sets it"
            raise CallTimeoutError(message, phase=phase, hint=hint) from None
        if chunk is None:
            return
        yield chunk
        phase, limit_s = "between_chunks", limits.chunk_timeout_s


_LIMITS = {"first_byte": "first_byte_timeout_s", "between_chunks": "chunk_timeout_s"}
