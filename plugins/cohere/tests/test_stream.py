from __future__ import annotations

import pytest
from dragoman.errors import InvalidRequestError, ProtocolError, ServerError
from dragoman.events import (
    Finished,
    ProviderFields,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    collect,
)
from dragoman.messages import Reasoning, ToolCall
from dragoman.plugin import Frame, WireReply


def piece(type, index=0, **message):
    return {"type": type, "index": index, "delta": {"message": message}}


def text(value):
    return piece("content-delta", content={"text": value})


def thinking(value):
    return piece("content-delta", content={"thinking": value})


def plan(value):
    return {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": value}}}


def call(index, id, name):
    function = {"name": name, "arguments": ""}
    return piece("tool-call-start", index, tool_calls={"id": id, "type": "function", "function": function})


def arguments(index, value):
    return piece("tool-call-delta", index, tool_calls={"function": {"arguments": value}})


@pytest.fixture
def decoded(speak, make_request):
    def read(events):
        import orjson

        decoder = speak().codec.decode_stream(make_request("hi", stream=True), WireReply(200, {"x-request-id": "r"}))
        frames = [Frame(orjson.dumps(event), event["type"]) for event in events] + [Frame(b"[DONE]")]
        return [event for frame in frames for event in decoder.feed(frame)] + list(decoder.end())

    return read


def test_text(decoded, stream_events):
    start = piece("content-start", content={"type": "text", "text": ""})
    events = decoded(stream_events(start, text("he"), text("llo"), {"type": "content-end", "index": 0}))
    assert events[:-2] == [Started("a-1", None, "r"), TextDelta("he"), TextDelta("llo")]
    usage, finished = events[-2:]
    assert isinstance(usage, UsageReported)
    assert usage.usage[:3] == (5, 3, 8)
    assert usage.usage.detail["billed_units"] == {"input_tokens": 2, "output_tokens": 3}
    assert finished == Finished("stop", "COMPLETE")


def test_text_in_the_start_of_a_block_is_not_lost(decoded, stream_events):
    start = piece("content-start", content={"type": "text", "text": "he"})
    assert collect(decoded(stream_events(start, text("llo")))).text == "hello"


def test_a_plan_and_calls(decoded, stream_events):
    events = decoded(
        stream_events(
            plan("I "), plan("will"), call(0, "c1", "f"), arguments(0, '{"a":'), arguments(0, "1}"),
            {"type": "tool-call-end", "index": 0}, call(1, "c2", "g"), arguments(1, "{}"), finish="TOOL_CALL",
        )
    )  # fmt: skip
    assert events[1:-2] == [
        ReasoningDelta("I "),
        ReasoningDelta("will"),
        ReasoningDelta(signature="tool_plan"),
        ToolCallDelta(0, "c1", "f"),
        ToolCallDelta(0, arguments='{"a":'),
        ToolCallDelta(0, arguments="1}"),
        ToolCallDelta(1, "c2", "g"),
        ToolCallDelta(1, arguments="{}"),
    ]
    assert events[-1] == Finished("tool_calls", "TOOL_CALL")


@pytest.mark.parametrize("between", [[], [text("so")]])
def test_thinking_and_a_plan_stay_two_parts(decoded, stream_events, between):
    response = collect(
        decoded(stream_events(thinking("h"), thinking("m"), *between, plan("I will"), call(0, "c", "f")))
    )
    thought, *_, planned, called = response.message.parts
    assert thought == Reasoning("hm", None if between else "thinking")
    assert (planned, called) == (Reasoning("I will", "tool_plan"), ToolCall("c", "f", ""))


def test_a_plan_without_a_call_is_marked_at_the_end(decoded, stream_events):
    assert collect(decoded(stream_events(plan("I will")))).message.parts == (Reasoning("I will", "tool_plan"),)


def test_what_has_no_place_comes_once_at_the_end(decoded, stream_events):
    found = {"start": 0, "end": 2}
    scored = {**text("he"), "logprobs": {"token_ids": [1]}}
    events = decoded(
        stream_events(
            scored, piece("citation-start", citations=found), {"type": "citation-end", "index": 0},
            piece("citation-start", citations=found), {"type": "debug", "prompt": "p"}, {"type": "news", "a": 1},
            piece("content-start", content={"type": "film", "url": "u"}), warning="w",
        )
    )  # fmt: skip
    (fields,) = [event for event in events if isinstance(event, ProviderFields)]
    assert fields.fields == {
        "logprobs": [{"token_ids": [1]}],
        "citations": [found, found],
        "debug": {"prompt": "p"},
        "events": [{"type": "news", "a": 1}],
        "content": [{"type": "film", "url": "u"}],
        "warning": "w",
    }


def test_the_type_may_come_as_the_events_name_alone(speak, make_request):
    decoder = speak().codec.decode_stream(make_request("hi", stream=True), WireReply(200, {}))
    frame = Frame(b'{"index": 0, "delta": {"message": {"content": {"text": "x"}}}}', "content-delta")
    assert list(decoder.feed(frame)) == [TextDelta("x")]


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ({"error": "so it is", "error_type": "INVALID_TOOL_GENERATION"}, InvalidRequestError),
        ({"error": "so it is"}, ServerError),
    ],
)
def test_an_error_at_the_end_is_raised_with_its_words(decoded, stream_events, end, kind):
    with pytest.raises(kind, match="so it is"):
        decoded(stream_events(text("he"), finish="ERROR", usage={}, **end))


@pytest.mark.parametrize("word", ["ERROR", "TIMEOUT"])
def test_an_end_without_words_is_a_finish(decoded, stream_events, word):
    events = decoded(stream_events(text("he"), finish=word, usage={}))
    assert events[-1] == Finished("error", word)
    assert not [event for event in events if isinstance(event, UsageReported)]


def test_an_event_that_is_an_error_is_raised(decoded):
    with pytest.raises(ServerError, match="out of order"):
        decoded([{"type": "", "message": "out of order"}])


@pytest.mark.parametrize("data", [b"{", b"[1]", b"text"])
def test_a_frame_that_is_no_event_is_a_protocol_error(speak, make_request, data):
    decoder = speak().codec.decode_stream(make_request("hi", stream=True), WireReply(200, {}))
    with pytest.raises(ProtocolError):
        decoder.feed(Frame(data))
