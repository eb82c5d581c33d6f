"""Real answers of Cohere, recorded by others, against Cohere's SDK, langchain-cohere and our own encoder.

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
from dragoman.errors import InvalidRequestError, ModelNotFoundError
from dragoman.events import collect
from dragoman.messages import Document, Image, Message, Reasoning, Text, ToolCall, ToolResult
from dragoman.messages import split_data_url as split
from dragoman.plugin import WireReply
from dragoman.testing.upstream import Reply
from dragoman.transport.framing import SSE

HERE = Path(os.environ.get("DRAGOMAN_RECORDINGS") or Path(__file__).parents[3] / "../shared/recordings")
CHAT, STREAM = "cohere-chat", "cohere-chat-stream"

#: Streams of status 200 that end in an error.
FAILED = {"cohere-chat-stream-041b4ec69e", "cohere-chat-stream-185cb413be"}

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


def raw(recording: Recording) -> bytes:
    if recording["response_b64"] is None:
        return json.dumps(recording["response"]).encode()
    return base64.b64decode(recording["response_b64"])


def reply_of(recording: Recording) -> Reply:
    return Reply((raw(recording),), recording["status"], dict(recording["response_headers"]))


def is_stream(recording: Recording) -> bool:
    return recording["operation"].endswith("-stream")


async def ours_of(engine: Any, adapter: dict[str, Any], recording: Recording) -> Any:
    if not is_stream(recording):
        return await engine.chat(adapter, "hi")
    async with engine.stream(adapter, "hi") as stream:
        async for _ in stream:
            pass
    return stream.response


# --- read at all -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", recordings(CHAT, STREAM))
async def test_is_read(engine, adapter, upstream, recording):
    upstream.answer(reply_of(recording))
    if recording["id"] in FAILED:
        with pytest.raises(InvalidRequestError, match="invalid tool generation") as refused:
            await ours_of(engine, adapter, recording)
        assert refused.value.provider_code == "INVALID_TOOL_GENERATION"
        assert not refused.value.retryable
        return
    response = await ours_of(engine, adapter, recording)
    assert response.finish_reason in ("stop", "stop_sequence", "tool_calls")
    assert response.text or response.tool_calls
    assert response.usage.source == "provider"
    assert response.response_id


# --- equal to what Cohere's SDK makes of the same bytes ----------------------------------------------------------


@pytest.mark.parametrize("recording", recordings(CHAT, STREAM))
async def test_is_read_as_the_sdk_reads_it(engine, adapter, upstream, recording):
    cohere = pytest.importorskip("cohere", reason="dragoman-cohere[langchain] is not installed")
    upstream.answer(reply_of(recording))
    async with cohere.AsyncClientV2("k", base_url=upstream.url) as client:
        asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        theirs = (
            await streamed_by_sdk(client, asked) if is_stream(recording) else whole_of_sdk(await client.chat(**asked))
        )
    if recording["id"] in FAILED:
        assert theirs["finish"] == "ERROR"
        return
    ours = await ours_of(engine, adapter, recording)
    plan = [p.text for p in ours.message.parts if isinstance(p, Reasoning) and p.signature == "tool_plan"]
    thought = [p.text for p in ours.message.parts if isinstance(p, Reasoning) and p.signature != "tool_plan"]
    assert theirs == {
        "id": ours.response_id,
        "text": ours.text,
        "thinking": "".join(thought),
        "plan": "".join(plan),
        "calls": [(c.id, c.name, c.arguments) for c in ours.tool_calls],
        "citations": ours.extra.get("citations", []),
        "finish": ours.provider_finish_reason,
        "usage": ours.usage.detail,
    }
    tokens = ours.usage.detail["tokens"]
    assert ours.usage.input_tokens == tokens["input_tokens"] + tokens.get("image_tokens", 0)
    assert ours.usage.output_tokens == tokens["output_tokens"]
    assert ours.usage.cached_input_tokens == ours.usage.detail.get("cached_tokens")


def plain(value: Any) -> Any:
    return value.model_dump(exclude_unset=True, by_alias=True)


def whole_of_sdk(answer: Any) -> dict[str, Any]:
    blocks = answer.message.content or []
    return {
        "id": answer.id,
        "text": "".join(b.text for b in blocks if b.type == "text"),
        "thinking": "".join(b.thinking for b in blocks if b.type == "thinking"),
        "plan": answer.message.tool_plan or "",
        "calls": [(c.id, c.function.name, c.function.arguments) for c in answer.message.tool_calls or []],
        "citations": [plain(c) for c in answer.message.citations or []],
        "finish": answer.finish_reason,
        "usage": plain(answer.usage),
    }


async def streamed_by_sdk(client: Any, asked: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"text": "", "thinking": "", "plan": "", "calls": [], "citations": []}
    async for event in client.chat_stream(**asked):
        if event.type == "message-start":
            told["id"] = event.id
        elif event.type == "content-delta":
            told["text"] += event.delta.message.content.text or ""
            told["thinking"] += event.delta.message.content.thinking or ""
        elif event.type == "tool-plan-delta":
            told["plan"] += event.delta.message.tool_plan
        elif event.type == "tool-call-start":
            call = event.delta.message.tool_calls
            told["calls"].append((call.id, call.function.name, call.function.arguments))
        elif event.type == "tool-call-delta":
            call_id, name, arguments = told["calls"].pop()
            told["calls"].append((call_id, name, arguments + event.delta.message.tool_calls.function.arguments))
        elif event.type == "citation-start":
            told["citations"].append(plain(event.delta.message.citations))
        elif event.type == "message-end":
            told |= {"finish": event.delta.finish_reason, "usage": plain(event.delta.usage)}
    return told


# --- equal to what langchain-cohere makes of them ----------------------------------------------------------------

#: Recordings that ChatCohere 0.6.0 reads differently, and why.
READ_DIFFERENTLY: dict[str, str] = {
    "cohere-chat-d586f17c20": "it drops the thinking before a tool call",
    "cohere-chat-8f7f4a9b83": "it leaves the tokens of images out",
    "cohere-chat-e3b8d7ca29": "it leaves the tokens of images out",
    "cohere-chat-c7cb3efd0a": "it leaves the tokens of images out",
    "cohere-chat-stream-041b4ec69e": "it fails at a stream that ends in an error",
    "cohere-chat-stream-185cb413be": "it fails at a stream that ends in an error",
}


@pytest.mark.parametrize("recording", recordings(CHAT, STREAM))
async def test_is_read_as_langchain_cohere_reads_it(engine, adapter, upstream, recording):
    langchain_cohere = pytest.importorskip("langchain_cohere", reason="dragoman-cohere[langchain] is not installed")
    upstream.answer(reply_of(recording))
    model = langchain_cohere.ChatCohere(model="m", cohere_api_key="k", base_url=upstream.url)
    try:
        theirs = await told_by_langchain(model, recording)
    except AttributeError:
        assert recording["id"] in FAILED
        return
    finally:  # the class closes nothing
        model.client._client_wrapper.httpx_client.httpx_client.close()
        await model.async_client._client_wrapper.httpx_client.httpx_client.aclose()
    ours = await ours_of(engine, adapter, recording)
    reading = {
        "text": ours.reasoning or ours.text if ours.tool_calls else ours.text,  # the plan is its text then
        "calls": [(c.id, c.name, json.loads(c.arguments or "{}")) for c in ours.tool_calls],
        "finish": ours.provider_finish_reason,
        "usage": figures(ours, billed=is_stream(recording)),
    }
    if reason := READ_DIFFERENTLY.get(recording["id"]):
        assert theirs != reading, f"no longer different: {reason}"
    else:
        assert theirs == reading


def figures(response: Any, *, billed: bool) -> tuple[int, int]:
    """Return tokens read and written; ChatCohere gives the billed ones for a stream."""
    if billed:
        units = response.usage.detail["billed_units"]
        return units["input_tokens"], units["output_tokens"]
    return response.usage.input_tokens, response.usage.output_tokens


async def told_by_langchain(model: Any, recording: Recording) -> dict[str, Any]:
    message: Any = None
    if is_stream(recording):
        async for chunk in model.astream("hi"):
            message = chunk if message is None else message + chunk
    else:
        message = await model.ainvoke("hi")
    used = message.usage_metadata
    return {
        "text": message.text,
        "calls": [(call["id"], call["name"], call["args"]) for call in message.tool_calls],
        "finish": message.additional_kwargs["finish_reason"],
        "usage": (used["input_tokens"], used["output_tokens"]),
    }


# --- equal through our own LangChain door ----------------------------------------------------------------------------


@pytest.mark.parametrize("recording", recordings(CHAT, STREAM))
async def test_is_read_alike_through_the_langchain_door(engine, adapter, upstream, recording):
    pytest.importorskip("langchain_cohere", reason="dragoman-cohere[langchain] is not installed")
    upstream.answer(reply_of(recording))
    driven = {**adapter, "runtime": "langchain"}
    if recording["id"] in FAILED:
        with pytest.raises(InvalidRequestError, match="invalid tool generation"):
            await ours_of(engine, driven, recording)
        return
    theirs, ours = await ours_of(engine, driven, recording), await ours_of(engine, adapter, recording)
    assert [meant(part) for part in theirs.message.parts] == [meant(part) for part in ours.message.parts]
    for name in ("finish_reason", "provider_finish_reason", "usage", "extra"):
        assert getattr(theirs, name) == getattr(ours, name), name


def meant(part: Any) -> Any:
    """Return a part with a call's arguments as values: LangChain keeps those of a whole answer in no other form."""
    return (part.id, part.name, json.loads(part.arguments or "{}")) if isinstance(part, ToolCall) else part


