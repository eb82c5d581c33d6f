"""InvokeModel and its stream, through mappings: recorded answers of many families, and what comes around them."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import unquote

import pytest
from dragoman.errors import (
    AuthenticationError,
    DocumentError,
    ProtocolError,
    RateLimitedError,
    UnsupportedError,
)
from dragoman.testing.upstream import Reply
from dragoman_aws.eventstream import EventStream

from ..edge import Admitted, event, event_stream, exception  # noqa: TID252  (the tests are no package)
from .test_recordings import recordings, reply_of

CLAUDE = {"mapping": {"preset": "claude-messages"}}
ARN = "arn:aws:bedrock:us-east-1:111122223333:imported-model/abc123def456"


def chunk(value: Any) -> bytes:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return event("chunk", {"bytes": base64.b64encode(raw).decode(), "p": "abcd"})


@pytest.fixture
def bedrock(edge, keys):
    edge.admit(Admitted("AKIDEXAMPLE", keys, who="the adapter's user"))
    return edge


# --- recorded answers --------------------------------------------------------------------------------------------

PRESETS = {
    "anthropic.claude": "claude-messages",
    "amazon.nova": "nova",
    "amazon.titan": "titan-text",
    "cohere.command": "cohere-command",
    "meta.llama": "llama-bedrock",
    "mistral.": "mistral-bedrock",
}
#: Family -> what one piece of its stream says, read without our code.
TEXT = {
    "claude-messages": lambda piece: piece.get("delta", {}).get("text", ""),
    "nova": lambda piece: piece.get("contentBlockDelta", {}).get("delta", {}).get("text", ""),
    "titan-text": lambda piece: piece.get("outputText") or "",
    "cohere-command": lambda piece: piece.get("text") or "",
    "llama-bedrock": lambda piece: piece.get("generation") or "",
    "mistral-bedrock": lambda piece: (piece.get("outputs") or [{}])[0].get("text") or "",
}


def preset_of(recording) -> str:
    return next(preset for start, preset in PRESETS.items() if start in recording["model"])


@pytest.mark.parametrize("recording", recordings("bedrock-invoke"))
async def test_recorded_answers(engine, upstream, document, recording):
    if "anthropic" not in recording["model"]:
        pytest.skip("an embedding")
    upstream.answer(Reply.json(recording["response"], **recording["response_headers"], x_amzn_requestid="r-1"))
    response = await engine.chat(document(upstream.url, model=recording["model"], **CLAUDE), "hi")
    said, headers = recording["response"], recording["response_headers"]
    assert response.text == "".join(block.get("text", "") for block in said["content"])
    assert response.provider_finish_reason == said["stop_reason"]
    read, cached = int(headers["x-amzn-bedrock-input-token-count"]), said["usage"].get("cache_read_input_tokens") or 0
    written = said["usage"].get("cache_creation_input_tokens") or 0
    assert (response.usage.input_tokens, response.usage.cached_input_tokens) == (read + cached + written, cached)
    assert response.usage.output_tokens == said["usage"]["output_tokens"]
    assert response.request_id == "r-1"
    assert response.extra["metrics"]["latencyMs"] == int(headers["x-amzn-bedrock-invocation-latency"])
    assert unquote(upstream.received[-1].target) == unquote(recording["path"])


@pytest.mark.parametrize("recording", recordings("bedrock-invoke-stream"))
async def test_recorded_streams(engine, upstream, document, recording):
    reply = reply_of(recording)
    adapter = document(upstream.url, model=recording["model"], mapping={"preset": preset_of(recording)})
    if recording["status"] != 200:
        upstream.answer(Reply(reply.body, recording["status"], recording["response_headers"]))
        with pytest.raises(AuthenticationError, match="InvalidSignatureException"):
            await read(engine.stream(adapter, "hi"))
        return
    upstream.answer(reply)
    response = await read(engine.stream(adapter, "hi"))
    pieces = pieces_of(recording)
    assert response.text == "".join(TEXT[preset_of(recording)](piece) for piece in pieces)
    metrics = pieces[-1]["amazon-bedrock-invocationMetrics"]
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens) == (metrics["inputTokenCount"], metrics["outputTokenCount"])
    assert response.extra["metrics"]["latencyMs"] == metrics["invocationLatency"]
    assert response.finish_reason not in ("unknown", "error")
    touched = any(piece.get("amazon-bedrock-guardrailAction") == "INTERVENED" for piece in pieces)
    assert (response.finish_reason == "content_filter") is touched
    assert unquote(upstream.received[-1].target) == unquote(recording["path"])


async def read(stream):
    assert [piece async for piece in stream]
    return stream.response


def pieces_of(recording) -> list[Any]:
    frames = EventStream().feed(base64.b64decode(recording["response_b64"]))
    return [json.loads(base64.b64decode(json.loads(frame.data)["bytes"])) for frame in frames]


# --- the request -------------------------------------------------------------------------------------------------

ANSWER = {"content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn", "usage": {}}


async def test_the_bodys_envelope_goes_as_headers_and_is_signed(engine, bedrock, document):
    bedrock.route("POST", r"/model/.*/invoke", Reply.json(ANSWER))
    adapter = document(
        bedrock.url,
        model=ARN,
        **CLAUDE,
        connection={"guardrail": {"identifier": "abc", "version": "1", "trace": "enabled"}},
        inference={"temperature": 0.5, "performance_latency": "optimized", "service_tier": "flex"},
        endpoint_kwargs={"requestMetadata": {"team": "a"}, "headers": {"X-Team": "b"}},
    )
    assert (await engine.chat(adapter, "hi")).text == "hello"
    request = bedrock.received[-1]
    named = {name: text for name, text in request.headers.items() if name.startswith(("x-amzn", "x-team"))}
    assert named == {
        "x-amzn-bedrock-guardrailidentifier": "abc",
        "x-amzn-bedrock-guardrailversion": "1",
        "x-amzn-bedrock-trace": "ENABLED",
        "x-amzn-bedrock-performanceconfig-latency": "optimized",
        "x-amzn-bedrock-service-tier": "flex",
        "x-amzn-bedrock-request-metadata": '{"team":"a"}',
        "x-team": "b",
    }
    assert request.target == f"/model/{ARN.replace(':', '%3A').replace('/', '%2F')}/invoke"
    assert request.json()["temperature"] == 0.5
    assert [caller.how for caller in bedrock.callers] == ["sigv4"]


async def test_a_stream_asks_for_events_of_the_models_type(engine, bedrock, document):
    pieces = [chunk({"type": "content_block_delta", "delta": {"text": "hello"}})]
    pieces.append(chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}))
    bedrock.route("POST", r"/model/.*/invoke-with-response-stream", event_stream(pieces))
    response = await read(engine.stream(document(bedrock.url, **CLAUDE), "hi"))
    assert (response.text, response.finish_reason) == ("hello", "stop")
    headers = bedrock.received[-1].headers
    assert headers["accept"] == "application/vnd.amazon.eventstream"
    assert headers["x-amzn-bedrock-accept"] == "application/json"


async def test_a_mapping_without_a_stream_asks_for_the_whole(engine, bedrock, document):
    mapping = {
        "request": {"q": {"$": "prompt"}},
        "response": {"text": "a", "finish": "why"},
        "finish_map": {"e": "stop"},
    }
    bedrock.route("POST", r"/model/m/invoke", Reply.json({"a": "hello", "why": "e"}, x_amzn_requestid="r-1"))
    response = await read(engine.stream(document(bedrock.url, mapping=mapping), "hi"))
    assert (response.text, response.finish_reason, response.request_id) == ("hello", "stop", "r-1")


async def test_what_a_mapping_does_not_read_is_refused(engine, bedrock, document):
    with pytest.raises((UnsupportedError, DocumentError), match="cache_points"):
        await engine.chat(document(bedrock.url, **CLAUDE, inference={"cache_points": ["system"]}), "hi")
    with pytest.raises(UnsupportedError, match=r"endpoint_kwargs\.promptVariables"):
        await engine.chat(document(bedrock.url, **CLAUDE, endpoint_kwargs={"promptVariables": {}}), "hi")
    assert not bedrock.received


# --- the answer --------------------------------------------------------------------------------------------------


async def test_a_guardrail_that_intervenes_is_told(engine, bedrock, document):
    trace = {"guardrail": {"input": {}}}
    around = {"amazon-bedrock-guardrailAction": "INTERVENED", "amazon-bedrock-trace": trace}
    bedrock.route("POST", r"/model/.*/invoke", Reply.json({**ANSWER, **around}))
    response = await engine.chat(document(bedrock.url, **CLAUDE), "hi")
    assert (response.finish_reason, response.provider_finish_reason) == ("content_filter", "INTERVENED")
    assert (response.extra["trace"], response.extra["guardrailAction"]) == (trace, "INTERVENED")


async def test_exceptions_in_the_middle_are_typed_errors(engine, bedrock, document):
    pieces = [chunk({"type": "content_block_delta", "delta": {"text": "hel"}})]
    pieces.append(exception("throttlingException", {"message": "slow down"}))
    bedrock.route("POST", r"/model/.*", event_stream(pieces))
    with pytest.raises(RateLimitedError, match="slow down"):
        await read(engine.stream(document(bedrock.url, **CLAUDE), "hi"))


@pytest.mark.parametrize("broken", [event("chunk", {"p": "x"}), event("chunk", b"{"), event("chunk", {"bytes": 5})])
async def test_a_piece_without_bytes_is_an_error(engine, bedrock, document, broken):
    bedrock.route("POST", r"/model/.*", event_stream([broken]))
    with pytest.raises(ProtocolError, match="holds no bytes"):
        await read(engine.stream(document(bedrock.url, **CLAUDE), "hi"))


async def test_a_stream_without_its_end_is_no_answer(engine, bedrock, document):
    pieces = [chunk({"type": "content_block_delta", "delta": {"text": "hel"}})]
    bedrock.route("POST", r"/model/.*", event_stream(pieces))
    with pytest.raises(ProtocolError):
        await read(engine.stream(document(bedrock.url, **CLAUDE), "hi"))
