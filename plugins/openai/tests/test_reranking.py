"""Ranking with the servers that have it beside OpenAI's protocol."""

from __future__ import annotations

import pytest
from dragoman.errors import InvalidRequestError, ProtocolError, ProviderError, UnsupportedError
from dragoman.events import Ranked

DOCUMENTS = ["a", "b", "c"]
JINA = {
    "id": "rr-1", "model": "m-1", "usage": {"prompt_tokens": 9, "total_tokens": 9}, "object": "list",
    "results": [
        {"index": 2, "relevance_score": 0.9, "document": {"text": "c"}},
        {"index": 0, "relevance_score": 0.5, "document": {"text": "a"}},
        {"index": 1, "relevance_score": 0.5},
    ],
}  # fmt: skip
TEI = [{"index": 1, "score": 0.1}, {"index": 2, "score": 0.7}, {"index": 0, "score": 0.3}]


@pytest.fixture
def rank(engine, upstream, adapter):
    async def ask(connection, **rest):
        document = {
            **adapter, "provider": "openai-compatible", "operation": "rerank",
            "connection": {"base_url": f"{upstream.origin}/v1", **connection},
        }  # fmt: skip
        return await engine.rerank(document, "q", DOCUMENTS, **rest)

    return ask


@pytest.mark.parametrize("connection", [{"server": "vllm"}, {"server": "llama-cpp"}, {"rerank": "jina"}])
async def test_jinas_shape_is_written_and_read(rank, upstream, answers, connection):
    upstream.script = [answers.of(JINA)]
    response = await rank(connection, top_n=2)
    assert upstream.last.path == "/v1/rerank"
    assert upstream.last.json == {"model": "m", "query": "q", "documents": DOCUMENTS, "top_n": 2}
    assert response.results == [Ranked(2, 0.9), Ranked(0, 0.5)]
    assert (response.model, response.response_id, response.usage.input_tokens) == ("m-1", "rr-1", 9)
    assert response.extra == {}


@pytest.mark.parametrize("connection", [{"server": "tei"}, {"rerank": "tei"}])
async def test_teis_shape_is_written_and_read(rank, upstream, answers, connection):
    upstream.script = [answers.of(TEI)]
    response = await rank({**connection}, top_n=2)
    assert upstream.last.path == "/rerank"
    assert upstream.last.json == {"query": "q", "texts": DOCUMENTS}
    assert response.results == [Ranked(2, 0.7), Ranked(0, 0.3)]
    assert response.usage.source == "estimated"


async def test_other_members_go_along_and_those_that_are_written_do_not(rank, upstream, answers):
    upstream.script = [answers.of(JINA)]
    await rank({"rerank": "jina"}, override={"model_kwargs": {"return_documents": False}})
    assert upstream.last.json["return_documents"] is False
    for member in ("documents", "top_n", "query", "model"):
        with pytest.raises(UnsupportedError, match=f"model_kwargs.{member}"):
            await rank({"rerank": "jina"}, override={"model_kwargs": {member: 1}})


async def test_how_an_unknown_server_ranks_has_to_be_said(rank):
    with pytest.raises(UnsupportedError, match=r"connection\.rerank.*jina, tei"):
        await rank({})


async def test_a_limit_for_documents_has_no_place(rank):
    with pytest.raises(UnsupportedError, match=r"inference\.max_tokens_per_document"):
        await rank({"rerank": "jina"}, max_tokens_per_document=5)


@pytest.mark.parametrize(
    "said",
    [{}, [], {"results": "x"}, {"results": [{"index": 0}]}, {"results": [{"index": 9, "relevance_score": 1}]}, "x"],
)
async def test_an_answer_that_does_not_fit_is_a_protocol_error(rank, upstream, answers, said):
    upstream.script = [answers.of(said)]
    with pytest.raises(ProtocolError):
        await rank({"rerank": "jina"})


async def test_errors_say_their_words(rank, upstream, answers):
    upstream.script = [answers.of({"error": "Input validation error: too long", "error_type": "Validation"}, 413)]
    with pytest.raises(InvalidRequestError, match="too long"):
        await rank({"rerank": "tei"})
    upstream.script = [answers.of({"error": {"message": "so it is", "code": 500}})]
    with pytest.raises(ProviderError, match="so it is"):
        await rank({"rerank": "jina"})


async def test_openai_and_azure_rank_nothing(engine, adapter):
    with pytest.raises(Exception, match="rerank"):
        await engine.rerank({**adapter, "operation": "rerank"}, "q", DOCUMENTS)
