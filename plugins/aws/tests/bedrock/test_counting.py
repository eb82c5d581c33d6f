"""The input's size, counted by Bedrock where an adapter names a model that counts."""

from __future__ import annotations

import pytest
from dragoman.errors import ConstraintError
from dragoman.testing.upstream import Reply

from ..edge import Admitted, error  # noqa: TID252  (the tests are no package that could be installed)

COUNTER = "anthropic.claude-sonnet-4-20250514-v1:0"
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
}


@pytest.fixture
def bedrock(edge, keys):
    edge.admit(Admitted("AKIDEXAMPLE", keys))
    edge.route("POST", r"/model/[^/]+/converse", Reply.json(ANSWER))
    return edge


def adapter_at(document, bedrock, limit):
    return document(
        bedrock.url,
        model=f"us.{COUNTER}",
        connection={"count_tokens_model": COUNTER},
        constraints={"max_input_tokens": limit},
        inference={"max_tokens": 5},
        model_kwargs={"anthropic_beta": ["b"]},
    )


async def test_what_bedrock_counts_is_what_counts(engine, bedrock, document):
    bedrock.route("POST", r"/model/[^/]+/count-tokens", Reply.json({"inputTokens": 375}))
    tools = [{"name": "f", "parameters": {"type": "object"}}]
    with pytest.raises(ConstraintError, match=r"375 tokens \(counted\)"):
        await engine.chat(adapter_at(document, bedrock, 374), "hi", tools=tools)
    assert (await engine.chat(adapter_at(document, bedrock, 375), "hi", tools=tools)).text == "hello"
    counted = bedrock.received[0]
    assert counted.target == f"/model/{COUNTER.replace(':', '%3A')}/count-tokens"
    converse = counted.json()["input"]["converse"]
    assert set(converse) == {"messages", "toolConfig", "additionalModelRequestFields"}
    assert not bedrock.refusals


async def test_a_count_that_is_refused_leaves_an_estimate(engine, bedrock, document, caplog):
    refusal = error("ValidationException", "The provided model doesn't support counting tokens.", 400)
    bedrock.route("POST", r"/model/[^/]+/count-tokens", refusal)
    assert (await engine.chat(adapter_at(document, bedrock, 1000), "hi")).text == "hello"
    assert "400 ValidationException" in caplog.text
    with pytest.raises(ConstraintError, match="estimated"):
        await engine.chat(adapter_at(document, bedrock, 1), "hi")


async def test_without_a_model_that_counts_nothing_is_asked(engine, bedrock, document):
    await engine.chat(document(bedrock.url, constraints={"max_input_tokens": 1000}), "hi")
    assert len(bedrock.received) == 1
