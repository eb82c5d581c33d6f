"""Whole answers: parts, reasons, figures, what is kept beside them, and what is no answer."""

from __future__ import annotations

import pytest
from dragoman.errors import ProtocolError
from dragoman.messages import Reasoning, Text, ToolCall
from dragoman_aws.bedrock.converse.vocabulary import FINISH_REASONS


def answer(*content, **members):
    return {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
        **members,
    }


def test_parts_keep_their_order(speak):
    response = speak().read(
        answer(
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
            {"reasoningContent": {"redactedContent": "sealed"}},
            {"text": "a"},
            {"toolUse": {"toolUseId": "t", "name": "f", "input": {"é": [1, None]}}},
            {"text": ""},
        )
    )
    assert response.message.parts == (
        Reasoning("hm", "s"),
        Reasoning(redacted="sealed"),
        Text("a"),
        ToolCall("t", "f", '{"é":[1,null]}'),
    )


def test_citations_are_text_and_kept(speak):
    cited = {"content": [{"text": "20 days."}], "citations": [{"title": "policy"}]}
    response = speak().read(answer({"text": "You get "}, {"citationsContent": cited}))
    assert response.text == "You get 20 days."
    assert response.extra["citations"] == [cited]


def test_what_bedrock_ran_itself_is_no_call_of_ours(speak):
    use = {"toolUse": {"toolUseId": "t", "name": "nova_code_interpreter", "type": "server_tool_use", "input": {}}}
    result = {"toolResult": {"toolUseId": "t", "content": [{"json": {"stdOut": "7"}}], "status": "success"}}
    response = speak().read(answer(use, result, {"text": "7"}, {"image": {"format": "png"}}))
    assert response.tool_calls == ()
    assert response.text == "7"
    assert response.extra["message.content"] == [use, result, {"image": {"format": "png"}}]


@pytest.mark.parametrize("word", FINISH_REASONS)
def test_reasons_for_stopping(speak, word):
    response = speak().read(answer({"text": "a"}, stopReason=word))
    assert (response.finish_reason, response.provider_finish_reason) == (FINISH_REASONS[word], word)
    assert not response.reports


def test_a_new_reason_is_reported(speak):
    response = speak().read(answer({"text": "a"}, stopReason="bored"))
    assert (response.finish_reason, response.provider_finish_reason) == ("unknown", "bored")
    assert [r.code for r in response.reports] == ["unknown_stop_reason"]


def test_usage_counts_everything_that_was_read(speak):
    raw = {
        "inputTokens": 3, "outputTokens": 121, "totalTokens": 2072, "cacheReadInputTokens": 1712,
        "cacheWriteInputTokens": 236, "cacheDetails": [{"ttl": "5m", "inputTokens": 236}], "serverToolUsage": {},
    }  # fmt: skip
    usage = speak().read(answer({"text": "a"}, usage=raw)).usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (1951, 121, 2072)
    assert (usage.cached_input_tokens, usage.cache_write_input_tokens) == (1712, 236)
    assert (usage.source, usage.detail) == ("provider", raw)


def test_thinking_is_counted_where_the_adapter_asks_for_it(speak):
    fields = {"usage": {"output_tokens_details": {"thinking_tokens": 7}}}
    response = speak().read(answer({"text": "a"}, additionalModelResponseFields=fields))
    assert response.usage.reasoning_tokens == 7
    assert response.extra["additionalModelResponseFields"] == fields


def test_without_figures_there_are_none(speak):
    raw = answer({"text": "a"})
    del raw["usage"]
    assert speak().read(raw).usage.source == "absent"


def test_what_has_no_place_is_kept_as_it_came(speak):
    beside = {
        "metrics": {"latencyMs": 5},
        "trace": {"guardrail": {"actionReason": "No action."}},
        "performanceConfig": {"latency": "optimized"},
        "serviceTier": {"type": "flex"},
        "aNewOne": 1,
    }
    assert speak().read(answer({"text": "a"}, **beside)).extra == beside


def test_a_router_says_which_model_answered(speak):
    trace = {"promptRouter": {"invokedModelId": "arn:aws:bedrock:us-east-1::foundation-model/m"}}
    assert speak().read(answer({"text": "a"}, trace=trace)).model == trace["promptRouter"]["invokedModelId"]
    assert speak().read(answer({"text": "a"})).model is None


def test_the_request_id_is_kept(speak):
    assert speak().read(answer({"text": "a"}), **{"x-amzn-requestid": "r-1"}).request_id == "r-1"


@pytest.mark.parametrize("raw", [b"<html>", b"", b"[]", b"{}", b'{"output": null}', b'{"output": {"message": []}}'])
def test_what_is_no_answer_is_an_error(speak, raw):
    with pytest.raises(ProtocolError, match="endpoint_url"):
        speak().read(raw)
