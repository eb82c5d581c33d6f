"""Answers, streams and errors in AI21's shape."""

from __future__ import annotations

import pytest
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    ServerError,
)
from dragoman.events import TextDelta
from dragoman.messages import ToolCall
from dragoman.testing.upstream import Reply

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


async def test_an_answer_without_object_created_and_model_is_whole(engine, upstream, adapter, answer):
    upstream.answer(Reply.json(answer()))
    response = await engine.chat(adapter, "hi")
    assert (response.text, response.finish_reason, response.model) == ("hello", "stop", None)
    assert response.response_id == "chat-1"
    assert response.usage[:3] == (5, 3, 8)
    assert response.extra == {}


async def test_tool_calls_are_read(engine, upstream, adapter, answer):
    said = answer(content=None, tool_calls=[CALL])
    said["choices"][0]["finish_reason"] = "tool_calls"
    upstream.answer(Reply.json(said))
    response = await engine.chat(adapter, "hi")
    assert response.message.parts == (ToolCall("c1", "weather", '{"city": "Paris"}'),)
    assert response.finish_reason == "tool_calls"


async def test_a_stream_has_its_usage_from_the_last_chunk(engine, upstream, adapter, chunk):
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    upstream.answer(
        Reply.sse(
            [
                chunk({"role": "assistant", "content": ""}),
                chunk({"content": "hel"}),
                chunk({"content": "lo"}),
                chunk({"content": ""}, "length", usage=usage),
            ],
            done="[DONE]",
        )
    )
    async with engine.stream(adapter, "hi") as stream:
        pieces = [event.text async for event in stream if isinstance(event, TextDelta)]
        response = stream.response
    assert pieces == ["hel", "lo"]
    assert (response.finish_reason, response.usage[:3], response.usage.source) == ("length", (5, 2, 7), "provider")
    sent = upstream.received[-1].json()
    assert sent["stream"] is True
    assert "stream_options" not in sent


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, InvalidRequestError, False),
        (401, AuthenticationError, False),
        (403, PermissionDeniedError, False),
        (404, ModelNotFoundError, False),
        (408, CallTimeoutError, True),
        (422, InvalidRequestError, False),
        (424, ServerError, True),
        (429, RateLimitedError, True),
        (500, ServerError, True),
        (503, ServerError, True),
    ],
)
@pytest.mark.parametrize(
    "reply",
    [
        Reply.text("so it is"),
        Reply((b"so it is",)),
        Reply((b"so it is",), headers={"content-type": "application/json"}),
        Reply.json("so it is"),
        Reply.json({"detail": "so it is"}),
    ],
    ids=["text", "no type", "text that calls itself JSON", "a JSON text", "detail"],
)
async def test_an_error_is_known_by_its_status_and_says_its_words(
    engine, upstream, adapter, status, kind, retryable, reply
):
    upstream.answer(Reply(reply.body, status, reply.headers))
    with pytest.raises(ProviderError) as caught:
        await engine.chat(adapter, "hi")
    assert type(caught.value) is kind
    assert caught.value.message == f"{status}: so it is"
    assert (caught.value.status, caught.value.retryable) == (status, retryable)


async def test_a_page_is_not_repeated_in_an_error(engine, upstream, adapter):
    upstream.answer(Reply.text("<html>A PAGE</html>", 503, "text/html"))
    with pytest.raises(ServerError) as caught:
        await engine.chat(adapter, "hi")
    assert "A PAGE" not in str(caught.value)
