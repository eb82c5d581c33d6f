from __future__ import annotations

import pytest
from dragoman.errors import ProtocolError, UnsupportedError
from dragoman.testing.upstream import Reply


@pytest.fixture
def document(adapter):
    return {**adapter, "operation": "rerank"}


def answer(request):
    """Answer as Cohere does; a document's score is its number."""
    asked = request.json()
    scores = sorted(((float(text), index) for index, text in enumerate(asked["documents"])), reverse=True)
    results = [{"index": index, "relevance_score": score} for score, index in scores][: asked.get("top_n")]
    return Reply.json({"id": "r-1", "results": results, "meta": {"billed_units": {"search_units": 1}}})


async def test_documents_come_best_first(engine, document, upstream, canary):
    upstream.answer(answer)
    response = await engine.rerank(document, "q", ["0.1", "0.9", "0.5"], top_n=2, max_tokens_per_document=100)
    assert [(ranked.index, ranked.score) for ranked in response.results] == [(1, 0.9), (2, 0.5)]
    assert response.usage.detail == {"billed_units": {"search_units": 1}}
    assert (response.usage.input_tokens, response.usage.source, response.response_id) == (None, "provider", "r-1")
    (sent,) = upstream.received
    assert (sent.target, sent.headers["authorization"]) == ("/v2/rerank", f"Bearer {canary}")
    assert sent.json() == {
        "model": "m", "query": "q", "documents": ["0.1", "0.9", "0.5"], "top_n": 2, "max_tokens_per_doc": 100,
    }  # fmt: skip


async def test_more_documents_than_one_request_takes_come_in_one_order(engine, document, upstream):
    upstream.answer(answer)
    documents = [str(n / 2500) for n in range(2500)]
    response = await engine.rerank(document, "q", documents, top_n=3)
    assert [ranked.index for ranked in response.results] == [2499, 2498, 2497]
    assert sorted(len(request.json()["documents"]) for request in upstream.received) == [500, 1000, 1000]
    assert response.usage.detail == {"billed_units": {"search_units": 3}}


@pytest.mark.parametrize(
    ("override", "path"),
    [
        ({"inference": {"rank_fields": ["a"]}}, r"inference\.rank_fields"),
        ({"model_kwargs": {"top_n": 3}}, r"model_kwargs\.top_n"),
    ],
)
async def test_what_cannot_be_said_is_refused(engine, document, upstream, override, path):
    with pytest.raises(Exception, match=path) as caught:
        await engine.rerank(document, "q", ["1"], override=override)
    assert caught.value.http_status in (400, 422)
    assert not upstream.received


async def test_a_member_of_ones_own_is_sent(engine, document):
    shown = await engine.rerank_dry_run(document, "q", ["1"], override={"model_kwargs": {"return_documents": False}})
    assert shown.body["return_documents"] is False


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"results": {}},
        {"results": [{"index": 1, "relevance_score": 0.5}]},
        {"results": [{"index": 0}]},
        {"results": ["0"]},
    ],
)
async def test_an_answer_that_does_not_fit_is_a_protocol_error(engine, document, upstream, body):
    upstream.answer(Reply.json(body))
    with pytest.raises(ProtocolError):
        await engine.rerank(document, "q", ["1"])


async def test_an_adapter_for_chat_ranks_nothing(engine, adapter):
    with pytest.raises(UnsupportedError, match="is for chat"):
        await engine.rerank(adapter, "q", ["1"])