# --- the recorded request, rebuilt -------------------------------------------------------------------------------

AS_INFERENCE = {"temperature": "temperature", "documents": "documents", "stop_sequences": "stop_sequences"}


def rebuilt(speak: Any, recording: Recording) -> Any:
    """Return our body for what a recorded request asks."""
    asked = dict(recording["request"])
    said = {name: asked.pop(name) for name in ("messages", "tools", "stream") if name in asked}
    inference = {AS_INFERENCE[name]: asked.pop(name) for name in list(asked) if name in AS_INFERENCE}
    if word := asked.pop("tool_choice", None):
        said["tool_choice"] = word.lower()
    if shape := asked.pop("response_format", None):
        schema = shape.get("schema") or shape.get("json_schema")
        inference["response_format"] = (
            {"type": "json_schema", "json_schema": {"schema": schema}} if schema else {"type": "json_object"}
        )
    speaker = speak(asked.pop("model"))
    messages = [message_of(message) for message in said.pop("messages")]
    return speaker.body(messages, **said, **inference, model_kwargs=asked)


def message_of(raw: dict[str, Any]) -> Message:
    parts: list[Any] = []
    content = raw.get("content") or []
    if raw["role"] == "tool":
        inside = [part_of(p) for p in content] if isinstance(content, list) else [Text(content)]
        return Message("tool", (ToolResult(raw["tool_call_id"], tuple(inside)),))
    parts += [part_of(p) for p in content] if isinstance(content, list) else [Text(content)]
    if plan := raw.get("tool_plan"):
        parts.append(Reasoning(plan, signature="tool_plan"))
    for call in raw.get("tool_calls") or ():
        parts.append(ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"]))
    return Message(raw["role"], tuple(parts))


def part_of(raw: dict[str, Any]) -> Any:
    if raw["type"] == "text":
        return Text(raw["text"])
    if raw["type"] == "thinking":
        return Reasoning(raw["thinking"])
    if raw["type"] == "document":
        return Document(text=json.dumps(raw["document"]["data"]), media_type="application/json")
    url, detail = raw["image_url"]["url"], raw["image_url"].get("detail")
    if not url.startswith("data:"):
        return Image(url=url, detail=detail)
    media_type, data = split(url)
    return Image(data=data, media_type=media_type, detail=detail)


def normalised(recording: Recording) -> Any:
    """Return the recorded body in the simplest of its equal forms: the differences that we allow, one by one."""
    body = json.loads(json.dumps(recording["request"]))
    if body.get("stream") is False:  # the default
        del body["stream"]
    for message in body["messages"]:
        content = message.get("content")
        if isinstance(content, list) and len(content) == 1 and content[0]["type"] == "text":
            message["content"] = content[0]["text"]
    shape = body.get("response_format", {})
    if "schema" in shape:  # langchain-cohere's name for it; the API's reference says json_schema
        shape["json_schema"] = shape.pop("schema")
    return body


@pytest.mark.parametrize("recording", recordings(CHAT, STREAM))
def test_a_recorded_request_is_rebuilt(speak, recording):
    assert rebuilt(speak, recording) == normalised(recording)


# --- embeddings and rerank -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", recordings("cohere-embed"))
async def test_embeddings_are_asked_for_and_read_as_the_sdk_does(engine, adapter, upstream, recording):
    cohere = pytest.importorskip("cohere", reason="dragoman-cohere[langchain] is not installed")
    upstream.answer(reply_of(recording))
    asked = {name: value for name, value in recording["request"].items() if value is not None}
    inference = {name: asked[name] for name in ("input_type", "truncate")}
    document = {**adapter, "operation": "embed", "model": asked["model"]}
    async with cohere.AsyncClientV2("k", base_url=upstream.url) as client:
        if recording["status"] != 200:
            with pytest.raises(cohere.NotFoundError) as theirs:
                await client.embed(**asked)
            with pytest.raises(ModelNotFoundError) as ours:
                await engine.embed(document, asked["texts"], **inference)
            assert theirs.value.body["message"] in ours.value.message
            assert ours.value.request_id == recording["response"]["id"]
        else:
            theirs = await client.embed(**asked)
            ours = await engine.embed(document, asked["texts"], **inference)
            assert ours.vectors == theirs.embeddings.float_
            assert ours.response_id == theirs.id
            assert ours.usage.input_tokens == theirs.meta.billed_units.input_tokens
    assert upstream.received[0].json() == upstream.received[1].json() == asked


@pytest.mark.parametrize("recording", recordings("cohere-rerank"))
async def test_a_ranking_is_asked_for_and_read_as_the_sdk_does(engine, adapter, upstream, recording):
    cohere = pytest.importorskip("cohere", reason="dragoman-cohere[langchain] is not installed")
    upstream.answer(reply_of(recording))
    asked = {name: value for name, value in recording["request"].items() if value is not None}
    document = {**adapter, "operation": "rerank", "model": asked["model"]}
    async with cohere.AsyncClientV2("k", base_url=upstream.url) as client:
        theirs = await client.rerank(**asked)
    ours = await engine.rerank(document, asked["query"], asked["documents"], top_n=asked["top_n"])
    assert [(r.index, r.score) for r in ours.results] == [(r.index, r.relevance_score) for r in theirs.results]
    assert ours.usage.detail["billed_units"] == plain(theirs.meta.billed_units)
    assert upstream.received[0].json() == upstream.received[1].json() == asked


# --- cut anywhere ------------------------------------------------------------------------------------------------


def telling(*ids: str) -> list[Any]:
    """Return a short stream of text, with citations, and one of tool calls."""
    return [p for p in recordings(STREAM) if p.values[0] is None or p.values[0]["id"].removeprefix(f"{STREAM}-") in ids]


@pytest.mark.parametrize("recording", telling("ef5e97aca2", "0d6cbf5875"))
def test_a_stream_cut_at_any_byte_is_read_the_same(speak, make_request, recording):
    whole_bytes = raw(recording)
    request = make_request("hi", stream=True)

    def decoded(*pieces: bytes) -> Any:
        framing, decoder = SSE(), speak().codec.decode_stream(request, WireReply(200, {}))
        frames = [frame for piece in pieces for frame in framing.feed(piece)] + framing.end()
        return collect([event for frame in frames for event in decoder.feed(frame)] + list(decoder.end()))

    whole = decoded(whole_bytes)
    assert whole.finish_reason in ("stop", "tool_calls")
    assert all(decoded(whole_bytes[:cut], whole_bytes[cut:]) == whole for cut in range(1, len(whole_bytes)))
