from __future__ import annotations

import json

import pytest
from dragoman.errors import (
    ContextOverflowError,
    InvalidRequestError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    ServerError,
)
from dragoman.events import (
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    collect,
)
from dragoman.messages import Reasoning, Text, ToolCall
from dragoman.plugin import Frame, WireReply

DONE = "[DONE]"


@pytest.fixture
def events(speak, make_request):
    """Return the events of a stream of chunks; a text stands for itself."""

    def read(*chunks, **headers):
        request = make_request("openai", "hi", stream=True)
        decoder = speak().codec.decode_stream(request, WireReply(200, headers))
        found = []
        for chunk in chunks:
            found += decoder.feed(frame_of(chunk))
        return [*found, *decoder.end()]

    return read


def frame_of(chunk):
    if isinstance(chunk, Frame):
        return chunk
    return Frame((chunk if isinstance(chunk, str) else json.dumps(chunk)).encode())


def call(index=None, id=None, name=None, arguments=None, **members):
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    piece = {k: v for k, v in (("index", index), ("id", id)) if v is not None}
    return {"tool_calls": [{**piece, "function": function, **members}]}


USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


def test_a_whole_stream(events, chunk):
    found = events(
        chunk({"role": "assistant", "content": "", "refusal": None}, usage=None, obfuscation="xyz"),
        chunk({"content": "he"}, usage=None),
        chunk({"content": "llo"}, usage=None),
        chunk({}, "stop", usage=None),
        {**chunk(), "choices": [], "usage": USAGE},
        DONE,
        **{"x-request-id": "r"},
    )
    assert found[:3] == [Started("chatcmpl-1", "m-1", "r"), TextDelta("he"), TextDelta("llo")]
    assert Finished("stop", "stop") in found
    response = collect(found)
    assert (response.text, response.usage.total_tokens, response.extra) == ("hello", 7, {"created": 1})


def test_azures_first_chunk_starts_nothing_and_keeps_its_filter_results(events, chunk):
    first = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [{"i": 0}]}
    found = events(first, chunk({"content": "a"}), chunk({}, "stop"), DONE, **{"apim-request-id": "az"})
    assert found[0] == Started("chatcmpl-1", "m-1", "az")
    assert collect(found).extra["prompt_filter_results"] == [{"i": 0}]


def test_what_a_filter_struck_once_stays_struck(events, chunk):
    def filtered(results, **rest):
        made = chunk(**rest)
        made["choices"][0]["content_filter_results"] = results
        return made

    clean, struck = {"filtered": False, "severity": "safe"}, {"filtered": True, "severity": "high"}
    found = events(
        filtered({"hate": clean, "violence": clean}),
        filtered({"hate": struck}),
        filtered({"hate": clean}),
        filtered({}, finish="content_filter"),
        DONE,
    )
    response = collect(found)
    assert response.extra["content_filter_results"] == {"hate": struck, "violence": clean}
    assert response.finish_reason == "content_filter"


def test_a_choice_without_a_delta(events, chunk):
    bare = chunk()
    del bare["choices"][0]["delta"]
    assert collect(events(bare, chunk({"content": "a"}, "stop"), DONE)).text == "a"


def test_the_last_usage_counts_where_each_chunk_has_one(events, chunk):
    found = events(
        chunk({"content": "a"}, usage={**USAGE, "completion_tokens": 1}),
        chunk({"content": "b"}, "stop", usage=USAGE),
        DONE,
    )
    assert [e.usage.output_tokens for e in found if isinstance(e, UsageReported)] == [2]


def test_the_finish_may_come_with_the_last_delta(events, chunk):
    found = events(chunk({"content": "a"}, "length"), DONE)
    assert found[1:3] == [TextDelta("a"), Finished("length", "length")]


def test_a_finish_that_is_repeated_counts_once(events, chunk):
    found = events(chunk({"content": "a"}, "stop"), chunk({}, "stop"), DONE)
    assert len([e for e in found if isinstance(e, Finished)]) == 1


def test_a_stream_without_done_is_complete_with_its_finish(events, chunk):
    found = events(chunk({"content": "a"}), chunk({}, "stop", usage=USAGE))
    assert collect(found).finish_reason == "stop"
    assert collect(found).usage.total_tokens == 7


def test_a_stream_with_done_and_without_a_reason_is_complete(events, chunk):
    assert events(chunk({"content": "a"}), DONE)[-1] == Finished("unknown", None)


@pytest.mark.parametrize("chunks", [(), (DONE,), ({"choices": [], "id": ""}, DONE)])
def test_a_stream_that_says_nothing_has_no_finish(events, chunks):
    assert events(*chunks) == []


