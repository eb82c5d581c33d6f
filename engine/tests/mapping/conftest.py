"""What the mapping's tests share: requests, payloads, and streams cut wherever a test likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from dragoman.adapter import Inference, PayloadMapping, Prompt
from dragoman.events import Event, Response, collect
from dragoman.mapping import compile_payload
from dragoman.messages import messages_from, tool_choice_from, tools_from
from dragoman.provider import CallSettings, ChatRequest, Payload


@pytest.fixture
def ask() -> Callable[..., ChatRequest]:
    """Make a request; inference settings are keyword arguments."""

    def make(
        messages: Any = "hi",
        *,
        stream: bool = False,
        tools: Any = None,
        choice: Any = None,
        kwargs: dict[str, Any] | None = None,
        **inference: Any,
    ) -> ChatRequest:
        settings = CallSettings(Inference(**inference), model_kwargs=kwargs or {})
        return ChatRequest(messages_from(messages), settings, tools_from(tools), tool_choice_from(choice), stream)

    return make


@pytest.fixture
def payload_of() -> Callable[..., Payload]:
    """Compile a mapping given as keyword arguments, with ``prompt`` as a preset's name or a document."""

    def make(*, prompt: Any = None, **mapping: Any) -> Payload:
        section = {"preset": prompt} if isinstance(prompt, str) else prompt
        return compile_payload(
            PayloadMapping.model_validate(mapping), None if section is None else Prompt.model_validate(section)
        )

    return make


@pytest.fixture
def body_of(payload_of: Callable[..., Payload]) -> Callable[..., Any]:
    """Return the parsed body that a skeleton makes of a request."""

    def make(skeleton: Any, request: ChatRequest, **mapping: Any) -> Any:
        payload = payload_of(request=skeleton, response={"text": "text"}, **mapping)
        return orjson.loads(payload.encode(request, "the-model"))

    return make


@pytest.fixture
def events_of(ask: Callable[..., ChatRequest]) -> Callable[..., list[Event]]:
    """Decode a stream's bytes that arrive in pieces of ``size`` bytes; ``None`` is one piece."""

    def read(payload: Payload, data: bytes, size: int | None = None, request: ChatRequest | None = None) -> list[Event]:
        framing, decoder = payload.framing(), payload.decoder(request or ask(stream=True))
        events: list[Event] = []
        for piece in cut(data, size or max(len(data), 1)):
            for frame in framing.feed(piece):
                events += decoder.feed(frame)
        for frame in framing.end():
            events += decoder.feed(frame)
        return [*events, *decoder.end()]

    return read


@pytest.fixture
def answer_of(events_of: Callable[..., list[Event]]) -> Callable[..., Response]:
    """Decode a stream like ``events_of`` and collect the answer."""
    return lambda *args, **kwargs: collect(events_of(*args, **kwargs))


def cut(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]
