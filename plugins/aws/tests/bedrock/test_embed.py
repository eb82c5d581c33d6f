"""Embeddings: recorded answers against langchain-aws's class, recorded requests rebuilt, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.config import Config
from dragoman.errors import DocumentError, ProtocolError, RateLimitedError, UnsupportedError
from dragoman.testing.upstream import Reply
from dragoman_aws.bedrock.embed_families import EMBED_FAMILIES, EMBED_FAMILY_OF

from ..edge import Admitted  # noqa: TID252  (the tests are no package that could be installed)
from .test_recordings import recordings

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/otnfa2ysixqd"
#: Whose shape stands behind what was called, where the id is no row.
BASES = {PROFILE: "amazon.titan-embed-text-v2:0", "us.cohere.embed-v4:0": "cohere.embed-v4:0"}
TITAN = {"base_model": "amazon.titan-embed-text-v2:0"}
COHERE = {"base_model": "cohere.embed-v4:0"}
NOVA = {"base_model": "amazon.nova-2-multimodal-embeddings-v1:0"}

Recording = dict[str, Any]


def embeddings() -> list[Any]:
    found = recordings("bedrock-invoke")
    if found[0].values[0] is None:
        return found
    return [p for p in found if base_of(p.values[0]["model"]) in EMBED_FAMILY_OF]


def base_of(model: str) -> str:
    return BASES.get(model, model)


def answer_of(recording: Recording) -> Any:
    found = recording["response"]
    return json.loads(found) if isinstance(found, str) else found


def reply_of(recording: Recording) -> Reply:
    return Reply.json(answer_of(recording), recording["status"], **recording["response_headers"])


def asked_of(recording: Recording) -> tuple[tuple[str, ...], dict[str, Any], dict[str, Any]]:
    """Return the texts, the settings and the model's own members that a recorded request was made of."""
    rest = dict(recording["request"])
    if "taskType" in rest:
        inside = rest["singleEmbeddingParams"]
        settings = {"input_type": inside["embeddingPurpose"], "truncate": inside["text"]["truncationMode"]}
        if "embeddingDimension" in inside:
            settings["dimensions"] = inside["embeddingDimension"]
        return (inside["text"]["value"],), settings, {}
    texts = (rest.pop("inputText"),) if "inputText" in rest else tuple(rest.pop("texts"))
    names = {"output_dimension": "dimensions"}
    known = ("dimensions", "normalize", "input_type", "truncate", "output_dimension")
    settings = {names.get(name, name): rest.pop(name) for name in known if name in rest}
    return texts, settings, rest


@pytest.fixture
def embedder(document):
    def make(url: str, **members: Any) -> dict[str, Any]:
        return document(url, operation="embed", **members)

    return make


@pytest.mark.parametrize("recording", embeddings())
async def test_a_recorded_exchange_is_written_and_read_again(engine, upstream, embedder, recording):
    upstream.answer(reply_of(recording))
    texts, settings, kwargs = asked_of(recording)
    model = recording["model"]
    at = embedder(upstream.url, model=model, base_model=base_of(model), inference=settings, model_kwargs=kwargs)
    response = await engine.embed(at, texts)
    sent = upstream.received[-1]
    assert sent.target == recording["path"]
    assert sent.json() == recording["request"]
    assert response.vectors == [plainly(answer_of(recording), index) for index in range(len(texts))]
    counted = int(recording["response_headers"]["x-amzn-bedrock-input-token-count"])
    assert (response.usage.input_tokens, response.usage.total_tokens) == (counted, counted)
    assert response.usage.source == "provider"
    latency = recording["response_headers"]["x-amzn-bedrock-invocation-latency"]
    assert response.extra["metrics"]["latencyMs"] == int(latency)
    assert not response.reports


def plainly(answer: Any, index: int) -> Any:
    """Return a vector of an answer, read without our code."""
    if "embedding" in answer:
        return answer["embedding"]
    found = answer["embeddings"]
    vector = found["float"][index] if isinstance(found, dict) else found[index]
    return vector["embedding"] if isinstance(vector, dict) else vector


# --- langchain-aws -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", embeddings())
async def test_vectors_are_those_that_langchain_aws_reads(engine, upstream, embedder, recording):
    boto3 = pytest.importorskip("boto3")
    classes = pytest.importorskip("langchain_aws", reason="dragoman-aws[langchain] is not installed")
    upstream.answer(reply_of(recording))
    texts, _, _ = asked_of(recording)
    config = Config(retries={"max_attempts": 0}, auth_scheme_preference="sigv4")
    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
    maker = "cohere" if "cohere" in recording["model"] else "amazon"
    with_client = session.client("bedrock-runtime", endpoint_url=upstream.url, config=config)
    theirs = classes.BedrockEmbeddings(client=with_client, model_id=recording["model"], provider=maker)
    at = embedder(upstream.url, model=recording["model"], base_model=base_of(recording["model"]))
    ours = await engine.embed(at, texts, purpose="document")
    assert ours.complete() == (await engine.run_blocking(theirs.embed_documents, list(texts)))[: len(texts)]


