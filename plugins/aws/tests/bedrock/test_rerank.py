"""Rankings through Rerank of bedrock-agent-runtime. No exchange of it was recorded: shapes are its service model's."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from dragoman.errors import DocumentError, ModelNotFoundError, PermissionDeniedError, ProtocolError, UnsupportedError
from dragoman.events import Ranked
from dragoman.testing.upstream import Reply

from ..edge import Admitted, error  # noqa: TID252  (the tests are no package that could be installed)

MODEL = "cohere.rerank-v3-5:0"
ARN = f"arn:aws:bedrock:us-east-1::foundation-model/{MODEL}"
DOCUMENTS = ["tea", "rain in Paris", "sun in Rome"]
ANSWER = {"results": [{"index": 2, "relevanceScore": 0.25}, {"index": 1, "relevanceScore": 0.75}]}


@pytest.fixture
def agents(edge, keys):
    edge.admit(Admitted("AKIDEXAMPLE", keys, who="the adapter's user"))
    return edge


@pytest.fixture
def ranker(agents, document):
    def make(**members: Any) -> dict[str, Any]:
        return document(agents.url, **{"operation": "rerank", "model": MODEL, **members})

    return make


async def test_documents_come_back_by_relevance(engine, agents, ranker):
    agents.route("POST", "/rerank", Reply.json(ANSWER, x_amzn_requestid="r-1"))
    response = await engine.rerank(ranker(), "weather in Paris", DOCUMENTS, top_n=2)
    assert response.results == [Ranked(1, 0.75), Ranked(2, 0.25)]
    assert (response.request_id, response.usage.source) == ("r-1", "estimated")
    assert [(c.who, c.service) for c in agents.callers] == [("the adapter's user", "bedrock")]


async def test_the_request_is_the_one_that_boto3_writes(engine, agents, ranker, keys):
    agents.route("POST", "/rerank", Reply.json(ANSWER))
    await engine.rerank(ranker(model_kwargs={"odd": 1}), "weather", DOCUMENTS, top_n=2)
    client = botocore.session.Session().create_client(
        "bedrock-agent-runtime", region_name="us-east-1", endpoint_url=agents.url, aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key=keys, config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    inline = [{"type": "TEXT", "textDocument": {"text": text}} for text in DOCUMENTS]
    theirs = {
        "queries": [{"type": "TEXT", "textQuery": {"text": "weather"}}],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": {
                "modelConfiguration": {"modelArn": ARN, "additionalModelRequestFields": {"odd": 1}},
                "numberOfResults": 2,
            },
        },
        "sources": [{"type": "INLINE", "inlineDocumentSource": one} for one in inline],
    }
    await engine.run_blocking(lambda: client.rerank(**theirs))
    client.close()
    ours, botos = agents.received
    assert (ours.method, ours.target) == (botos.method, botos.target)
    assert ours.json() == botos.json()


async def test_all_pages_are_fetched(engine, agents, ranker):
    pages = {
        None: {"results": [{"index": 0, "relevanceScore": 0.5}], "nextToken": "second"},
        "second": {"results": [{"index": 2, "relevanceScore": 0.875}], "nextToken": "third"},
        "third": {"results": [{"index": 1, "relevanceScore": 0.125}]},
    }
    agents.route("POST", "/rerank", lambda received, _: Reply.json(pages[received.json().get("nextToken")]))
    response = await engine.rerank(ranker(), "q", DOCUMENTS)
    assert [(one.index, one.score) for one in response.results] == [(2, 0.875), (0, 0.5), (1, 0.125)]
    assert [r.json().get("nextToken") for r in agents.received] == [None, "second", "third"]
    assert {r.json()["rerankingConfiguration"]["bedrockRerankingConfiguration"]["numberOfResults"]
            for r in agents.received} == {3}  # fmt: skip


@pytest.mark.parametrize(
    ("members", "sent"),
    [
        ({}, ARN),
        ({"model": "arn:aws:sagemaker:us-east-1:111122223333:endpoint/mine"},
         "arn:aws:sagemaker:us-east-1:111122223333:endpoint/mine"),
        ({"connection": {"region": "us-gov-west-1"}},
         f"arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/{MODEL}"),
    ],
)  # fmt: skip
async def test_the_model_is_named_by_its_arn(engine, ranker, members, sent):
    dry = await engine.rerank_dry_run(ranker(**members), "q", DOCUMENTS)
    configuration = dry.body["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    assert configuration["modelConfiguration"]["modelArn"] == sent


async def test_the_host_is_that_of_the_agents_runtime(engine, document):
    at = document("", operation="rerank", model=MODEL)
    at["connection"].pop("endpoint_url")
    assert (await engine.rerank_dry_run(at, "q", DOCUMENTS)).url == (
        "https://bedrock-agent-runtime.us-east-1.amazonaws.com/rerank"
    )


async def test_a_mapping_ranks_through_invoke_model(engine, agents, ranker):
    agents.route("POST", r"/model/[^/]+/invoke", Reply.json({"results": [{"index": 1, "relevance_score": 0.5}]}))
    response = await engine.rerank(ranker(mapping={"preset": "cohere-rerank"}), "q", DOCUMENTS)
    assert response.results == [Ranked(1, 0.5)]
    assert agents.received[-1].json()["documents"] == DOCUMENTS


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"inference": {"max_tokens_per_document": 5}}, "inference.max_tokens_per_document"),
        ({"endpoint_kwargs": {"requestMetadata": {"a": "b"}}}, "endpoint_kwargs.requestMetadata"),
    ],
)
async def test_what_rerank_has_no_place_for_is_refused(engine, ranker, members, path):
    with pytest.raises(UnsupportedError) as caught:
        await engine.rerank(ranker(**members), "q", DOCUMENTS)
    assert caught.value.path == path


async def test_a_guardrail_means_nothing_to_a_ranking(engine, ranker):
    with pytest.raises(DocumentError, match=r"connection\.guardrail: means nothing to operation rerank"):
        await engine.rerank(ranker(connection={"guardrail": {"identifier": "a", "version": "1"}}), "q", DOCUMENTS)


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (error("ResourceNotFoundException", "no such model", 404), ModelNotFoundError, "no such model"),
        (error("AccessDeniedException", "not authorized to perform: bedrock:Rerank", 403), PermissionDeniedError,
         "bedrock:Rerank"),
        (Reply.json({}), ProtocolError, "no results"),
        (Reply.json({"results": [{"index": 1}]}), ProtocolError, "KeyError"),
        (Reply.json({"results": [{"index": 9, "relevanceScore": 1}]}), ProtocolError, "does not fit the 3 documents"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_an_error_of_ours(engine, agents, ranker, reply, kind, says):
    agents.route("POST", "/rerank", reply)
    with pytest.raises(kind, match=says):
        await engine.rerank(ranker(), "q", DOCUMENTS)


async def test_the_langchain_class_ranks_with_the_adapters_identity(engine, agents, ranker, monkeypatch):
    pytest.importorskip("langchain_aws", reason="dragoman-aws[langchain] is not installed")
    from langchain_core.documents import Document

    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "evil")
    monkeypatch.setenv("AWS_PROFILE", "evil")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    agents.route("POST", "/rerank", Reply.json(ANSWER))
    model = await engine.langchain_model(ranker())
    given = [Document(text) for text in DOCUMENTS]
    ranked = await engine.run_blocking(model.compress_documents, given, "weather")
    assert [(d.page_content, d.metadata["relevance_score"]) for d in ranked] == [
        ("sun in Rome", 0.25),
        ("rain in Paris", 0.75),
    ]
    assert [(c.who, c.region) for c in agents.callers] == [("the adapter's user", "us-east-1")]
    assert "evil" not in repr(agents.received)
    with pytest.raises(UnsupportedError, match=r"model_kwargs\.odd"):
        await engine.langchain_model(ranker(model_kwargs={"odd": 1}))