def test_a_stream_that_is_cut_off_has_no_finish(events, chunk):
    assert not [e for e in events(chunk({"content": "a"})) if isinstance(e, Finished)]


def test_nothing_after_done_counts(events, chunk):
    assert collect(events(chunk({"content": "a"}, "stop"), DONE, chunk({"content": "b"}), "rubbish")).text == "a"


def test_refusals(events, chunk):
    found = events(chunk({"refusal": "I "}), chunk({"refusal": "won't"}), chunk({}, "stop"), DONE)
    assert [e for e in found if isinstance(e, RefusalDelta)] == [RefusalDelta("I "), RefusalDelta("won't")]
    assert collect(found).finish_reason == "refusal"


@pytest.mark.parametrize("member", ["reasoning_content", "reasoning"])
def test_reasoning_under_either_name(events, chunk, member):
    found = events(chunk({member: "hm", "content": None}), chunk({member: "!"}), chunk({"content": "a"}, "stop"), DONE)
    assert collect(found).message.parts == (Reasoning("hm!"), Text("a"))


def test_reasoning_under_both_names_is_told_once(events, chunk):
    twice = {"reasoning": "hm", "reasoning_content": "hm"}
    found = events(chunk(twice), chunk({"content": "a"}, "stop"), DONE)
    assert [e for e in found if isinstance(e, ReasoningDelta)] == [ReasoningDelta("hm")]


def test_content_in_parts(events, chunk):
    thinking = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]
    text = [{"type": "text", "text": "a"}]
    found = events(chunk({"content": thinking}), chunk({"content": text}, "stop"), DONE)
    assert collect(found).message.parts == (Reasoning("hm"), Text("a"))


class TestToolCalls:
    def read(self, events, chunk, *deltas):
        found = events(*(chunk(d) for d in deltas), chunk({}, "tool_calls"), DONE)
        assert collect(found).finish_reason == "tool_calls"
        return found, collect(found).tool_calls

    def test_pieces_by_index(self, events, chunk):
        found, calls = self.read(
            events,
            chunk,
            call(0, "a", "f", "", type="function"),
            call(0, arguments='{"x"'),
            call(0, arguments=":1}"),
            call(1, "b", "g", "{}", type="function"),
        )
        assert calls == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}"))
        assert [e for e in found if isinstance(e, ToolCallDelta)][:2] == [
            ToolCallDelta(0, "a", "f", ""),
            ToolCallDelta(0, None, None, '{"x"'),
        ]

    def test_indices_need_not_begin_at_nought(self, events, chunk):
        found, calls = self.read(events, chunk, call(3, "a", "f", "{}"), call(7, "b", "g", "{}"))
        assert [e.position for e in found if isinstance(e, ToolCallDelta)] == [0, 1]
        assert [c.name for c in calls] == ["f", "g"]

    def test_interleaved(self, events, chunk):
        _, calls = self.read(
            events,
            chunk,
            call(0, "a", "f", "{"),
            call(1, "b", "g", "["),
            call(0, arguments="}"),
            call(1, arguments="]"),
        )
        assert [c.arguments for c in calls] == ["{}", "[]"]

    def test_whole_calls_without_an_index(self, events, chunk):
        _, calls = self.read(
            events, chunk, call(id="a", name="f", arguments="{}"), call(id="b", name="f", arguments="[]")
        )
        assert calls == (ToolCall("a", "f", "{}"), ToolCall("b", "f", "[]"))

    def test_pieces_without_an_index(self, events, chunk):
        _, calls = self.read(events, chunk, call(id="a", name="f", arguments="{"), call(arguments="}"))
        assert calls == (ToolCall("a", "f", "{}"),)

    def test_several_calls_under_one_index(self, events, chunk):
        _, calls = self.read(events, chunk, call(0, "a", "f", "{}"), call(0, "b", "g", "{}"))
        assert [c.id for c in calls] == ["a", "b"]

    def test_id_and_name_with_every_piece(self, events, chunk):
        found, calls = self.read(events, chunk, call(0, "a", "f", "{"), call(0, "a", "f", "}"))
        assert calls == (ToolCall("a", "f", "{}"),)
        assert [e.name for e in found if isinstance(e, ToolCallDelta)] == ["f", None]

    def test_several_in_one_chunk(self, events, chunk):
        both = {"tool_calls": [*call(0, "a", "f", "{}")["tool_calls"], *call(1, "b", "g", "{}")["tool_calls"]]}
        assert len(self.read(events, chunk, both)[1]) == 2

    def test_arguments_as_an_object(self, events, chunk):
        _, calls = self.read(events, chunk, call(0, "a", "f", {"x": 1}))
        assert calls[0].arguments == '{"x":1}'

    def test_without_an_id(self, events, chunk):
        _, calls = self.read(events, chunk, call(0, name="f", arguments="{}"), call(1, name="g", arguments="{}"))
        assert [c.id for c in calls] == ["call_0", "call_1"]

    def test_with_an_id_that_comes_late(self, events, chunk):
        _, calls = self.read(events, chunk, call(0, name="f", arguments="{"), call(0, "a", arguments="}"))
        assert calls == (ToolCall("a", "f", "{}"),)

    def test_the_function_call_of_2023(self, events, chunk):
        first = {"function_call": {"name": "f", "arguments": ""}}
        _, calls = self.read(events, chunk, first, {"function_call": {"arguments": "{}"}})
        assert calls == (ToolCall("call_0", "f", "{}"),)

    def test_a_custom_call_is_kept_as_it_came(self, events, chunk):
        custom = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "n", "input": "i"}}
        found = events(chunk({"tool_calls": [custom]}), chunk({}, "tool_calls"), DONE)
        assert collect(found).extra["tool_calls"] == [custom]


