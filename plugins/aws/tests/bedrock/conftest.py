"""Short ways to a codec, a request and an engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from dragoman import Engine, Settings
from dragoman.messages import messages_from, tool_choice_from, tools_from
from dragoman.plugin import CallSettings, ChatRequest, Target, WireReply
from dragoman.testing.upstream import Upstream
from dragoman_aws.bedrock.connection import BedrockConnection
from dragoman_aws.bedrock.converse import ConverseCodec
from dragoman_aws.bedrock.inference import BedrockInference
from dragoman_aws.providers.bedrock import converse_codec

CANARY = "canary-7f3a9b2c4d5e6f708192"
KEYS = {"access_key_id": "AWS_ACCESS_KEY_ID", "secret_access_key": "AWS_SECRET_ACCESS_KEY"}


def request_for(messages: Any, **rest: Any) -> ChatRequest:
    """Return a request; ``rest`` are the call's parts, the adapter's kwargs, and inference settings."""
    tools, choice = tools_from(rest.pop("tools", None)), tool_choice_from(rest.pop("tool_choice", None))
    stream = rest.pop("stream", False)
    beside = {name: rest.pop(name, {}) for name in ("model_kwargs", "endpoint_kwargs")}
    settings = CallSettings(BedrockInference.model_validate(rest), **beside)
    return ChatRequest(messages_from(messages), settings, tools, choice, stream)


@dataclass
class Speaker:
    """A codec, and what it writes and reads."""

    codec: ConverseCodec

    def wire(self, messages: Any = "hi", **rest: Any) -> Any:
        return self.codec.encode(request_for(messages, **rest))

    def body(self, messages: Any = "hi", **rest: Any) -> Any:
        return json.loads(self.wire(messages, **rest).body)

    def read(self, answer: Any, messages: Any = "hi", **headers: str) -> Any:
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return self.codec.decode(request_for(messages), WireReply(200, headers, raw))

    def error(self, status: int, body: Any, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.codec.error(WireReply(status, named, json.dumps(body).encode()))


@pytest.fixture
def speak() -> Callable[..., Speaker]:
    def make(model: str = "m", base_model: str | None = None, **connection: Any) -> Speaker:
        checked = BedrockConnection.model_validate({"region": "us-east-1", **connection})
        target = Target("bedrock", model, checked, KEYS, base_model=base_model)
        return Speaker(converse_codec(target, "us-east-1"))

    return make


@pytest.fixture
def make_request() -> Callable[..., ChatRequest]:
    return request_for


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> str:
    """Set keys of an IAM user; return the part that nobody may see."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    return CANARY


@pytest.fixture
async def engine(keys: str) -> AsyncIterator[Engine]:
    async with Engine(Settings(plugins={"allow": ["aws"]})) as engine:
        yield engine


def document_at(url: str, **members: Any) -> dict[str, Any]:
    """Return an adapter document for a server on loopback, with one attempt per call."""
    connection = {"region": "us-east-1", "endpoint_url": url, "auth": {"kind": "aws_keys"}}
    return {
        "name": "on-loopback",
        "provider": "bedrock",
        "model": "m",
        "limits": {"max_attempts": 1, "timeout_s": 20},
        **members,
        "connection": {**connection, **members.get("connection", {})},
    }


@pytest.fixture
def document() -> Callable[..., dict[str, Any]]:
    return document_at
