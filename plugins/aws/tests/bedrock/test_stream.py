"""Streams: every event, every cut, exceptions in the middle."""

from __future__ import annotations

import base64
import json
from itertools import pairwise

import pytest
from dragoman.errors import (
    CallTimeoutError,
    InvalidRequestError,
    ProtocolError,
    RateLimitedError,
    ServerError,
)
from dragoman.events import Finished, Started, TextDelta, ToolCallDelta, UsageReported, collect
from dragoman.messages import Message, Reasoning, Text, ToolCall
from dragoman.plugin import WireReply
from dragoman_aws.eventstream import EventStream
from hypothesis import given, settings
from hypothesis import strategies as st

from ..edge import event, exception, message  # noqa: TID252  (the tests are no package that could be installed)
from .test_recordings import recordings

USAGE = {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}


def start(index, **inside):
    return event("contentBlockStart", {"contentBlockIndex": index, "start": inside})


def delta(index, **inside):
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": inside, "p": "abcdefgh"})


def stop(index):
    return event("contentBlockStop", {"contentBlockIndex": index, "p": "ab"})


BEGIN = event("messageStart", {"role": "assistant", "p": "abc"})
END = [
    event("messageStop", {"stopReason": "end_turn"}),
    event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}, "p": "x"}),
]


def decoded(speak, make_request, *pieces, messages="hi", **headers):
    """Return the events of a stream in these pieces."""
    codec = speak().codec
    decoder = codec.decode_stream(make_request(messages, stream=True), WireReply(200, headers))
    framing = EventStream()
    events = []
    for piece in pieces:
        for frame in framing.feed(piece):
            events += decoder.feed(frame)
    for frame in framing.end():
        events += decoder.feed(frame)
    return [*events, *decoder.end()]


@pytest.fixture
def read(speak, make_request):
    return lambda *pieces, **rest: decoded(speak, make_request, *pieces, **rest)


def test_text_without_a_start(read):
    events = read(BEGIN, delta(0, text="hel"), delta(0, text="lo"), stop(0), *END, **{"x-amzn-requestid": "r"})
    assert events[:3] == [Started(request_id="r"), TextDelta("hel"), TextDelta("lo")]
    response = collect(events)
    assert (response.text, response.finish_reason, response.request_id) == ("hello", "stop", "r")
    assert response.extra == {"metrics": {"latencyMs": 5}}
    assert (response.usage.input_tokens, response.usage.total_tokens) == (3, 7)


def test_figures_come_after_the_finish(read):
    kinds = [type(e) for e in read(BEGIN, delta(0, text="a"), stop(0), *END)]
    assert kinds.index(Finished) < kinds.index(UsageReported)


def test_an_empty_delta_may_be_the_whole_answer(read):
    response = collect(read(BEGIN, delta(0, text=""), stop(0), *END))
    assert (response.message.parts, response.finish_reason) == ((), "stop")


def test_calls_come_in_pieces(read):
    events = read(
        BEGIN,
        delta(0, text="let me see"),
        stop(0),
        start(1, toolUse={"toolUseId": "t1", "name": "f", "type": "tool_use"}),
        delta(1, toolUse={"input": ""}),
        delta(1, toolUse={"input": '{"a"'}),
        delta(1, toolUse={"input": ": 1}"}),
        stop(1),
        start(2, toolUse={"toolUseId": "t2", "name": "g"}),
        stop(2),
        event("messageStop", {"stopReason": "tool_use"}),
    )
    assert ToolCallDelta(0, "t1", "f") in events
    response = collect(events)
    assert response.message.parts == (Text("let me see"), ToolCall("t1", "f", '{"a": 1}'), ToolCall("t2", "g", "{}"))
    assert response.finish_reason == "tool_calls"


def test_reasoning_with_its_proofs(read):
    response = collect(
        read(
            BEGIN,
            delta(0, reasoningContent={"text": "h"}),
            delta(0, reasoningContent={"text": "m"}),
            delta(0, reasoningContent={"signature": "s1"}),
            delta(0, reasoningContent={"signature": "s2"}),
            stop(0),
            delta(1, reasoningContent={"redactedContent": "r1"}),
            stop(1),
            delta(2, reasoningContent={"redactedContent": "r2"}),
            stop(2),
            delta(3, text="a"),
            stop(3),
            *END,
        )
    )
    assert response.message.parts == (
        Reasoning("hm", "s1s2", "r1"),
        Reasoning(redacted="r2"),
        Text("a"),
    )


def test_reasoning_goes_back_as_it_came(read, speak):
    response = collect(
        read(
            BEGIN,
            delta(0, reasoningContent={"redactedContent": "r1"}),
            stop(0),
            delta(1, reasoningContent={"text": "hm"}),
            delta(1, reasoningContent={"signature": "s"}),
            stop(1),
            delta(2, text="a"),
            stop(2),
            *END,
        )
    )
    body = speak().body([Message("user", (Text("q"),)), response.message])
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"redactedContent": "r1"}},
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"text": "a"},
    ]


def test_citations_are_kept_with_their_text(read):
    response = collect(
        read(
            BEGIN,
            delta(0, text="You get "),
            stop(0),
            delta(1, text="20 "),
            delta(1, citation={"title": "policy"}),
            delta(1, text="days."),
            stop(1),
            *END,
        )
    )
    assert response.text == "You get 20 days."
    cited = {"content": [{"text": "20 days."}], "citations": [{"title": "policy"}]}
    assert response.extra["citations"] == [cited]


