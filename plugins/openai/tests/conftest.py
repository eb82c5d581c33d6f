"""A scripted server on loopback, and short ways to a codec and an engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import dragoman_openai
import pytest
from dragoman import Engine, Settings
from dragoman.messages import messages_from, tool_choice_from, tools_from
from dragoman.plugin import CallSettings, ChatRequest, Limits, Target
from dragoman_openai.codec import ChatCodec
from dragoman_openai.provider import AzureProvider, ChatProvider, CompatibleProvider, OpenAIProvider

CANARY = "sk-canary-7f3a9b2c4d5e6f708192"

PROVIDERS: dict[str, type[ChatProvider]] = {
    "openai": OpenAIProvider,
    "azure-openai": AzureProvider,
    "openai-compatible": CompatibleProvider,
}


# --- the server --------------------------------------------------------------------------------------------------


@dataclass
class Received:
    """One request as it came over the wire; header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What the server says next. ``pieces`` are written one by one; without them ``body`` is."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    pieces: Sequence[bytes] | None = None

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Answer:
        return cls(status, json.dumps(value).encode(), {"content-type": "application/json", **headers})

    @classmethod
    def sse(cls, chunks: Iterable[Any], **headers: str) -> Answer:
        frames = [f"data: {c if isinstance(c, str) else json.dumps(c)}\n\n".encode() for c in chunks]
        return cls(200, b"".join(frames), {"content-type": "text/event-stream", **headers})


class Upstream:
    """Answers with the script, in order; the last answer is repeated."""

    def __init__(self) -> None:
        self.script: list[Answer] = [Answer.of(chat_answer())]
        self.requests: list[Received] = []
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    @property
    def origin(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def last(self) -> Received:
        return self.requests[-1]

    async def __aenter__(self) -> Upstream:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for handler in list(self._handlers):
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        try:
            await self._exchange(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._handlers.discard(handler)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        self.requests.append(Received(method, parts.path, dict(parse_qsl(parts.query)), headers, body))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        lines = [f"HTTP/1.1 {answer.status} X", "connection: close"]
        lines += [f"{k}: {v}" for k, v in answer.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for piece in answer.pieces if answer.pieces is not None else [answer.body]:
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
        await reader.read()


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


# --- answers -----------------------------------------------------------------------------------------------------


def chat_answer(**message: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-1",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello", **message}}
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
    }


def chunk(delta: Any = None, finish: str | None = None, **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m-1",
        "choices": [choice],
        **members,
    }


@pytest.fixture
def answers() -> type[Answer]:
    return Answer


@pytest.fixture(name="chat_answer")
def chat_answer_fixture() -> Callable[..., dict[str, Any]]:
    return chat_answer


@pytest.fixture(name="chunk")
def chunk_fixture() -> Callable[..., dict[str, Any]]:
    return chunk


# --- our side ----------------------------------------------------------------------------------------------------


def target_for(provider: str, connection: dict[str, Any] | None = None, model: str = "m", **credentials: str) -> Target:
    description = next(d for d in dragoman_openai.dragoman_providers() if d.kind == provider)
    defaults = {field: name for field, name in description.credentials.items() if name is not None}
    checked = description.connection.model_validate(connection or {})
    return Target(provider, model, checked, {**defaults, **credentials})


def request_for(provider: str, messages: Any, **rest: Any) -> ChatRequest:
    """Return a request; ``rest`` are the call's parts, the adapter's kwargs, and inference settings."""
    description = next(d for d in dragoman_openai.dragoman_providers() if d.kind == provider)
    tools, choice = tools_from(rest.pop("tools", None)), tool_choice_from(rest.pop("tool_choice", None))
    stream = rest.pop("stream", False)
    beside = {name: rest.pop(name, {}) for name in ("model_kwargs", "endpoint_kwargs")}
    settings = CallSettings(description.inference.model_validate(rest), limits=Limits(), **beside)
    return ChatRequest(messages_from(messages), settings, tools, choice, stream)


@dataclass
class Speaker:
    """A provider's codec, and what it writes."""

    provider: str
    codec: ChatCodec

    def wire(self, messages: Any = "hi", **rest: Any) -> Any:
        return self.codec.encode(request_for(self.provider, messages, **rest))

    def body(self, messages: Any = "hi", **rest: Any) -> Any:
        return json.loads(self.wire(messages, **rest).body)


@pytest.fixture
def speak() -> Callable[..., Speaker]:
    def make(provider: str = "openai", model: str = "m", **connection: Any) -> Speaker:
        return Speaker(provider, PROVIDERS[provider]().codec(target_for(provider, connection, model)))

    return make


@pytest.fixture
def make_request() -> Callable[..., ChatRequest]:
    return request_for


@pytest.fixture
def make_target() -> Callable[..., Target]:
    return target_for


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "SERVER_KEY"):
        monkeypatch.setenv(name, CANARY)
    return CANARY


@pytest.fixture
async def engine(canary: str) -> AsyncIterator[Engine]:
    async with Engine(Settings(plugins={"allow": ["openai"]})) as engine:
        yield engine


@pytest.fixture
def adapter(upstream: Upstream) -> dict[str, Any]:
    """A document for the server on loopback, with one attempt per call."""
    return {
        "name": "on-loopback",
        "provider": "openai",
        "model": "m",
        "connection": {"base_url": f"{upstream.origin}/v1"},
        "limits": {"max_attempts": 1, "timeout_s": 20},
    }
