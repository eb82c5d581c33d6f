"""Real answers of OpenAI and Azure OpenAI, recorded by others, against langchain-openai and against our own encoder.

The recordings are no part of this project: they are read from ``DRAGOMAN_RECORDINGS``, by default
``../shared/recordings`` beside the repository, and the tests skip where they are absent.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dragoman.errors import InvalidRequestError, ModelNotFoundError, ProviderError
from dragoman.events import collect
from dragoman.plugin import WireReply
from dragoman.transport.framing import SSE

HERE = Path(os.environ.get("DRAGOMAN_RECORDINGS") or Path(__file__).parents[3] / "../shared/recordings")
FILES = ("openai-chat", "openai-chat-stream", "azure-chat", "azure-chat-stream")

Recording = dict[str, Any]


def read(name: str) -> Iterator[Recording]:
    with gzip.open(HERE / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def recordings(*names: str) -> list[Any]:
    absent = [name for name in names if not (HERE / f"{name}.jsonl.gz").is_file()]
    if absent:
        skip = pytest.mark.skip(reason=f"recordings absent: {', '.join(absent)}; set DRAGOMAN_RECORDINGS")
        return [pytest.param(None, marks=skip, id="absent")]
    return [pytest.param(line, id=line["id"]) for name in names for line in read(name)]


def is_stream(recording: Recording) -> bool:
    return recording["operation"].endswith("-stream")


def document_for(recording: Recording, origin: str) -> dict[str, Any]:
    common = {"model": "m", "limits": {"max_attempts": 1, "timeout_s": 30}}
    if recording["provider"] == "openai":
        return {**common, "provider": "openai", "connection": {"base_url": f"{origin}/v1"}}
    version = recording["query"].removeprefix("api-version=")
    return {**common, "provider": "azure-openai", "connection": {"endpoint": origin, "api_version": version}}


def answer_of(recording: Recording) -> tuple[int, bytes, dict[str, str]]:
    if recording["response_b64"] is None:
        body, kind = json.dumps(recording["response"]).encode(), "application/json"
    else:
        body, kind = base64.b64decode(recording["response_b64"]), "text/event-stream"
    return recording["status"], body, {"content-type": kind}


# --- read at all -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", recordings(*FILES))
async def test_is_read(engine, upstream, answers, recording):
    upstream.script = [answers(*answer_of(recording))]
    document = document_for(recording, upstream.origin)
    if recording["status"] != 200:
        with pytest.raises(KINDS[recording["status"]]) as refused:
            await engine.chat(document, "hi")
        assert recording["response"]["error"]["message"] in refused.value.message
        return
    if is_stream(recording):
        async with engine.stream(document, "hi") as stream:
            assert [event async for event in stream]
        response = stream.response
    else:
        response = await engine.chat(document, "hi")
    assert response.finish_reason in ("stop", "length", "tool_calls")
    assert response.text or response.tool_calls
    assert response.response_id.startswith("chatcmpl-")


KINDS = {400: InvalidRequestError, 404: ModelNotFoundError}


# --- equal to what langchain-openai makes of the same bytes ------------------------------------------------------

THEIR_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter"}


@pytest.mark.parametrize("recording", recordings(*FILES))
async def test_is_read_as_langchain_openai_reads_it(engine, upstream, answers, recording):
    pytest.importorskip("langchain_openai", reason="dragoman-openai[langchain] is not installed")
    upstream.script = [answers(*answer_of(recording))]
    document = document_for(recording, upstream.origin)
    model = await engine.langchain_model(document)
    if recording["status"] != 200:
        await both_fail(engine, document, model, recording)
        return
    if is_stream(recording):
        stream = engine.stream(document, "hi")
        assert [event async for event in stream]
        ours, theirs = stream.response, None
        async for piece in model.astream("hi"):
            theirs = piece if theirs is None else theirs + piece
    else:
        ours, theirs = await engine.chat(document, "hi"), await model.ainvoke("hi")
    assert ours.text == theirs.text
    assert [(c.id, c.name, json.loads(c.arguments)) for c in ours.tool_calls] == [
        (c["id"], c["name"], c["args"]) for c in theirs.tool_calls
    ]
    assert not theirs.invalid_tool_calls
    assert ours.finish_reason == THEIR_FINISH[theirs.response_metadata["finish_reason"]]
    assert ours.provider_finish_reason == theirs.response_metadata["finish_reason"]
    assert ours.model == theirs.response_metadata["model_name"]
    assert figures(ours) == their_figures(theirs)


def figures(response: Any) -> tuple[int | None, ...] | None:
    usage = response.usage
    if usage.source != "provider":
        return None
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.total_tokens,
        usage.cached_input_tokens,
        usage.reasoning_tokens,
    )


def their_figures(message: Any) -> tuple[int | None, ...] | None:
    usage = message.usage_metadata
    if usage is None:
        return None
    read = {k.rpartition("_cache")[1] + k.rpartition("_cache")[2]: v for k, v in usage["input_token_details"].items()}
    written = usage["output_token_details"]
    return (
        usage["input_tokens"],
        usage["output_tokens"],
        usage["total_tokens"],
        read.get("_cache_read", usage["input_token_details"].get("cache_read")),
        next((v for k, v in written.items() if k.endswith("reasoning")), None),
    )


async def both_fail(engine: Any, document: dict[str, Any], model: Any, recording: Recording) -> None:
    with pytest.raises(ProviderError) as ours:
        await engine.chat(document, "hi")
    with pytest.raises(Exception, match=r"Error code") as theirs:
        await model.ainvoke("hi")
    assert type(ours.value) is KINDS[recording["status"]]
    assert ours.value.status == theirs.value.status_code
    assert ours.value.provider_code == (theirs.value.code or theirs.value.type)
    assert recording["response"]["error"]["message"] in ours.value.message


# --- the recorded request, rebuilt -------------------------------------------------------------------------------

AS_INFERENCE = {
    "max_completion_tokens": "max_tokens", "stop": "stop_sequences",
    **{n: n for n in ("max_tokens", "temperature", "seed", "user", "response_format", "prompt_cache_key")},
    **{n: n for n in ("web_search_options", "moderation")},
}  # fmt: skip
AS_CALL = ("messages", "tools", "tool_choice", "stream")


def rebuilt(speak: Any, recording: Recording) -> Any:
    """Return our body for what a recorded request asks."""
    asked = dict(recording["request"])
    asked.pop("stream_options", None)
    asked.pop("model")
    said = {name: asked.pop(name) for name in AS_CALL if name in asked}
    inference = {AS_INFERENCE[name]: asked.pop(name) for name in list(asked) if name in AS_INFERENCE}
    if "reasoning_effort" in asked:
        inference["reasoning"] = {"effort": asked.pop("reasoning_effort")}
    document = document_for(recording, "https://h")
    speaker = speak(document["provider"], recording["request"]["model"] or "m", **document["connection"])
    return speaker.body(said.pop("messages"), **said, **inference, model_kwargs=asked)


def normalised(recording: Recording) -> Any:
    """Return the recorded body in the simplest of its equal forms: the differences that we allow, one by one."""
    body = json.loads(json.dumps(recording["request"]))
    if body.get("stream") is False:  # the default
        del body["stream"]
    if recording["provider"] == "azure":  # a dated api-version names the deployment in the path
        body.pop("model")
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    for message in body["messages"]:
        if message["role"] == "assistant":  # absent and null are the same
            message.setdefault("content", None)
        content = message.get("content")
        if isinstance(content, list) and len(content) == 1 and content[0]["type"] == "text":
            message["content"] = content[0]["text"]
    return body


#: Recorded requests that we write differently, and why.
WRITTEN_DIFFERENTLY: dict[str, str] = {
    "openai-chat-969b86e094": "our text parts have no place for prompt_cache_breakpoint",
    "openai-chat-2733f7fa2a": "our text parts have no place for prompt_cache_breakpoint",
    "openai-chat-83b4bbdbc6": "it sends a file's id, bytes and name at once, and was refused; we send the id",
}


@pytest.mark.parametrize("recording", recordings(*FILES))
def test_a_recorded_request_is_rebuilt(speak, recording):
    if reason := WRITTEN_DIFFERENTLY.get(recording["id"]):
        assert rebuilt(speak, recording) != normalised(recording), f"no longer different: {reason}"
    else:
        assert rebuilt(speak, recording) == normalised(recording)


# --- cut anywhere ------------------------------------------------------------------------------------------------


def shortest(count: int, *names: str) -> list[Any]:
    found = recordings(*names)
    return sorted(found, key=lambda p: len(p.values[0]["response_b64"]) if p.values[0] else 0)[:count]


@pytest.mark.parametrize("recording", [*shortest(1, "openai-chat-stream"), *shortest(1, "azure-chat-stream")])
def test_a_stream_cut_at_any_byte_is_read_the_same(speak, make_request, recording):
    _, raw, _ = answer_of(recording)
    request = make_request("openai", "hi", stream=True)

    def decoded(*pieces: bytes) -> Any:
        framing, decoder = SSE(), speak().codec.decode_stream(request, WireReply(200, {}))
        frames = [frame for piece in pieces for frame in framing.feed(piece)] + framing.end()
        return collect([event for frame in frames for event in decoder.feed(frame)] + list(decoder.end()))

    whole = decoded(raw)
    assert whole.finish_reason != "unknown"
    assert all(decoded(raw[:cut], raw[cut:]) == whole for cut in range(1, len(raw)))
