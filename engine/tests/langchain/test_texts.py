"""Embeddings and reranking."""

import pickle

import pytest

pytest.importorskip("langchain_core", reason="langchain-core is not installed")

from dragoman.errors import DocumentError
from dragoman.langchain import DragomanEmbeddings, DragomanRerank
from langchain_core.documents import Document


@pytest.fixture
def embeddings(engine):
    return DragomanEmbeddings(adapter="vectors", engine=engine, dimensions=2)


@pytest.fixture
def rerank(engine):
    return DragomanRerank(adapter="ranks", engine=engine, top_n=2)


def test_documents_and_queries_have_a_purpose_of_their_own(embeddings, script):
    assert embeddings.embed_documents(["one", "three"]) == [[3.0, 0.5], [5.0, 0.5]]
    assert embeddings.embed_query("four") == [4.0, 0.5]
    assert [(r.texts, r.purpose) for r in script.asked] == [(("one", "three"), "document"), (("four",), "query")]
    assert script.asked[0].settings.inference.dimensions == 2


async def test_the_same_asynchronously(embeddings):
    assert await embeddings.aembed_documents(["one", "three"]) == [[3.0, 0.5], [5.0, 0.5]]
    assert await embeddings.aembed_query("four") == [4.0, 0.5]


def test_nothing_is_embedded_without_a_call(embeddings, script):
    assert embeddings.embed_documents([]) == []
    assert script.asked == []


DOCUMENTS = [Document("a"), Document("abc", metadata={"page": 3}), Document("ab")]


def test_the_best_documents_come_first_with_their_scores(rerank):
    best = rerank.compress_documents(DOCUMENTS, "which?")
    assert [(d.page_content, d.metadata) for d in best] == [
        ("abc", {"page": 3, "relevance_score": 3.0}),
        ("ab", {"relevance_score": 2.0}),
    ]
    assert DOCUMENTS[1].metadata == {"page": 3}


async def test_ranking_asynchronously(rerank):
    assert [d.page_content for d in await rerank.acompress_documents(DOCUMENTS, "which?")] == ["abc", "ab"]
    assert await rerank.acompress_documents([], "which?") == []


def test_what_the_provider_does_not_know_is_refused(engine):
    with pytest.raises(DocumentError, match=r"inference\.colour"):
        DragomanEmbeddings(adapter="vectors", engine=engine, inference={"colour": 1}).embed_query("x")
    with pytest.raises(DocumentError, match=r"inference\.colour"):
        DragomanRerank(adapter="ranks", engine=engine, inference={"colour": 1}).compress_documents(DOCUMENTS, "x")


@pytest.mark.parametrize("kind", [DragomanEmbeddings, DragomanRerank])
def test_they_travel(kind, tmp_path):
    (tmp_path / "dragoman.toml").write_text("", encoding="utf-8")
    made = kind(adapter="a", config=tmp_path)
    assert pickle.loads(pickle.dumps(made)).config == str(tmp_path)  # noqa: S301  (our own bytes)
