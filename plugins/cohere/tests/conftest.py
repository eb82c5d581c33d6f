"""A scripted server on loopback, and short ways to a codec and an engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import dragoman_cohere
import pytest
from dragoman import Engine, Settings
from dragoman.messages import messages_from, tool_choice_from, tools_from
from dragoman.plugin import CallSettings, ChatRequest, Limits, Target
from dragoman.testing.upstream import Reply, Upstream
from dragoman_cohere.codec import ChatCodec
from dragoman_cohere.provider import CohereProvider

CANARY = "co-canary-7f3a9b2c4d5e6f708192"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        server.answer(Reply.json(chat_answer()))
        yield server


# --- answers -----------------------------------------------------------------------------------------------------

USAGE = {"billed_units": {"input_tokens": 2, "output_tokens": 3}, "tokens": {"input_tokens": 5, "output_tokens": 3}}


def chat_answer(finish: str = "COMPLETE", text: str | None = "hello", usage: Any = USAGE, **message: Any) -> Any:
    content = {} if text is None else {"content": [{"type": "text", "text": text}]}
    return {
        "id": "a-1",
        "finish_reason": finish,
        "message": {"role": "assistant", **content, **message},
        "usage": usage,
    }


def stream_events(*between: Any, finish: str = "COMPLETE", usage: Any = USAGE, **end: Any) -> list[Any]:
    message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    return [
        {"type": "message-start", "id": "a-1", "delta": {"message": message}},
        *between,
        {"type": "message-end", "delta": {"finish_reason": finish, "usage": usage, **end}},
    ]


def sse(events: Iterable[Any]) -> Reply:
    """Return a stream as Cohere writes it: each event with its name."""
    frames = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    return Reply((*frames, b"data: [DONE]\n\n"), 200, {"content-type": "text/event-stream"})


@pytest.fixture(name="chat_answer")
def chat_answer_fixture() -> Callable[..., Any]:
    return chat_answer


@pytest.fixture(name="stream_events")
def stream_events_fixture() -> Callable[..., list[Any]]:
    return stream_events


@pytest.fixture(name="sse")
def sse_fixture() -> Callable[[Iterable[Any]], Reply]:
    return sse


# --- our side ----------------------------------------------------------------------------------------------------


def target_for(connection: dict[str, Any] | None = None, model: str = "m", **rest: Any) -> Target:
    (description,) = dragoman_cohere.dragoman_providers()
    checked = description.connection.model_validate(connection or {})
    return Target("cohere", model, checked, dict(description.credentials), **rest)


def request_for(messages: Any, **rest: Any) -> ChatRequest:
    """Return a request; ``rest`` are the call's parts, the adapter's kwargs, and inference settings."""
    (description,) = dragoman_cohere.dragoman_providers()
    tools, choice = tools_from(rest.pop("tools", None)), tool_choice_from(rest.pop("tool_choice", None))
    stream = rest.pop("stream", False)
    beside = {name: rest.pop(name, {}) for name in ("model_kwargs", "endpoint_kwargs")}
    settings = CallSettings(description.inference.model_validate(rest), limits=Limits(), **beside)
    return ChatRequest(messages_from(messages), settings, tools, choice, stream)


@dataclass
class Speaker:
    """The chat codec, and what it writes."""

    codec: ChatCodec

    def wire(self, messages: Any = "hi", **rest: Any) -> Any:
        return self.codec.encode(request_for(messages, **rest))

    def body(self, messages: Any = "hi", **rest: Any) -> Any:
        return json.loads(self.wire(messages, **rest).body)


@pytest.fixture
def speak() -> Callable[..., Speaker]:
    def make(model: str = "m", **connection: Any) -> Speaker:
        return Speaker(CohereProvider().codec(target_for(connection, model)))

    return make


@pytest.fixture
def make_request() -> Callable[..., ChatRequest]:
    return request_for


@pytest.fixture
def make_target() -> Callable[..., Target]:
    return target_for


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COHERE_API_KEY", CANARY)
    return CANARY


@pytest.fixture
async def engine(canary: str) -> AsyncIterator[Engine]:
    async with Engine(Settings(plugins={"allow": ["cohere"]})) as engine:
        yield engine


@pytest.fixture
def adapter(upstream: Upstream) -> dict[str, Any]:
    """A document for the server on loopback, with one attempt per call."""
    return {
        "name": "on-loopback",
        "provider": "cohere",
        "model": "m",
        "connection": {"base_url": upstream.url},
        "limits": {"max_attempts": 1, "timeout_s": 20},
    }
