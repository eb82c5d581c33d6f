"""What is known of models by their base model: what they refuse, and who calls them where nothing says."""

from __future__ import annotations

import json

import pytest
from dragoman.errors import DocumentError
from dragoman.testing.upstream import Reply
from dragoman_aws.bedrock.families import FAMILY_OF
from dragoman_aws.bedrock.rules import RULES

ARN = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/cew2pa5r8hog"
SONNET = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BOTH = {"temperature": 0.5, "top_p": 0.9}
KEEP = {"exclusive": ["inference.temperature", "inference.top_p"], "keep": "inference.temperature"}
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
}


def test_every_model_with_rules_has_a_family():
    assert {model for row in RULES for model in row.base_models} <= set(FAMILY_OF)


async def test_two_samplers_are_refused_before_anything_is_sent(engine, upstream, document):
    with pytest.raises(DocumentError, match=r"inference\.top_p: the model takes only one of"):
        await engine.chat(document(upstream.url, model=ARN, base_model=SONNET, inference=BOTH), "hi")
    assert not upstream.received


async def test_an_adapter_may_have_one_left_out_and_is_told(engine, upstream, document):
    upstream.answer(Reply.json(ANSWER))
    at = document(upstream.url, model=ARN, base_model=SONNET, inference=BOTH, rules=[KEEP])
    response = await engine.chat(at, "hi")
    assert json.loads(upstream.received[-1].body)["inferenceConfig"] == {"temperature": 0.5}
    assert [(r.code, r.path) for r in response.reports] == [("rule_dropped", "inference.top_p")]


@pytest.mark.parametrize(
    "member", [{"model": f"us.{SONNET}"}, {"base_model": "anthropic.claude-3-haiku-20240307-v1:0"}]
)
async def test_other_models_take_both(engine, upstream, document, member):
    upstream.answer(Reply.json(ANSWER))
    await engine.chat(document(upstream.url, inference=BOTH, **member), "hi")
    assert json.loads(upstream.received[-1].body)["inferenceConfig"] == {"temperature": 0.5, "topP": 0.9}


@pytest.mark.parametrize("setting", [{"temperature": 1}, {"top_p": 0.5}, {"top_k": 3}])
async def test_a_model_without_samplers_is_sent_none(engine, document, setting):
    at = document("http://127.0.0.1:1", base_model="anthropic.claude-opus-4-7", inference=setting)
    with pytest.raises(DocumentError, match="the model does not take it"):
        await engine.resolve(at)


@pytest.mark.parametrize("provider", ["bedrock", "sagemaker"])
async def test_where_credentials_come_from_is_shown_where_nothing_says_it(engine, provider):
    mapping = {"mapping": {"preset": "tgi"}} if provider == "sagemaker" else {}
    resolved = await engine.resolve(
        {"provider": provider, "model": "m", "connection": {"region": "eu-west-1"}, **mapping}
    )
    assert resolved.document["connection"] == {"region": "eu-west-1", "auth": {"kind": "aws_default"}}
    assert resolved.origins["connection.auth.kind"] == f"default of provider {provider}"