def test_what_bedrock_ran_itself_is_put_together(read):
    response = collect(
        read(
            BEGIN,
            start(0, toolUse={"toolUseId": "t", "name": "code", "type": "server_tool_use"}),
            delta(0, toolUse={"input": '{"snippet"'}),
            delta(0, toolUse={"input": ': "1"}'}),
            stop(0),
            start(1, toolResult={"toolUseId": "t", "status": "success"}),
            delta(1, toolResult=[{"json": {"stdOut": "7"}}]),
            stop(1),
            delta(2, text="7"),
            stop(2),
            *END,
        )
    )
    assert response.tool_calls == ()
    assert response.extra["message.content"] == [
        {"toolUse": {"toolUseId": "t", "name": "code", "type": "server_tool_use", "input": {"snippet": "1"}}},
        {"toolResult": {"toolUseId": "t", "status": "success", "content": [{"json": {"stdOut": "7"}}]}},
    ]


def test_new_kinds_of_events_and_deltas_break_nothing(read):
    response = collect(
        read(BEGIN, event("weather", {"a": 1}), delta(0, hologram={"x": 1}), stop(0), delta(1, text="a"), stop(1), *END)
    )
    assert response.text == "a"
    assert response.extra["message.content"] == [{"hologram": {"x": 1}}]


def test_trace_and_fields_are_kept(read):
    fields = {"usage": {"output_tokens_details": {"thinking_tokens": 5}}}
    response = collect(
        read(
            BEGIN,
            delta(0, text="a"),
            stop(0),
            event("messageStop", {"stopReason": "guardrail_intervened", "additionalModelResponseFields": fields}),
            event("metadata", {"usage": USAGE, "trace": {"guardrail": {}}, "serviceTier": {"type": "flex"}}),
        )
    )
    assert response.finish_reason == "content_filter"
    assert response.usage.reasoning_tokens == 5
    assert response.extra == {
        "additionalModelResponseFields": fields,
        "trace": {"guardrail": {}},
        "serviceTier": {"type": "flex"},
    }


def test_reports_come_with_the_stream(read):
    messages = [Message("user", (Text("a"),)), Message("system", (Text("b"),))]
    response = collect(read(BEGIN, delta(0, text="a"), stop(0), *END, messages=messages))
    assert [r.code for r in response.reports] == ["system_moved"]
    word = event("messageStop", {"stopReason": "bored"})
    assert [r.code for r in collect(read(BEGIN, word)).reports] == ["unknown_stop_reason"]


# --- what fails --------------------------------------------------------------------------------------------------

EXCEPTIONS = {
    "throttlingException": RateLimitedError,
    "modelStreamErrorException": ServerError,
    "internalServerException": ServerError,
    "serviceUnavailableException": ServerError,
    "validationException": InvalidRequestError,
    "modelTimeoutException": CallTimeoutError,
    "aNewException": ServerError,
}


@pytest.mark.parametrize("code", EXCEPTIONS)
def test_exceptions_are_typed_errors(read, code):
    with pytest.raises(EXCEPTIONS[code], match="Too many\\. Slow down") as caught:
        read(BEGIN, delta(0, text="a"), exception(code, {"message": "Too many.\nSlow down"}))
    assert type(caught.value) is EXCEPTIONS[code]
    assert caught.value.provider_code == code


def test_the_status_of_a_failed_model_is_told(read):
    payload = {"message": "m", "originalStatusCode": 502, "originalMessage": "o"}
    with pytest.raises(ServerError) as caught:
        read(BEGIN, exception("modelStreamErrorException", payload))
    assert caught.value.status == 502


def test_an_error_of_the_protocol_is_an_error(read):
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "went wrong"}
    with pytest.raises(ServerError, match="went wrong"):
        read(BEGIN, message(headers, b""))


def test_a_payload_that_is_not_json_is_an_error(read):
    with pytest.raises(ProtocolError, match="contentBlockDelta"):
        read(BEGIN, event("contentBlockDelta", b"<html>"))


# --- every cut ---------------------------------------------------------------------------------------------------

WHOLE = b"".join(
    [
        BEGIN,
        delta(0, text="Grüß 🌍"),
        stop(0),
        start(1, toolUse={"toolUseId": "t1", "name": "f"}),
        delta(1, toolUse={"input": '{"ä": 1}'}),
        stop(1),
        *END,
    ]
)


def test_every_cut_gives_the_same_answer(read):
    expected = read(WHOLE)
    for cut in range(len(WHOLE) + 1):
        assert read(WHOLE[:cut], WHOLE[cut:]) == expected
    assert read(*(WHOLE[i : i + 1] for i in range(len(WHOLE)))) == expected


def test_a_stream_that_is_cut_off_never_finishes(read):
    finish = WHOLE.index(END[0]) + len(END[0])
    for length in range(finish):
        try:
            events = read(WHOLE[:length])
        except ProtocolError:
            continue
        assert not any(isinstance(e, Finished) for e in events)


@pytest.mark.parametrize("recording", recordings("bedrock-converse-stream"))
def test_recorded_streams_at_any_cut(read, recording):
    if recording["response_b64"] is None:
        pytest.skip("an error, no stream")
    raw = base64.b64decode(recording["response_b64"])
    expected = read(raw)

    @settings(max_examples=25, deadline=None, database=None)
    @given(st.lists(st.integers(0, len(raw)), max_size=8).map(sorted))
    def cut(places):
        edges = [0, *places, len(raw)]
        assert read(*(raw[a:b] for a, b in pairwise(edges))) == expected

    cut()
    assert json.dumps(collect(expected).extra)