@pytest.fixture
def bedrock(edge, keys):
    edge.admit(Admitted("AKIDEXAMPLE", keys, who="the adapter's user"))
    edge.route("POST", r"/model/[^/]+/invoke", Reply.json({"embeddings": [[0.5, 1.0]], "embedding": [0.5, 1.0]}))
    return edge


@pytest.mark.parametrize(
    ("base", "settings", "sent"),
    [
        (TITAN, {"dimensions": 256, "normalize": True}, {"inputText": "hi", "dimensions": 256, "normalize": True}),
        (COHERE, {"dimensions": 512, "truncate": "END"},
         {"texts": ["hi"], "input_type": "search_query", "output_dimension": 512, "truncate": "END"}),
    ],
)  # fmt: skip
async def test_the_langchain_class_says_what_the_adapter_says(
    engine, bedrock, embedder, monkeypatch, base, settings, sent
):
    pytest.importorskip("langchain_aws", reason="dragoman-aws[langchain] is not installed")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "evil")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    model = await engine.langchain_model(embedder(bedrock.url, model=PROFILE, inference=settings, **base))
    assert await engine.run_blocking(model.embed_query, "hi") == [0.5, 1.0]
    assert bedrock.received[-1].json() == sent
    assert [(c.who, c.region) for c in bedrock.callers] == [("the adapter's user", "us-east-1")]
    assert "evil" not in repr(bedrock.received)


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({**TITAN, "inference": {"encodings": ["binary"]}}, r"inference\.encodings"),
        ({**TITAN, "inference": {"truncate": "END"}}, r"inference\.truncate"),
        ({**NOVA, "model": "amazon.nova-embed", "inference": {"input_type": "X"}}, r"inference\.input_type"),
        ({**NOVA, "model": PROFILE}, "model"),
        ({**TITAN, "endpoint_kwargs": {"headers": {"a": "b"}}}, r"endpoint_kwargs\.headers"),
        ({"mapping": {"preset": "titan-embed"}}, "mapping"),
    ],
)
async def test_what_the_langchain_class_cannot_say_is_refused(engine, bedrock, embedder, members, path):
    pytest.importorskip("langchain_aws", reason="dragoman-aws[langchain] is not installed")
    with pytest.raises(UnsupportedError, match=path):
        await engine.langchain_model(embedder(bedrock.url, **members))


# --- families ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "purpose", "word"),
    [
        (COHERE, "document", "search_document"),
        (COHERE, "query", "search_query"),
        (NOVA, "document", "GENERIC_INDEX"),
        (NOVA, "query", "GENERIC_RETRIEVAL"),
    ],
)
async def test_what_texts_are_for_is_said_in_the_familys_words(engine, embedder, base, purpose, word):
    dry = await engine.embed_dry_run(embedder("http://127.0.0.1:1", **base), ["hi"], purpose=purpose)
    assert f'"{word}"' in json.dumps(dry.body)


async def test_an_unsaid_purpose_is_assumed_and_reported(engine, upstream, embedder):
    upstream.answer(Reply.json({"embeddings": {"float": [[1.0]]}}))
    response = await engine.embed(embedder(upstream.url, **COHERE), ["hi"])
    assert upstream.received[-1].json()["input_type"] == "search_document"
    assert [(r.code, r.path) for r in response.reports] == [("input_type_assumed", "inference.input_type")]


async def test_a_model_that_takes_one_text_is_asked_for_each_and_the_order_kept(engine, edge, keys, embedder):
    edge.admit(Admitted("AKIDEXAMPLE", keys, who="the adapter's user"))

    def answer(received: Any, _caller: Any) -> Reply:
        text = received.json()["inputText"]
        return Reply.json({"embedding": [float(text)], "inputTextTokenCount": len(text)})

    edge.route("POST", r"/model/[^/]+/invoke", answer)
    response = await engine.embed(embedder(edge.url, **TITAN), [str(number) for number in range(20)])
    assert response.vectors == [[float(number)] for number in range(20)]
    assert response.usage.input_tokens == 30
    assert len(edge.received) == 20


async def test_cohere_takes_96_texts_at_a_time(engine, edge, keys, embedder):
    edge.admit(Admitted("AKIDEXAMPLE", keys, who="the adapter's user"))
    edge.route(
        "POST",
        r"/model/[^/]+/invoke",
        lambda received, _: Reply.json({"embeddings": [[float(t)] for t in received.json()["texts"]]}),
    )
    response = await engine.embed(embedder(edge.url, **COHERE), [str(n) for n in range(200)], purpose="document")
    assert response.vectors == [[float(number)] for number in range(200)]
    assert sorted(len(r.json()["texts"]) for r in edge.received) == [8, 96, 96]


