"""Mappings for operations embed and rerank: what is sent, what is read, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from dragoman.adapter import EmbedInference, PayloadMapping, RerankInference
from dragoman.errors import DocumentError, ProtocolError, RateLimitedError, UnsupportedError
from dragoman.events import Ranked
from dragoman.mapping import compile_embed_payload, compile_rerank_payload, mapping_problems
from dragoman.provider import CallSettings, EmbedPayload, EmbedRequest, RerankPayload, RerankRequest

from .test_recordings import recorded

EMBED = {"request": {"input": {"$": "texts"}}, "response": {"embeddings": "data[*].vector"}}
RERANK = {
    "request": {"q": {"$": "query"}, "d": {"$": "documents"}, "n": {"$": "top_n"}},
    "response": {"ranking": {"each": "scores", "index": "i", "score": "s"}},
}


def embeds(**mapping: Any) -> EmbedPayload:
    return compile_embed_payload(PayloadMapping.model_validate({**EMBED, **mapping}))


def ranks(**mapping: Any) -> RerankPayload:
    return compile_rerank_payload(PayloadMapping.model_validate({**RERANK, **mapping}))


def texts(*given: str, purpose: Any = None, kwargs: Any = None, **inference: Any) -> EmbedRequest:
    settings = CallSettings(EmbedInference(**inference), model_kwargs=kwargs or {})
    return EmbedRequest(given or ("a", "b"), settings, purpose)


def documents(*given: str, top_n: int | None = None, **inference: Any) -> RerankRequest:
    return RerankRequest("which", given or ("a", "b"), CallSettings(RerankInference(**inference)), top_n)


# --- what is sent ------------------------------------------------------------------------------------------------


def test_texts_settings_and_kwargs_have_their_places() -> None:
    payload = embeds(
        request={
            "model": {"$": "model"},
            "input": {"$": "texts"},
            "for": {"$": "not_null(params.input_type, purpose)", "map": {"query": "q"}},
            "size": {"$": "params.dimensions"},
        }
    )
    body = json.loads(payload.encode(texts("a", purpose="query", dimensions=3, kwargs={"extra": 1}), "m"))
    assert body == {"model": "m", "input": ["a"], "for": "q", "size": 3, "extra": 1}
    body = json.loads(payload.encode(texts("a", purpose="query", input_type="own"), "m"))
    assert body == {"model": "m", "input": ["a"], "for": "own"}


def test_what_the_skeleton_does_not_read_is_refused_or_reported() -> None:
    with pytest.raises(UnsupportedError, match=r"inference\.dimensions: this mapping does not send it"):
        embeds().encode(texts(dimensions=3), "m")
    payload, request = embeds(ignore=["inference.dimensions"]), texts("a", dimensions=3)
    assert json.loads(payload.encode(request, "m")) == {"input": ["a"]}
    reports = payload.decode(b'{"data": [{"vector": [1]}]}', request).reports
    assert [report.path for report in reports] == ["inference.dimensions"]


@pytest.mark.parametrize(
    ("skeleton", "limit"),
    [
        ({"$": "texts"}, None),
        ({"$": "texts[0]"}, 1),
        ([{"$": "texts[0]"}, {"$": "texts[1]"}], 2),
        ({"$each": "texts", "do": {"text": {"$": "@"}}}, None),
    ],
)
def test_a_skeleton_that_reads_the_first_texts_alone_gets_no_more(skeleton: Any, limit: int | None) -> None:
    assert embeds(request={"input": skeleton}).max_texts == limit


def test_documents_and_top_n_have_their_places() -> None:
    assert json.loads(ranks().encode(documents("a", "b", top_n=1), "m")) == {"q": "which", "d": ["a", "b"], "n": 1}
    assert json.loads(ranks().encode(documents("a"), "m")) == {"q": "which", "d": ["a"]}


# --- what is read ------------------------------------------------------------------------------------------------


def test_vectors_are_read_from_a_list_or_one_alone() -> None:
    many = embeds().decode(b'{"data": [{"vector": [1, 2]}, {"vector": [3.5, 4]}]}', texts())
    assert many.vectors == [[1, 2], [3.5, 4]]
    assert many.usage.source == "absent"
    one = embeds(response={"embeddings": "v", "tokens_in": "n", "model": "m", "extra": {"kept": "k"}})
    read = one.decode(b'{"v": [1, 2], "n": 7, "m": "name", "k": 5}', texts("a"))
    assert (read.vectors, read.usage.input_tokens, read.model, read.extra) == ([[1, 2]], 7, "name", {"kept": 5})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "finds nothing in the answer"),
        (b'{"data": []}', "finds nothing in the answer"),
        (b'{"data": [{"vector": "AAAA"}]}', "where a vector is expected"),
        (b'{"data": [{"vector": []}]}', "where a vector is expected"),
        (b"not json", "is not JSON"),
    ],
)
def test_an_answer_without_vectors_is_never_an_empty_one(body: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        embeds().decode(body, texts())


def test_rankings_are_read_in_any_order() -> None:
    read = ranks().decode(b'{"scores": [{"i": 1, "s": 0.25}, {"i": 0, "s": 1}]}', documents())
    assert read.results == [Ranked(0, 1.0), Ranked(1, 0.25)]
    plain = ranks(response={"ranking": {"each": "@", "score": "@"}}).decode(b"[0.5, 0.75]", documents())
    assert plain.results == [Ranked(1, 0.75), Ranked(0, 0.5)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"scores": []}', "finds nothing"),
        (b'{"scores": [{"i": "1", "s": 0.25}]}', "where a place is expected"),
        (b'{"scores": [{"i": 1, "s": "high"}]}', "where a score is expected"),
    ],
)
def test_a_ranking_that_cannot_be_read_is_an_error(body: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        ranks().decode(body, documents())


def test_errors_are_found_whatever_the_status() -> None:
    payload = ranks(
        response={**RERANK["response"], "error": "error", "error_code": "kind"}, error_map={"busy": "rate_limited"}
    )
    with pytest.raises(RateLimitedError, match="too many"):
        payload.decode(b'{"error": "too many", "kind": "busy"}', documents())
    assert payload.error_message(b'{"error": "too many"}') == "too many"
    assert payload.error_message(b"<html>") is None


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "mapping", "path"),
    [
        (embeds, {"response": {}}, "mapping.response.embeddings"),
        (embeds, {"request": {"input": "constant"}}, "mapping.request"),
        (embeds, {"request": {"input": {"$": "messages"}}}, "mapping.request"),
        (embeds, {"preset": "tgi"}, "mapping.preset"),
        (ranks, {"response": {}}, "mapping.response.ranking"),
        (ranks, {"response": {"ranking": {"each": "scores"}}}, "mapping.response.ranking.score"),
        (ranks, {"request": {"d": {"$": "documents"}}}, "mapping.request"),
        (ranks, {"response": {"ranking": {"each": "a[", "score": "s"}}}, "mapping.response.ranking.each"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_with_its_path(make: Callable[..., Any], mapping: Any, path: str) -> None:
    with pytest.raises(DocumentError) as caught:
        make(**mapping)
    assert path in [problem.path.split(".input")[0] for problem in caught.value.problems]


# --- presets, and what real endpoints answered --------------------------------------------------------------------

EXCHANGES = [
    e
    for e in recorded("bedrock-invoke")
    if e["model"].split(".")[0] in ("amazon", "cohere") and "nova" not in e["model"]
]


@pytest.mark.skipif(not EXCHANGES, reason="recordings absent")
@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange["id"])
def test_recorded_vectors_are_read_and_their_requests_written(exchange: dict[str, Any]) -> None:
    sent, answer = exchange["request"], exchange["response"]
    titan = "inputText" in sent
    payload = compile_embed_payload(PayloadMapping(preset="titan-embed" if titan else "cohere-embed"))
    given = [sent["inputText"]] if titan else sent["texts"]
    names = (
        {"dimensions": "dimensions", "normalize": "normalize"}
        if titan
        else {"input_type": "input_type", "truncate": "truncate", "output_dimension": "dimensions"}
    )
    inference = {ours: sent[theirs] for theirs, ours in names.items() if theirs in sent}
    kwargs = {name: value for name, value in sent.items() if name not in (*names, "inputText", "texts")}
    request = texts(*given, kwargs=kwargs, **inference)
    assert json.loads(payload.encode(request, "m")) == sent
    read = payload.decode(json.dumps(answer).encode(), request)
    found = answer["embedding"] if titan else answer["embeddings"]
    assert read.vectors == ([found] if titan else found["float"] if isinstance(found, dict) else found)


@pytest.mark.parametrize("preset", ["openai-embeddings", "titan-embed", "cohere-embed"])
def test_presets_for_texts_hold_for_their_operation_alone(preset: str) -> None:
    mapping = PayloadMapping(preset=preset)
    assert mapping_problems(mapping, None, "embed") == []
    for operation in ("chat", "rerank"):
        assert mapping_problems(mapping, None, operation)[0].path == "mapping.preset"
