"""Through the engine, over the wire."""

from __future__ import annotations

import pickle

import pytest
from dragoman.errors import AuthenticationError, InvalidRequestError, RateLimitedError
from dragoman.messages import Message, Text, ToolResult
from dragoman.testing.upstream import Reply

WEATHER = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


async def test_a_call(engine, adapter, upstream, canary):
    response = await engine.chat(adapter, "hi", temperature=0, top_k=3)
    assert (response.text, response.finish_reason, response.usage.total_tokens) == ("hello", "stop", 8)
    (sent,) = upstream.received
    assert (sent.target, sent.headers["authorization"]) == ("/v2/chat", f"Bearer {canary}")
    assert sent.json() == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0, "k": 3}


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool_loop_sends_the_plan_back(engine, adapter, upstream, chat_answer, stream_events, sse, streamed):
    if streamed:
        start = {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": CALL}}}
        plan = {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will look"}}}
        first = sse(stream_events(plan, start, finish="TOOL_CALL"))
    else:
        first = Reply.json(chat_answer("TOOL_CALL", None, tool_plan="I will look", tool_calls=[CALL]))
    upstream.answer(first, Reply.json(chat_answer()))
    asked = [Message("user", (Text("weather?"),))]
    if streamed:
        async with engine.stream(adapter, asked, tools=[WEATHER]) as stream:
            async for _ in stream:
                pass
        response = stream.response
    else:
        response = await engine.chat(adapter, asked, tools=[WEATHER])
    (call,) = response.tool_calls
    result = Message("tool", (ToolResult(call.id, (Text("rain"),)),))
    await engine.chat(adapter, [*asked, response.message, result], tools=[WEATHER])
    assert upstream.received[1].json()["messages"] == [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "tool_calls": [CALL], "tool_plan": "I will look"},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]


async def test_a_limit_is_waited_for_and_tried_again(engine, adapter, upstream, chat_answer):
    busy = Reply.json({"message": "slow down"}, 429, retry_after="0")
    upstream.answer(busy, Reply.json(chat_answer()))
    assert (await engine.chat({**adapter, "limits": {"max_attempts": 2}}, "hi")).text == "hello"
    assert len(upstream.received) == 2


async def test_a_spent_limit_says_how_long_to_wait(engine, adapter, upstream):
    upstream.answer(Reply.json({"message": "slow down"}, 429, retry_after="7"))
    with pytest.raises(RateLimitedError) as caught:
        await engine.chat(adapter, "hi")
    assert caught.value.retry_after_s == 7


async def test_an_invalid_token_is_an_authentication_error_without_the_key(engine, adapter, upstream, canary):
    upstream.answer(Reply.json({"message": f"invalid api token {canary}"}, 498))
    with pytest.raises(AuthenticationError) as caught:
        await engine.chat(adapter, "hi")
    assert canary not in repr(caught.value.__dict__)
    assert pickle.loads(pickle.dumps(caught.value)).status == 498  # noqa: S301


async def test_a_stream_that_ends_in_an_error_hands_out_what_came_and_raises(
    engine, adapter, upstream, stream_events, sse
):
    plan = {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will"}}}
    end = {"error": "invalid tool generation", "error_type": "INVALID_TOOL_GENERATION"}
    upstream.answer(sse(stream_events(plan, finish="ERROR", usage={}, **end)))
    seen = []

    async def drain() -> None:
        async with engine.stream({**adapter, "limits": {"max_attempts": 3}}, "hi") as stream:
            async for event in stream:
                seen.append(type(event).__name__)  # noqa: PERF401  (what came before the error counts)

    with pytest.raises(InvalidRequestError, match="invalid tool generation"):
        await drain()
    assert seen == ["Started", "ReasoningDelta"]
    assert len(upstream.received) == 1


async def test_a_dry_run_shows_the_request_and_no_key(engine, adapter, upstream, canary):
    shown = await engine.dry_run(adapter, "hi", documents=["a text"], citation_options={"mode": "OFF"})
    assert shown.body["documents"] == ["a text"]
    assert canary not in repr(shown)
    assert not upstream.received
