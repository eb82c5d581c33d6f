"""``runtime: langchain`` beside ``runtime: native``: the same adapter, the same bytes, the same answer."""

from __future__ import annotations

import asyncio
import json

import pytest
from dragoman.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ServerError,
    UnsupportedError,
)
from dragoman.messages import Document, Image, Message, Reasoning, Text, ToolCall, ToolResult
from dragoman.testing.upstream import HOLD, Reply

pytest.importorskip("langchain_cohere", reason="dragoman-cohere[langchain] is not installed")

BOTH_WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "d", "parameters": {"type": "object", "properties": {}}},
}
CALL = ToolCall("c1", "weather", '{"city": "Paris"}')


def said(role, *parts, **rest):
    return Message(role, parts, **rest)


CONVERSATIONS = {
    "roles": [said("system", Text("be brief")), said("user", Text("a")), said("assistant", Text("b"))],
    "developer": [said("developer", Text("be brief")), said("user", Text("a"))],
    "images": [
        said("user", Text("look"), Image(data=b"x", media_type="image/png"), Image(url="https://h/a", detail="low"))
    ],
    "plan": [
        said("user", Text("weather?")),
        said("assistant", Reasoning("I will look", "tool_plan"), CALL),
        said("tool", ToolResult("c1", (Text("rain"),))),
    ],
    "thinking": [said("assistant", Reasoning("hm"), Text("yes")), said("user", Text("why"))],
    "documents": [
        said("assistant", CALL),
        said("tool", ToolResult("c1", (Document(text='{"mm": 3}', media_type="application/json", name="d1"),))),
    ],
    "broken call": [said("assistant", Text("well"), ToolCall("c1", "weather", '{"ci')), said("user", Text("so"))],
}


async def answer(engine, document, streamed, messages="hi", **rest):
    if not streamed:
        return await engine.chat(document, messages, **rest)
    async with engine.stream(document, messages, **rest) as stream:
        async for _ in stream:
            pass
        return stream.response


def driven(document):
    return {**document, "runtime": "langchain"}


@BOTH_WAYS
@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_the_same_request_is_sent(engine, adapter, upstream, stream_events, sse, name, streamed):
    if streamed:
        upstream.answer(sse(stream_events()))
    for choice in (None, "required", "weather"):
        rest = {"tools": [TOOL], "tool_choice": choice, "temperature": 0.5, "max_tokens": 9, "stop_sequences": ["X"]}
        for document in (adapter, driven(adapter)):
            await answer(engine, document, streamed, CONVERSATIONS[name], **rest)
        native, theirs = (plain(request.json()) for request in upstream.received[-2:])
        assert theirs == native


def plain(body):
    """Return a body in the simplest of its equal forms: an explicit default says nothing."""
    if body.get("stream") is False:
        del body["stream"]
    for call in [call for message in body["messages"] for call in message.get("tool_calls", ())]:
        call["function"]["arguments"] = "".join(call["function"]["arguments"].split())
    return body


@BOTH_WAYS
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError), (401, AuthenticationError), (402, PermissionDeniedError),
        (404, ModelNotFoundError), (429, RateLimitedError), (498, AuthenticationError),
        (499, ConnectionFailedError), (500, ServerError), (501, ServerError),
    ],
)  # fmt: skip
async def test_the_same_error_is_raised(engine, adapter, upstream, canary, status, kind, streamed):
    upstream.answer(Reply.json({"message": f"so it is, {canary}"}, status))
    found = []
    for document in (adapter, driven(adapter)):
        with pytest.raises(ProviderError) as caught:
            await answer(engine, document, streamed)
        found.append(caught.value)
    native, theirs = found
    assert type(theirs) is type(native) is kind
    assert (theirs.status, theirs.message) == (native.status, native.message)
    assert canary not in repr(theirs.as_dict())
    assert len(upstream.received) == 2


async def test_a_limit_is_heard(engine, adapter, upstream):
    upstream.answer(Reply.json({"message": "m"}, 429, retry_after="7"))
    with pytest.raises(RateLimitedError) as caught:
        await engine.chat(driven(adapter), "hi")
    assert caught.value.retry_after_s == 7


async def test_a_stream_that_ends_in_an_error_raises_ours(engine, adapter, upstream, stream_events, sse):
    end = {"error": "invalid tool generation", "error_type": "INVALID_TOOL_GENERATION"}
    upstream.answer(sse(stream_events(finish="ERROR", usage={}, **end)))
    with pytest.raises(InvalidRequestError, match="invalid tool generation"):
        await answer(engine, driven(adapter), streamed=True)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_server_that_is_not_there_is_a_connection_error(engine, adapter, unused_tcp_port, streamed):
    away = {**adapter, "connection": {"base_url": f"http://127.0.0.1:{unused_tcp_port}"}}
    with pytest.raises(ConnectionFailedError):
        await answer(engine, driven(away), streamed)


async def test_what_cannot_be_said_is_refused_alike(engine, adapter, upstream):
    for document in (adapter, driven(adapter)):
        with pytest.raises(UnsupportedError, match=r"inference\.reasoning\.effort"):
            await engine.chat(document, "hi", reasoning={"effort": "low"})
        with pytest.raises(UnsupportedError):
            await engine.chat(document, "hi", tools=[TOOL, {**TOOL, "function": {"name": "b"}}], tool_choice="b")
    assert not upstream.received


async def test_the_class_is_left_nothing_open(engine, adapter, upstream):
    await engine.chat(driven(adapter), "hi")
    await engine.aclose()
    assert await asyncio.to_thread(upstream.wait_until_left)


async def test_leaving_a_stream_disconnects_the_server(engine, adapter, upstream, stream_events, sse):
    text = {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "hello"}}}}
    upstream.answer(sse(stream_events(text)).cut(2, HOLD))
    async with engine.stream(driven(adapter), "hi") as stream:
        assert await anext(stream.text()) == "hello"
    assert await asyncio.to_thread(upstream.wait_until_left)


async def test_events_come_as_they_are_said(engine, adapter, upstream, stream_events, sse):
    plan = [{"type": "tool-plan-delta", "delta": {"message": {"tool_plan": word}}} for word in ("I ", "will")]
    function = {"name": "weather", "arguments": ""}
    call = {"id": "c1", "type": "function", "function": function}
    start = {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": call}}}
    pieces = [
        {"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": {"function": {"arguments": p}}}}}
        for p in ('{"city"', ': "Paris"}')
    ]
    upstream.answer(sse(stream_events(*plan, start, *pieces, finish="TOOL_CALL")))
    native = await answer(engine, adapter, streamed=True, tools=[TOOL])
    theirs = await answer(engine, driven(adapter), streamed=True, tools=[TOOL])
    assert theirs.message.parts == native.message.parts == (Reasoning("I will", "tool_plan"), CALL)
    assert json.loads(theirs.tool_calls[0].arguments) == {"city": "Paris"}
    assert theirs.usage == native.usage
