"""Embeddings and reranking through the doors."""

import openai
import pytest


@pytest.fixture
def gateway(serve):
    return serve()


def test_embeddings_in_both_forms(gateway):
    with gateway.openai(gateway.key()) as client:
        packed = client.embeddings.create(model="vectors", input=["a", "bcd"])  # the client asks for base64
        plain = client.embeddings.create(model="vectors", input="bcd", encoding_format="float")
    assert [row.embedding for row in packed.data] == [[1.0, 0.5], [3.0, 0.5]]
    assert [row.embedding for row in plain.data] == [[3.0, 0.5]]
    assert [row.index for row in packed.data] == [0, 1]
    assert (packed.model, packed.usage.prompt_tokens) == ("vectors", 4)
    assert [(c["operation"], c["input_tokens"]) for c in gateway.calls()] == [("embed", 4)] * 2


@pytest.mark.parametrize("given", [[], "", [1, 2], [[1, 2]], {"a": 1}, None])
def test_an_input_that_is_no_text_is_refused(gateway, given):
    with gateway.client(gateway.key()) as client:
        answer = client.post("/v1/embeddings", json={"model": "vectors", "input": given})
    assert answer.status_code == 400


def test_a_chat_adapter_embeds_nothing(gateway):
    with gateway.openai(gateway.key()) as client, pytest.raises(openai.BadRequestError, match="is for chat"):
        client.embeddings.create(model="model", input="x")


def test_reranking(gateway):
    body = {"model": "ranks", "query": "q", "documents": ["a", {"text": "b"}, "c"], "top_n": 2}
    with gateway.client(gateway.key()) as client:
        answer = client.post("/v1/rerank", json={**body, "return_documents": True}).json()
        bad = [
            client.post("/v1/rerank", json={**body, **rest}) for rest in ({"query": 1}, {"documents": []}, {"top_n": 0})
        ]
    assert answer["results"] == [
        {"index": 0, "relevance_score": 1.0, "document": {"text": "a"}},
        {"index": 1, "relevance_score": 0.5, "document": {"text": "b"}},
    ]
    assert answer["usage"]["prompt_tokens"] == 9
    assert [one.status_code for one in bad] == [400] * 3
