from __future__ import annotations

import json

import pytest
from dragoman.errors import ContextOverflowError, ProtocolError, ProviderError
from dragoman.messages import Reasoning, Refusal, Text, ToolCall
from dragoman.plugin import WireReply


@pytest.fixture
def decode(speak, make_request):
    def read(answer, **headers):
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return speak().codec.decode(make_request("openai", "hi"), WireReply(200, headers, body))

    return read


def test_a_plain_answer(decode, chat_answer):
    response = decode(chat_answer(), **{"x-request-id": "req-1"})
    assert (response.text, response.finish_reason, response.provider_finish_reason) == ("hello", "stop", "stop")
    assert (response.model, response.response_id, response.request_id) == ("m-1", "chatcmpl-1", "req-1")
    assert response.usage[:3] == (5, 3, 8)
    assert response.usage.source == "provider"


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": None}, ()),
        ({"content": ""}, ()),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, (Text("a"), Text("b"))),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, "a"]},
            (Reasoning("hm"), Text("a")),
        ),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, (Refusal("no"),)),
        ({"content": None, "refusal": "no"}, (Refusal("no"),)),
        ({"reasoning_content": "hm"}, (Reasoning("hm"), Text("hello"))),
        ({"reasoning": "hm"}, (Reasoning("hm"), Text("hello"))),
        ({"reasoning": "hm", "reasoning_content": "hm"}, (Reasoning("hm"), Text("hello"))),
        (
            {"content": None, "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{"}}]},
            (ToolCall("1", "f", "{"),),
        ),
        (
            {"content": None, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]},
            (ToolCall("call_0", "f", '{"a":1}'),),
        ),
        (
            {"content": None, "function_call": {"name": "f", "arguments": "{}"}},
            (ToolCall("call_0", "f", "{}"),),
        ),
    ],
)
def test_every_shape_of_message_is_read(decode, chat_answer, message, parts):
    assert decode(chat_answer(**message)).message.parts == parts


@pytest.mark.parametrize(
    ("word", "message", "reason"),
    [
        ("stop", {}, "stop"),
        ("length", {}, "length"),
        ("content_filter", {}, "content_filter"),
        ("tool_calls", {}, "tool_calls"),
        ("function_call", {}, "tool_calls"),
        ("stop", {"refusal": "no"}, "refusal"),
        ("stop", {"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}, "tool_calls"),
        ("length", {"refusal": "no"}, "length"),
        ("eos_token", {}, "stop"),
        ("something_new", {}, "unknown"),
        (None, {}, "unknown"),
    ],
)
def test_finish_reasons(decode, chat_answer, word, message, reason):
    answer = chat_answer(**message)
    answer["choices"][0]["finish_reason"] = word
    response = decode(answer)
    assert (response.finish_reason, response.provider_finish_reason) == (reason, word)


@pytest.mark.parametrize(
    ("raw", "figures"),
    [
        (None, (None, None, None, None, None, None, "absent")),
        ({}, (None, None, None, None, None, None, "absent")),
        ({"prompt_tokens": 2, "completion_tokens": 3}, (2, 3, 5, None, None, None, "provider")),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 13,
                "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 1},
            },
            (9, 4, 13, 5, 2, 1, "provider"),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "prompt_cache_hit_tokens": 6},
            (9, 4, 13, 6, None, None, "provider"),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": None, "prompt_tokens_details": None},
            (9, None, None, None, None, None, "provider"),
        ),
    ],
)
def test_usage(decode, chat_answer, raw, figures):
    usage = decode({**chat_answer(), "usage": raw}).usage
    assert tuple(usage)[:7] == figures
    assert usage.detail == (raw or None)


def test_members_without_a_place_are_kept(decode, chat_answer):
    answer = chat_answer(annotations=[{"type": "url_citation"}], audio={"id": "a", "data": "AAA"}, odd=0)
    answer |= {"system_fingerprint": "fp", "service_tier": None, "prompt_filter_results": [{"x": 1}], "odd": "outer"}
    answer["choices"][0] |= {"logprobs": {"content": [{"token": "a"}]}, "content_filter_results": {"hate": {}}}
    answer["choices"][0]["message"]["tool_calls"] = [{"id": "1", "type": "custom", "custom": {"name": "n"}}]
    assert decode(answer).extra == {
        "created": 1,
        "system_fingerprint": "fp",
        "prompt_filter_results": [{"x": 1}],
        "odd": "outer",
        "message.odd": 0,
        "logprobs": {"content": [{"token": "a"}]},
        "content_filter_results": {"hate": {}},
        "annotations": [{"type": "url_citation"}],
        "audio": {"id": "a", "data": "AAA"},
        "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "n"}}],
    }


def test_answers_and_reasoning_in_no_form_of_ours_are_kept(decode, chat_answer):
    answer = chat_answer(reasoning={"summary": "hm"})
    answer["choices"].append({"index": 1, "message": {"content": "another"}})
    response = decode(answer)
    assert response.text == "hello"
    assert response.extra["reasoning"] == {"summary": "hm"}
    assert response.extra["choices"][0]["message"]["content"] == "another"


def test_parts_of_an_unknown_kind_are_kept(decode, chat_answer):
    response = decode(chat_answer(content=[{"type": "text", "text": "a"}, {"type": "hologram", "x": 1}]))
    assert (response.text, response.extra["content"]) == ("a", [{"type": "hologram", "x": 1}])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>hello</html>",
        b'{"choices": [{"message": {"content": "cut o',
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": null}',
        b'{"choices": [null]}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": {"a": 1}}',
    ],
)
def test_an_answer_that_is_none_is_a_protocol_error(decode, body):
    with pytest.raises(ProtocolError):
        decode(body)


def test_an_error_with_status_200_is_an_error(decode):
    with pytest.raises(ContextOverflowError):
        decode({"error": {"code": "context_length_exceeded", "message": "too long"}, "choices": None})
    with pytest.raises(ProviderError, match="model exploded"):
        decode({"error": "model exploded"})