def test_pieces_without_a_place_are_put_together(events, chunk):
    def with_logprobs(*tokens):
        made = chunk()
        made["choices"][0]["logprobs"] = {"content": [{"token": t} for t in tokens], "refusal": None}
        return made

    found = events(
        with_logprobs("a"),
        with_logprobs("b", "c"),
        chunk({"audio": {"id": "x", "data": "AA", "transcript": "he"}}),
        chunk({"audio": {"data": "BB", "transcript": "llo"}}),
        chunk({"annotations": [1]}),
        chunk({"annotations": [2], "mood": "good"}),
        chunk({}, "stop", service_tier="default", system_fingerprint="fp", latency_checkpoint={"ms": 1}),
        DONE,
    )
    assert collect(found).extra == {
        "created": 1,
        "service_tier": "default",
        "system_fingerprint": "fp",
        "latency_checkpoint": {"ms": 1},
        "logprobs": {"content": [{"token": t} for t in "abc"]},
        "audio": {"id": "x", "data": "AABB", "transcript": "hello"},
        "annotations": [1, 2],
        "mood": "good",
    }


def test_the_collected_stream_equals_the_whole_answer(events, speak, make_request, chunk, chat_answer):
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    message = {"content": "hello", "reasoning_content": "hm", "tool_calls": calls, "annotations": [1]}
    answer = {**chat_answer(**message), "service_tier": "x"}
    answer["choices"][0] |= {"finish_reason": "tool_calls", "logprobs": {"content": [1]}}
    whole = speak().codec.decode(make_request("openai", "hi"), WireReply(200, {}, json.dumps(answer).encode()))
    middle = chunk({"content": "hello", "annotations": [1], **call(0, "1", "f", "{}")})
    middle["choices"][0]["logprobs"] = {"content": [1]}
    last = chunk({}, "tool_calls", service_tier="x", usage=answer["usage"])
    assert collect(events(chunk({"reasoning_content": "hm"}), middle, last, DONE)) == whole


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ({"error": {"message": "m", "type": "server_error"}}, ServerError),
        ({"error": {"message": "m", "code": 429}}, RateLimitedError),
        ({"error": {"message": "m", "code": "context_length_exceeded"}}, ContextOverflowError),
        ({"error": {"message": "m", "type": "invalid_request_error"}}, InvalidRequestError),
        ({"error": {"message": "m", "type": "BadRequestError", "code": 400}}, InvalidRequestError),
        ({"error": "it broke", "error_type": "overloaded"}, ServerError),
        ({"error": "it broke"}, ProviderError),
        (Frame(b'{"message": "m", "type": "server_error"}', "error"), ServerError),
        (Frame(b"it broke", "error"), ProviderError),
        (Frame(b'"it broke"', "error"), ProviderError),
        (Frame(b'{"error": {"message": "m", "type": "server_error"}}', "error"), ServerError),
        ("rubbish", ProtocolError),
        ("[1]", ProtocolError),
        ('{"choices": [', ProtocolError),
    ],
)
def test_an_error_in_the_middle_of_a_stream(events, chunk, frame, kind):
    with pytest.raises(kind) as failed:
        events(chunk({"content": "a"}), frame, **{"x-request-id": "r"})
    assert failed.value.request_id == "r"
    assert type(failed.value) is kind
