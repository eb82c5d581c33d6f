from __future__ import annotations

import pytest
from dragoman.errors import ModelNotFoundError, ProtocolError, RateLimitedError, UnsupportedError
from dragoman.testing.upstream import Reply


@pytest.fixture
def document(adapter):
    return {**adapter, "operation": "embed"}


def answer(request):
    """Answer as Cohere does; a text's vector is its length."""
    asked = request.json()
    vectors = [[float(len(text)), 1.0] for text in asked["texts"]]
    return Reply.json(
        {
            "id": "e-1",
            "embeddings": dict.fromkeys(asked["embedding_types"], vectors),
            "texts": asked["texts"],
            "meta": {"billed_units": {"input_tokens": len(vectors), "image_tokens": 0}},
            "response_type": "embeddings_by_type",
        }
    )


async def test_texts_become_vectors(engine, document, upstream, canary):
    upstream.answer(answer)
    response = await engine.embed(document, ["a", "bcd"], purpose="query", dimensions=256)
    assert response.vectors == [[1.0, 1.0], [3.0, 1.0]]
    assert (response.usage.input_tokens, response.usage.total_tokens, response.usage.source) == (2, 2, "provider")
    assert response.usage.detail == {"billed_units": {"input_tokens": 2, "image_tokens": 0}}
    assert (response.response_id, response.reports, response.extra) == ("e-1", (), {})
    (sent,) = upstream.received
    assert (sent.target, sent.headers["authorization"]) == ("/v2/embed", f"Bearer {canary}")
    assert sent.json() == {
        "model": "m",
        "texts": ["a", "bcd"],
        "input_type": "search_query",
        "embedding_types": ["float"],
        "truncate": "NONE",
        "output_dimension": 256,
    }


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"purpose": "document"}, "search_document"),
        ({"purpose": "query"}, "search_query"),
        ({"purpose": "query", "input_type": "clustering"}, "clustering"),
    ],
)
async def test_the_purpose_has_a_word(engine, document, upstream, asked, word):
    shown = await engine.embed_dry_run(document, "a", **asked)
    assert shown.body["input_type"] == word


async def test_what_is_assumed_without_a_purpose_is_reported(engine, document, upstream):
    upstream.answer(answer)
    response = await engine.embed(document, "a")
    assert upstream.received[0].json()["input_type"] == "search_document"
    assert [(r.code, r.path) for r in response.reports] == [("input_type_assumed", "inference.input_type")]


async def test_other_forms_come_beside_the_floats(engine, document, upstream):
    upstream.answer(answer)
    response = await engine.embed(document, ["ab"], purpose="query", encodings=["int8", "float"], truncate="END")
    assert upstream.received[0].json()["embedding_types"] == ["float", "int8"]
    assert upstream.received[0].json()["truncate"] == "END"
    assert (response.vectors, response.encodings) == ([[2.0, 1.0]], {"int8": [[2.0, 1.0]]})


async def test_more_texts_than_one_request_takes_keep_their_order(engine, document, upstream):
    upstream.answer(answer)
    texts = ["x" * n for n in range(1, 201)]
    response = await engine.embed(document, texts, purpose="document")
    assert [vector[0] for vector in response.vectors] == [float(n) for n in range(1, 201)]
    assert sorted(len(request.json()["texts"]) for request in upstream.received) == [8, 96, 96]
    assert response.usage.input_tokens == 200


async def test_a_batch_that_fails_leaves_the_others(engine, document, upstream):
    def moody(request):
        if "x" * 97 in request.json()["texts"]:
            return Reply.json({"message": "slow down"}, 429)
        return answer(request)

    upstream.answer(moody)
    response = await engine.embed(document, ["x" * n for n in range(1, 101)], purpose="document")
    assert sorted(response.failures) == [96, 97, 98, 99]
    assert isinstance(response.failures[96], RateLimitedError)
    assert response.vectors[95] == [96.0, 1.0]


async def test_warnings_are_reported(engine, document, upstream):
    upstream.answer(
        Reply.json({"embeddings": {"float": [[1.0]]}, "meta": {"warnings": ["m is deprecated"]}, "news": 1})
    )
    response = await engine.embed(document, "a", purpose="query")
    assert [(r.code, r.message) for r in response.reports] == [("provider_warning", "m is deprecated")]
    assert (response.usage.source, response.extra) == ("estimated", {"news": 1})


@pytest.mark.parametrize(
    ("inference", "path"),
    [
        ({"normalize": True}, r"inference\.normalize"),
        ({"override": {"model_kwargs": {"texts": []}}}, r"model_kwargs\.texts"),
    ],
)
async def test_what_cannot_be_said_is_refused(engine, document, upstream, inference, path):
    with pytest.raises(UnsupportedError, match=path):
        await engine.embed(document, "a", **inference)
    assert not upstream.received


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"embeddings": [[1.0]]},
        {"embeddings": {"int8": [[1]]}},
        {"embeddings": {"float": []}},
        {"embeddings": {"float": [[1.0]], "int8": [[1], [2]]}},
    ],
)
async def test_an_answer_that_does_not_fit_is_a_protocol_error(engine, document, upstream, body):
    upstream.answer(Reply.json(body))
    with pytest.raises(ProtocolError):
        await engine.embed(document, "a")


async def test_an_unknown_model_is_told(engine, document, upstream):
    upstream.answer(Reply.json({"id": "e", "message": "model 'm' not found"}, 404))
    with pytest.raises(ModelNotFoundError, match="not found"):
        await engine.embed(document, "a")
