from __future__ import annotations

import json

import pytest
from dragoman.errors import InvalidRequestError, ProtocolError, ServerError
from dragoman.messages import Reasoning, Text, ToolCall
from dragoman.plugin import WireReply


@pytest.fixture
def decode(speak, make_request):
    def read(value, **headers):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return speak().codec.decode(make_request("hi"), WireReply(200, headers, body))

    return read


def test_everything_has_its_place(decode, chat_answer):
    citation = {"start": 0, "end": 2, "text": "It", "sources": [{"type": "document", "id": "d"}]}
    answer = chat_answer(citations=[citation])
    answer |= {"logprobs": [{"token_ids": [1], "text": "It"}], "warning": "w", "prompt": None}
    response = decode(answer, **{"x-debug-trace-id": "t-1"})
    assert response.text == "hello"
    assert (response.response_id, response.request_id, response.model) == ("a-1", "t-1", None)
    assert response.extra == {"citations": [citation], "logprobs": answer["logprobs"], "warning": "w"}


def test_parts_come_in_order(decode, chat_answer):
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}]
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    answer = chat_answer("TOOL_CALL", content=content, tool_plan="I will", tool_calls=calls)
    assert decode(answer).message.parts == (
        Reasoning("hm"),
        Text("yes"),
        Reasoning("I will", signature="tool_plan"),
        ToolCall("c1", "f", "{}"),
    )


def test_thinking_and_a_plan_stay_two_parts(decode, chat_answer):
    answer = chat_answer(content=[{"type": "thinking", "thinking": "hm"}], tool_plan="I will")
    assert decode(answer).message.parts == (Reasoning("hm", "thinking"), Reasoning("I will", "tool_plan"))


def test_what_is_not_known_is_kept(decode, chat_answer):
    response = decode(chat_answer(content=[{"type": "film", "url": "u"}], tool_calls=[{"type": "custom"}]))
    assert response.message.parts == ()
    assert response.extra == {"content": [{"type": "film", "url": "u"}], "tool_calls": [{"type": "custom"}]}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop_sequence"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("ERROR", "error"),
        ("TIMEOUT", "error"),
        ("A_NEW_WORD", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_end_has_a_reason(decode, chat_answer, word, reason):
    response = decode(chat_answer(word))
    assert (response.finish_reason, response.provider_finish_reason) == (reason, word)


@pytest.mark.parametrize(
    ("usage", "figures"),
    [
        ({"tokens": {"input_tokens": 5, "output_tokens": 3}}, (5, 3, 8, None, "provider")),
        ({"tokens": {"input_tokens": 5.0, "output_tokens": 3.0}, "cached_tokens": 4.0}, (5, 3, 8, 4, "provider")),
        ({"tokens": {"input_tokens": 5, "output_tokens": 3, "image_tokens": 7}}, (12, 3, 15, None, "provider")),
        ({"tokens": {"input_tokens": 5}}, (5, None, None, None, "provider")),
        ({"billed_units": {"input_tokens": 5}}, (None, None, None, None, "absent")),
        ({}, (None, None, None, None, "absent")),
        (None, (None, None, None, None, "absent")),
    ],
)
def test_usage_counts_tokens_and_keeps_billed_units(decode, chat_answer, usage, figures):
    found = decode(chat_answer(usage=usage)).usage
    assert (*found[:4], found.source) == figures
    assert found.detail == (usage if found.source == "provider" else None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"message": "x"}', b'{"message": null}'])
def test_nonsense_is_a_protocol_error(decode, body):
    with pytest.raises(ProtocolError, match="base_url"):
        decode(body)


@pytest.mark.parametrize(
    ("error_type", "kind"), [("INVALID_TOOL_GENERATION", InvalidRequestError), ("SOMETHING", ServerError)]
)
def test_an_error_inside_an_answer_is_raised(decode, chat_answer, error_type, kind):
    with pytest.raises(kind, match="so it is") as caught:
        decode({**chat_answer("ERROR"), "error": "so\n it is", "error_type": error_type})
    assert caught.value.provider_code == error_type
