"""Operation embed and operation rerank of the toy: order, settings, and saying what it is."""

import math

import pytest
from dragoman.errors import DocumentError, InvalidRequestError, ModelNotFoundError, UnsupportedError

TEXTS = [f"text number {number}" for number in range(40)]
DOCUMENTS = ["The stock market fell.", "Baking bread at home.", "How to bake a cake.", "Bread is baked."]


def codes(response):
    return [report.code for report in response.reports]


async def test_each_text_gets_its_vector_in_order(engine):
    whole = await engine.embed("local-embed", TEXTS, override={"limits": {"max_batch_size": 7}})
    alone = [(await engine.embed("local-embed", text)).vectors[0] for text in TEXTS]
    assert whole.vectors == alone
    assert {len(vector) for vector in whole.vectors} == {256}
    assert all(math.isclose(math.hypot(*vector), 1) for vector in whole.vectors)


@pytest.mark.parametrize("name", ["local-embed", "local-rerank"])
async def test_it_says_what_it_is(engine, name):
    resolved = await engine.resolve(name)
    assert "not meaning" in resolved.adapter.title
    if name == "local-embed":
        response = await engine.embed(name, "hello")
    else:
        response = await engine.rerank(name, "hello", ["hello"])
    assert codes(response) == ["toy_embedding"]
    assert "meaning" in response.reports[0].message
    assert response.extra["algorithm_version"] == 1
    assert (response.model, response.provider) == ("hashing", "local")


async def test_usage_is_counted(engine):
    assert (await engine.embed("local-embed", ["one two", "three."])).usage[:3] == (4, 0, 4)
    assert (await engine.rerank("local-rerank", "one", ["two three", "four"])).usage.input_tokens == 4


async def test_dimensions_and_normalize_act(engine):
    response = await engine.embed("local-embed", "hello big world", dimensions=8, normalize=False)
    (vector,) = response.vectors
    assert len(vector) == 8
    assert not math.isclose(math.hypot(*vector), 1)


async def test_queries_and_documents_are_embedded_alike(engine):
    query, document = [await engine.embed("local-embed", "hello", purpose=p) for p in ("query", "document")]
    assert query.vectors == document.vectors


async def test_a_blank_text_fails_alone(engine):
    response = await engine.embed("local-embed", ["hello", " \n", "world"])
    assert [vector is None for vector in response.vectors] == [False, True, False]
    assert {index: type(error) for index, error in response.failures.items()} == {1: InvalidRequestError}
    with pytest.raises(InvalidRequestError, match="blank"):
        response.complete()


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"input_type": "search_query"}, "inference.input_type"),
        ({"truncate": "END"}, "inference.truncate"),
        ({"encodings": ["int8"]}, "inference.encodings"),
    ],
)
async def test_a_setting_that_it_does_not_have_is_refused(engine, settings, path):
    for ask in (engine.embed, engine.embed_dry_run):
        with pytest.raises(UnsupportedError, match=path):
            await ask("local-embed", "hello", **settings)


@pytest.mark.parametrize("member", ["model_kwargs", "endpoint_kwargs"])
async def test_members_of_a_body_are_refused(engine, member):
    with pytest.raises(UnsupportedError, match=rf"{member}\.a"):
        await engine.embed("local-embed", "hello", override={member: {"a": 1}})
    with pytest.raises(UnsupportedError, match=rf"{member}\.a"):
        await engine.rerank("local-rerank", "hello", ["hello"], override={member: {"a": 1}})


@pytest.mark.parametrize("dimensions", [0, 4097])
async def test_dimensions_have_bounds(engine, dimensions):
    with pytest.raises(DocumentError, match=r"inference\.dimensions"):
        await engine.embed("local-embed", "hello", dimensions=dimensions)


async def test_the_chats_settings_and_model_are_refused(engine):
    with pytest.raises(UnsupportedError, match=r"connection\.order"):
        await engine.embed("local-embed", "hello", override={"connection": {"order": 2}})
    with pytest.raises(ModelNotFoundError, match="hashing"):
        await engine.embed("local-embed", "hello", override={"model": "ngram"})
    with pytest.raises(ModelNotFoundError, match="ngram"):
        await engine.chat("local", "hello", override={"model": "hashing"})


async def test_the_nearest_documents_come_first(engine):
    response = await engine.rerank("local-rerank", "bake bread", DOCUMENTS)
    assert sorted(ranked.index for ranked in response.results) == [0, 1, 2, 3]
    assert response.results[-1].index == 0
    scores = [ranked.score for ranked in response.results]
    assert scores == sorted(scores, reverse=True)
    assert all(-1 <= score <= 1.000001 for score in scores)


async def test_top_n_and_batches_change_nothing_else(engine):
    whole = await engine.rerank("local-rerank", "bake bread", DOCUMENTS)
    cut = await engine.rerank(
        "local-rerank", "bake bread", DOCUMENTS, top_n=2, override={"limits": {"max_batch_size": 1}}
    )
    assert cut.results == whole.results[:2]


async def test_a_document_is_read_up_to_its_limit(engine):
    documents = ["stocks bread", "bread stocks"]
    response = await engine.rerank("local-rerank", "bread", documents, max_tokens_per_document=1)
    assert [ranked.index for ranked in response.results] == [1, 0]
    assert response.results[0].score == pytest.approx(1)


async def test_a_blank_query_is_refused(engine):
    with pytest.raises(InvalidRequestError, match="query"):
        await engine.rerank("local-rerank", " ", ["hello"])


async def test_a_dry_run_shows_what_the_model_is_given(engine):
    shown = await engine.embed_dry_run("local-embed", ["a", "b"], dimensions=8)
    assert (shown.method, shown.url) == ("CALL", "local:hashing")
    assert shown.body == {"texts": ["a", "b"], "inference": {"dimensions": 8}}
    shown = await engine.rerank_dry_run("local-rerank", "q", ["a"], top_n=1)
    assert shown.body == {"query": "q", "documents": ["a"], "top_n": 1, "inference": {}}