@pytest.mark.parametrize(
    ("base", "answer", "forms"),
    [
        (TITAN, {"embeddingsByType": {"binary": [1, 0]}}, {"binary": [[1, 0]]}),
        (COHERE, {"embeddings": {"int8": [[3, 4]], "ubinary": [[5]]}}, {"int8": [[3, 4]], "ubinary": [[5]]}),
    ],
)
async def test_other_forms_of_a_vector(engine, upstream, embedder, base, answer, forms):
    upstream.answer(Reply.json(answer))
    names = list(forms)
    response = await engine.embed(
        embedder(upstream.url, inference={"encodings": names}, **base), ["hi"], purpose="query"
    )
    assert names in upstream.received[-1].json().values()
    assert (response.vectors, response.encodings) == ([None], forms)


async def test_an_adapters_mapping_counts_more_than_its_family(engine, upstream, embedder):
    upstream.answer(Reply.json({"embedding": [1.5]}, x_amzn_bedrock_input_token_count="7"))
    at = embedder(upstream.url, model=PROFILE, mapping={"preset": "titan-embed"}, **COHERE)
    response = await engine.embed(at, ["hi"])
    assert upstream.received[-1].json() == {"inputText": "hi"}
    assert (response.vectors, response.usage.input_tokens) == ([[1.5]], 7)


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"model": "amazon.titan-embed-text-v2:0"}, "base_model: nothing says how the model takes texts"),
        ({"connection": {"family": "claude"}}, r"connection\.family: claude takes no texts to embed"),
        ({**TITAN, "connection": {"guardrail": {"identifier": "a", "version": "1"}}}, r"connection\.guardrail"),
        ({**TITAN, "connection": {"count_tokens_model": "m"}}, r"connection\.count_tokens_model"),
    ],
)
async def test_a_document_that_cannot_embed_says_why(engine, embedder, members, says):
    with pytest.raises(DocumentError, match=says):
        await engine.embed(embedder("http://127.0.0.1:1", **members), ["hi"])


@pytest.mark.parametrize(
    ("base", "members", "path"),
    [
        ("amazon.titan-embed-text-v1", {"inference": {"dimensions": 3}}, "inference.dimensions"),
        ("cohere.embed-english-v3", {"inference": {"dimensions": 3}}, "inference.dimensions"),
        ("amazon.titan-embed-text-v2:0", {"inference": {"input_type": "x"}}, "inference.input_type"),
        ("amazon.titan-embed-text-v2:0", {"model_kwargs": {"inputText": "x"}}, "model_kwargs.inputText"),
        ("amazon.titan-embed-text-v2:0", {"model_kwargs": {"dimensions": 3}}, "model_kwargs.dimensions"),
        ("amazon.nova-2-multimodal-embeddings-v1:0", {"model_kwargs": {"singleEmbeddingParams": 1}},
         "model_kwargs.singleEmbeddingParams"),
        ("cohere.embed-v4:0", {"endpoint_kwargs": {"odd": 1}}, "endpoint_kwargs.odd"),
    ],
)  # fmt: skip
async def test_what_a_family_has_no_place_for_is_refused(engine, embedder, base, members, path):
    with pytest.raises(UnsupportedError) as caught:
        await engine.embed(embedder("http://127.0.0.1:1", base_model=base, **members), ["hi"])
    assert caught.value.path == path


async def test_a_family_that_embeds_holds_no_conversation(engine, document):
    with pytest.raises(DocumentError, match=r"connection\.family: titan-embed-v2 only embeds"):
        await engine.chat(document("http://127.0.0.1:1", connection={"family": "titan-embed-v2"}), "hi")


@pytest.mark.parametrize("family", EMBED_FAMILIES)
@pytest.mark.parametrize("answer", [{}, {"embedding": []}, {"embeddings": [{}]}, {"embeddings": {}}, []])
async def test_an_answer_without_vectors_is_an_error(engine, upstream, embedder, family, answer):
    upstream.answer(Reply.json(answer))
    with pytest.raises(ProtocolError):
        await engine.embed(embedder(upstream.url, connection={"family": family}), ["hi"], purpose="query")


async def test_a_refusal_is_an_error_of_ours(engine, upstream, embedder):
    kind = {"x_amzn_errortype": "ThrottlingException:http://internal.amazon.com/"}
    upstream.answer(Reply.json({"message": "slow down"}, 429, **kind))
    with pytest.raises(RateLimitedError, match="slow down"):
        await engine.embed(embedder(upstream.url, **TITAN), ["hi"])
