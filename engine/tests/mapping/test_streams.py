"""Streams of every framing, as containers document them, cut at every byte."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import orjson
import pytest
from dragoman.adapter import Inference, PayloadMapping
from dragoman.errors import (
    ContextOverflowError,
    InvalidRequestError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    ServerError,
)
from dragoman.events import Finished, TextDelta, UsageReported, collect
from dragoman.mapping import compile_payload, payload_preset, payload_preset_names
from dragoman.mapping.framing import JsonValues, LooseEvents, Whole
from dragoman.messages import Reasoning, ToolCall, messages_from
from dragoman.provider import CallSettings, ChatRequest, Frame
from hypothesis import given
from hypothesis import strategies as st

STREAMING = [name for name in payload_preset_names() if payload_preset(name).mapping.get("framing") in ("sse", "jsonl")]
#: Names that presets look for, so that random answers resemble real ones.
MEMBERS = sorted(set(re.findall(r"[a-zA-Z_]{2,}", str([payload_preset(name).mapping for name in STREAMING]))))

SIZES = [1, 2, 3, 7, 50, None]


def data(*values: Any, after: str = "\n\n", before: str = "data:") -> bytes:
    return "".join(f"{before}{orjson.dumps(value).decode()}{after}" for value in values).encode()


def token(said: str, **more: Any) -> dict[str, Any]:
    return {
        "token": {"id": 1, "text": said, "logprob": -0.1, "special": False},
        "generated_text": None,
        "details": None,
        **more,
    }


END = {
    "token": {"id": 2, "text": "</s>", "special": True},
    "generated_text": "Grüße 🦙!",
    "details": {"finish_reason": "eos_token", "generated_tokens": 4},
}
LMI_END = (
    '{\n    "token": {"id": 5972, "text": "!", "log_prob": -0.69},\n    "generated_text": "Grüße 🦙!",\n'
    '    "details": {"finish_reason": "length", "generated_tokens": 4, "inputs": "{ \\"["}\n}'
).encode()


def lmi(*words: str) -> list[dict[str, Any]]:
    return [{"token": {"id": 1, "text": word, "log_prob": -0.1}} for word in words]


def lines(*values: Any) -> bytes:
    return b"".join(orjson.dumps(value) + b"\n" for value in values)


def openai(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "1", "model": "m", "choices": choices, **more}


def claude(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, **more}


GRUSS = ("Gr", "üße ", "🦙", "!")
CLAUDE = [
    claude(
        "message_start",
        message={"id": "1", "model": "m", "content": [], "usage": {"input_tokens": 5, "output_tokens": 1}},
    ),
    claude("ping"),
    claude("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    *(claude("content_block_delta", index=0, delta={"type": "text_delta", "text": word}) for word in GRUSS),
    claude("content_block_stop", index=0),
    claude("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 4}),
    claude("message_stop"),
]
OPENAI = [
    openai({"role": "assistant", "content": ""}),
    *(openai({"content": word}) for word in GRUSS),
    openai({}, "stop"),
    openai(None, usage={"prompt_tokens": 5, "completion_tokens": 4}),
]

#: What is streamed -> (preset, bytes, finish reason, tokens read, tokens written).
STREAMS = {
    "tgi": ("tgi", data(*map(token, GRUSS), END), "stop", None, 4),
    "tgi, a blank after the colon, carriage returns": (
        "tgi",
        data(*map(token, GRUSS), END, before="data: ", after="\r\n\r\n"),
        "stop",
        None,
        4,
    ),
    "tgi, comments, names, byte order mark": (
        "tgi",
        b"\xef\xbb\xbf"
        + data(token("Gr"), before="event: m\nid: 1\nretry: 5\n: ping\ndata:")
        + b": ping\n\n"
        + data(*map(token, GRUSS[1:]), END),
        "stop",
        None,
        4,
    ),
    "tgi, no line end at the end": ("tgi", data(*map(token, GRUSS), END).rstrip(), "stop", None, 4),
    "lmi sse without blank lines, the last object over several lines": (
        "lmi-sse",
        data(*lmi(*GRUSS[:3]), after="\n") + b"data:" + LMI_END + b"\n",
        "length",
        None,
        4,
    ),
    "lmi sse, every line of the last object with data:": (
        "lmi-sse",
        data(*lmi(*GRUSS[:3]), after="\n") + b"".join(b"data: " + line + b"\n" for line in LMI_END.split(b"\n")),
        "length",
        None,
        4,
    ),
    "lmi sse, cut off after the last brace": (
        "lmi-sse",
        data(*lmi(*GRUSS[:3]), after="\n") + b"data:" + LMI_END,
        "length",
        None,
        4,
    ),
    "lmi json lines": (
        "lmi-json-lines",
        lines(*lmi(*GRUSS[:3])) + LMI_END.replace(b"\n", b" ") + b"\n",
        "length",
        None,
        4,
    ),
    "lmi json lines, the last object over several lines": (
        "lmi-json-lines",
        lines(*lmi(*GRUSS[:3])) + LMI_END,
        "length",
        None,
        4,
    ),
    "lmi json lines, carriage returns and empty lines": (
        "lmi-json-lines",
        (lines(*lmi(*GRUSS[:3])) + b"\n" + LMI_END).replace(b"\n", b"\r\n"),
        "length",
        None,
        4,
    ),
    "lmi dynamic batch": ("lmi-dynamic-batch", lines(*({"outputs": [word]} for word in GRUSS)), "unknown", None, None),
    "openai": ("openai-chat", data(*OPENAI, before="data: ") + b"data: [DONE]\n\n", "stop", 5, 4),
    "openai without [DONE]": ("openai-chat", data(*OPENAI, before="data: "), "stop", 5, 4),
    "openai without a finish reason": (
        "openai-chat",
        data(*OPENAI[:-2], OPENAI[-1], before="data: ") + b"data: [DONE]\n\n",
        "unknown",
        5,
        4,
    ),
    "claude": (
        "claude-messages",
        b"".join(b"event: %s\n" % v["type"].encode() + data(v, before="data: ") for v in CLAUDE),
        "stop",
        5,
        4,
    ),
    "titan": (
        "titan-text",
        lines(
            {
                "outputText": "Grüße ",
                "index": 0,
                "totalOutputTextTokenCount": None,
                "completionReason": None,
                "inputTextTokenCount": 5,
            },
            {
                "outputText": "🦙!",
                "index": 0,
                "totalOutputTextTokenCount": 4,
                "completionReason": "FINISH",
                "inputTextTokenCount": None,
            },
        ),
        "stop",
        5,
        4,
    ),
    "mistral": (
        "mistral-bedrock",
        lines(
            *({"outputs": [{"text": word, "stop_reason": None}]} for word in GRUSS),
            {
                "outputs": [{"text": "", "stop_reason": "stop"}],
                "amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 4},
            },
        ),
        "stop",
        5,
        4,
    ),
    "claude text": (
        "claude-text",
        lines(
            *({"completion": word, "stop_reason": None} for word in GRUSS),
            {"completion": "", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"},
        ),
        "stop",
        None,
        None,
    ),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_stream_is_read_wherever_it_is_cut(stream, size, answer_of) -> None:
    preset, raw, reason, read, written = stream
    answer = answer_of(compile_payload(PayloadMapping(preset=preset)), raw, size)
    assert (answer.text, answer.finish_reason) == ("Grüße 🦙!", reason)
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (read, written)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_stream_cut_in_two_at_every_byte_is_the_same(stream, ask) -> None:
    preset, raw, *_ = stream
    payload = compile_payload(PayloadMapping(preset=preset))

    def read(*pieces: bytes) -> Any:
        framing, decoder, events = payload.framing(), payload.decoder(ask(stream=True)), []
        for frames in (*map(framing.feed, pieces), framing.end()):
            for frame in frames:
                events += decoder.feed(frame)
        return collect([*events, *decoder.end()])

    whole = read(raw)
    assert all(read(raw[:at], raw[at:]) == whole for at in range(1, len(raw)))


@pytest.mark.parametrize("preset", ["tgi", "lmi-sse", "lmi-json-lines", "openai-chat", "claude-messages"])
def test_stream_cut_off_has_no_finish(preset, events_of) -> None:
    raw = next(raw for name, raw, *_ in STREAMS.values() if name == preset)
    payload = compile_payload(PayloadMapping(preset=preset))
    for at in range(1, raw.index("🦙".encode())):
        try:
            events = events_of(payload, raw[:at])
        except ProtocolError:
            continue  # cut inside a value
        assert not any(isinstance(event, Finished) for event in events)


def test_text_arrives_with_its_frame_and_the_finish_before_the_figures(events_of) -> None:
    events = events_of(compile_payload(PayloadMapping(preset="tgi")), data(token("a"), token("b"), END))
    assert [type(event).__name__ for event in events] == [
        "Started",
        "TextDelta",
        "TextDelta",
        "Finished",
        "UsageReported",
    ]
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["a", "b"]


def test_special_token_at_once_is_an_empty_answer(answer_of) -> None:
    answer = answer_of(compile_payload(PayloadMapping(preset="tgi")), data({**END, "generated_text": ""}))
    assert (answer.text, answer.finish_reason) == ("", "stop")


# --- tool calls and reasoning ------------------------------------------------------------------------------------


def openai_call(index: int, id: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return openai({"tool_calls": [{"index": index, **({"id": id} if id else {}), "function": function}]})


TOOL_STREAMS = {
    "openai-chat": data(
        openai({"role": "assistant", "content": None, "reasoning_content": "hm"}),
        openai_call(0, "c1", "weather"),
        openai_call(0, arguments='{"city":'),
        openai_call(0, arguments='"Paris"}'),
        openai_call(1, "c2", "time", "{}"),
        openai({}, "tool_calls"),
    ),
    "claude-messages": data(
        CLAUDE[0],
        claude("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
        claude("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm"}),
        claude("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "sig"}),
        claude(
            "content_block_start",
            index=1,
            content_block={"type": "tool_use", "id": "c1", "name": "weather", "input": {}},
        ),
        claude("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '{"city":'}),
        claude("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '"Paris"}'}),
        claude(
            "content_block_start", index=2, content_block={"type": "tool_use", "id": "c2", "name": "time", "input": {}}
        ),
        claude("content_block_delta", index=2, delta={"type": "input_json_delta", "partial_json": "{}"}),
        claude("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 9}),
    ),
    "nova": data(
        {"messageStart": {"role": "assistant"}},
        {"contentBlockStart": {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "c1", "name": "weather"}}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"city":'}}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '"Paris"}'}}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"contentBlockStart": {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "c2", "name": "time"}}}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{}"}}}},
        {"messageStop": {"stopReason": "tool_use"}},
    ),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("preset", TOOL_STREAMS)
def test_streamed_tool_calls_are_put_together(preset, size, answer_of) -> None:
    answer = answer_of(compile_payload(PayloadMapping(preset=preset)), TOOL_STREAMS[preset], size)
    assert answer.tool_calls == (ToolCall("c1", "weather", '{"city":"Paris"}'), ToolCall("c2", "time", "{}"))
    assert answer.finish_reason == "tool_calls"
    thought = {"openai-chat": [Reasoning("hm")], "claude-messages": [Reasoning("hm", "sig")], "nova": []}[preset]
    assert [part for part in answer.message.parts if isinstance(part, Reasoning)] == thought


def test_calls_without_index_and_id_are_whole_calls(payload_of, answer_of) -> None:
    payload = payload_of(
        request={"p": {"$": "prompt"}},
        response={"text": "t"},
        stream={"text": "t", "tool_calls": {"each": "calls", "name": "f", "arguments": "a"}, "done": "done"},
        framing="jsonl",
    )
    answer = answer_of(
        payload, lines({"calls": [{"f": "x", "a": {"n": 1}}, {"f": "y"}]}, {"calls": {"f": "z"}}, {"done": True})
    )
    assert answer.tool_calls == (
        ToolCall("call_0", "x", '{"n":1}'),
        ToolCall("call_1", "y", ""),
        ToolCall("call_2", "z", ""),
    )
    assert answer.finish_reason == "tool_calls"


# --- errors ------------------------------------------------------------------------------------------------------

LMI_ERROR = {
    "token": {"id": -1, "text": "", "log_prob": -1, "special_token": True},
    "generated_text": "",
    "details": {"finish_reason": "error", "generated_tokens": None, "inputs": None},
}


@pytest.mark.parametrize(
    ("preset", "raw", "kind", "said"),
    [
        ("tgi", data(token("a"), {"error": "Too long", "error_type": "validation"}), InvalidRequestError, "Too long"),
        ("tgi", data({"error": "Model is overloaded", "error_type": "overloaded"}), RateLimitedError, "overloaded"),
        ("tgi", data({"error": "CUDA out of memory", "error_type": "generation"}), ServerError, "CUDA"),
        ("lmi-sse", data(*lmi("a"), after="\n") + data(LMI_ERROR), ServerError, "the generation failed"),
        ("lmi-json-lines", lines(*lmi("a"), LMI_ERROR), ServerError, "the generation failed"),
        (
            "openai-chat",
            data({"error": {"message": "too long", "code": "context_length_exceeded"}}),
            ContextOverflowError,
            "too long",
        ),
        (
            "openai-chat",
            data({"object": "error", "message": "bad", "type": "BadRequestError"}),
            InvalidRequestError,
            "bad",
        ),
        (
            "claude-messages",
            b"event: error\n" + data({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
            ServerError,
            "busy",
        ),
        (
            "claude-messages",
            data({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}),
            RateLimitedError,
            "slow",
        ),
    ],
)
def test_error_in_a_stream_is_a_typed_error(preset, raw, kind, said, events_of) -> None:
    with pytest.raises(kind, match=said) as error:
        events_of(compile_payload(PayloadMapping(preset=preset)), raw)
    assert type(error.value) is kind


@pytest.mark.parametrize(
    ("framing", "raw", "said"),
    [
        ("sse", b"data: hello\n\n", "not JSON"),
        ("sse", b'data: {"t": \n\ndata: 1}\n\n', "not JSON"),
        ("sse", b"data: {'t': 1}\n\n", "not JSON"),
        ("sse", b'data: {"t": "x"', "cut off inside a JSON value"),
        ("jsonl", b"<html>", "not JSON"),
        ("jsonl", b'{"t": "x"}}\n', "not JSON"),
        ("jsonl", b'{"t": ["x"]', "cut off inside a JSON value"),
        ("jsonl", b"}\n", "not JSON"),
        ("jsonl", b"", "held no answer"),
        ("sse", b": ping\n\n", "held no answer"),
        ("json", b"", "not JSON"),
        ("json", b'{"t"', "not JSON"),
        ("jsonl", b'{"t": 7}\n', r"mapping\.stream\.text `t` gives a number where text is expected"),
        ("jsonl", b'{"t": ["a"]}\n', "gives a list of 1 where text is expected .*join"),
        (
            "jsonl",
            b'{"x": "secret"}\n{"x": {"y": "secret"}}\n',
            r"`t` finds nothing in any of the stream's 2 frames.*the whole is an object, without t",
        ),
    ],
)
def test_broken_stream_is_a_protocol_error_without_content(framing, raw, said, payload_of, events_of) -> None:
    payload = payload_of(request={"p": {"$": "prompt"}}, response={"text": "t"}, stream={"text": "t"}, framing=framing)
    for size in (1, 3, None):
        with pytest.raises(ProtocolError, match=said) as error:
            events_of(payload, raw, size)
        assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("framing", "piece"),
    [(LooseEvents, b"data: [[\n"), (LooseEvents, b"x"), (JsonValues, b"[[\n"), (JsonValues, b"x"), (Whole, b"[")],
)
def test_value_without_an_end_is_bounded(framing, piece) -> None:
    def feed_on() -> None:
        made = framing(max_bytes=1000)
        for _ in range(2000):
            made.feed(piece)

    with pytest.raises(ProtocolError, match="longer than 1000 bytes"):
        feed_on()


# --- rules of a stream -------------------------------------------------------------------------------------------

RULES = {
    "text": "t",
    "finish": "why",
    "skip": "kind == 'meta'",
    "done": "last",
    "tokens_out": "n",
    "id": "id",
    "model": "m",
    "extra": {"trace": "trace"},
}


@pytest.fixture
def ruled(payload_of):
    return payload_of(
        request={"p": {"$": "prompt"}},
        response={"text": "t"},
        stream=RULES,
        framing="jsonl",
        finish_map={"over": "stop", "odd": None},
    )


def test_rules_of_a_stream(ruled, answer_of) -> None:
    raw = lines(
        {"kind": "meta", "t": "not said"},
        {"t": "a", "id": 7, "m": "model"},
        {"t": "b", "n": 2, "trace": {"x": 1}},
        {"why": "over", "n": 3.0},
        {"n": True, "last": True},
        {"t": "after the last frame"},
    )
    answer = answer_of(ruled, raw)
    assert (answer.text, answer.finish_reason, answer.provider_finish_reason) == ("ab", "stop", "over")
    assert (answer.response_id, answer.model, answer.extra) == ("7", "model", {"trace": {"x": 1}})
    assert answer.usage.output_tokens == 3


@pytest.mark.parametrize(
    ("frames", "reason", "word"),
    [
        ([{"t": "a"}, {"last": 1}], "unknown", None),
        ([{"t": "a", "why": "length"}], "length", "length"),
        ([{"t": "a", "why": "new"}], "unknown", "new"),
        ([{"t": "a", "why": "odd"}], "unknown", "odd"),
        ([{"t": "a", "why": "over"}, {"why": "length"}], "stop", "over"),
    ],
)
def test_finish_of_a_stream(frames, reason, word, ruled, answer_of) -> None:
    answer = answer_of(ruled, lines(*frames))
    assert (answer.finish_reason, answer.provider_finish_reason) == (reason, word)


def test_stream_whose_end_is_not_said_is_over_when_it_ends_and_else_cut_off(ruled, payload_of, events_of) -> None:
    assert not any(isinstance(event, Finished) for event in events_of(ruled, lines({"t": "a"})))
    endless = payload_of(request={"p": {"$": "prompt"}}, response={"text": "t"}, stream={"text": "t"}, framing="jsonl")
    assert events_of(endless, lines({"t": "a"}))[-1] == Finished("unknown")


def test_figures_come_once_even_where_the_connection_breaks_after_the_finish(ruled, ask) -> None:
    decoder = ruled.decoder(ask(stream=True))
    events = list(decoder.feed(Frame(orjson.dumps({"t": "a", "why": "over", "n": 2}))))
    events += decoder.end()
    assert [e.usage.output_tokens for e in events if isinstance(e, UsageReported)] == [2]
    assert list(decoder.end()) == []


@pytest.mark.parametrize("size", SIZES)
def test_raw_stream_is_text_and_a_character_may_be_cut(size, payload_of, answer_of) -> None:
    payload = payload_of(request={"p": {"$": "prompt"}}, framing="raw")
    answer = answer_of(payload, "Grüße 🦙!".encode(), size)
    assert (answer.text, answer.finish_reason) == ("Grüße 🦙!", "unknown")


def test_raw_stream_that_is_no_text_is_refused(payload_of, events_of) -> None:
    payload = payload_of(request={"p": {"$": "prompt"}}, framing="raw")
    with pytest.raises(ProtocolError, match="cut off inside a character"):
        events_of(payload, "🦙".encode()[:3])
    with pytest.raises(ProtocolError, match="no UTF-8"):
        events_of(payload, b"a\xff\xfe")
    with pytest.raises(ProtocolError, match="held no answer"):
        events_of(payload, b"")


# --- anything at all ---------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=20,
)


@given(st.sampled_from(STREAMING), st.lists(JSON, max_size=4))
def test_any_json_is_events_or_an_error_of_ours(preset, frames) -> None:
    payload = compile_payload(PayloadMapping(preset=preset))
    request = ChatRequest(messages_from("hi"), CallSettings(Inference()), stream=True)
    with contextlib.suppress(ProviderError):
        decoder = payload.decoder(request)
        events = [event for frame in frames for event in decoder.feed(Frame(orjson.dumps(frame)))]
        collect([*events, *decoder.end()])
    for frame in frames:
        with contextlib.suppress(ProviderError):
            payload.decode(orjson.dumps(frame), request)
        payload.error_message(orjson.dumps(frame))


@given(st.sampled_from(STREAMING), st.binary(max_size=60), st.integers(1, 9))
def test_any_bytes_are_events_or_an_error_of_ours(preset, raw, size) -> None:
    payload = compile_payload(PayloadMapping(preset=preset))
    framing = payload.framing()
    with contextlib.suppress(ProtocolError):
        for start in range(0, len(raw), size):
            framing.feed(raw[start : start + size])
        framing.end()
