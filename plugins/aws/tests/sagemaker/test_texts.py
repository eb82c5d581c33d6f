"""Embeddings and rankings of endpoints, through a mapping."""

from __future__ import annotations

from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import DocumentError, ProtocolError, ServerError
from dragoman.events import Ranked
from dragoman.testing.upstream import Reply

from .conftest import SageMaker

EMBED = {"operation": "embed", "mapping": {"request": {"inputs": {"$": "texts"}}, "response": {"embeddings": "@"}}}
RERANK = {"operation": "rerank", "mapping": {"preset": "tei-rerank"}}


async def test_an_endpoint_embeds(engine: Engine, document: Any, sagemaker: SageMaker) -> None:
    answer = Reply.json([[0.5], [1.5]], x_amzn_requestid="r-1", x_amzn_invoked_production_variant="a")
    sagemaker.says(answer)
    at = document(**EMBED, endpoint_kwargs={"TargetVariant": "a"}, connection={"inference_component": "ic-1"})
    response = await engine.embed(at, ["x", "y"])
    assert response.vectors == [[0.5], [1.5]]
    assert (response.request_id, response.extra) == ("r-1", {"InvokedProductionVariant": "a"})
    sent = sagemaker.last
    assert (sent.target, sent.json()) == ("/endpoints/my-endpoint/invocations", {"inputs": ["x", "y"]})
    assert sent.headers["x-amzn-sagemaker-target-variant"] == "a"
    assert sent.headers["x-amzn-sagemaker-inference-component"] == "ic-1"
    assert sagemaker.edge.callers[0].service == "sagemaker"


async def test_a_mapping_that_reads_one_text_is_asked_for_each(
    engine: Engine, document: Any, sagemaker: SageMaker
) -> None:
    sagemaker.says(lambda received: Reply.json({"vector": [float(received.json()["text"])]}))
    mapping = {"request": {"text": {"$": "texts[0]"}}, "response": {"embeddings": "vector"}}
    response = await engine.embed(document(operation="embed", mapping=mapping), ["1", "2", "3"])
    assert response.vectors == [[1.0], [2.0], [3.0]]


async def test_an_endpoint_ranks(engine: Engine, document: Any, sagemaker: SageMaker) -> None:
    sagemaker.says(Reply.json([{"index": 1, "score": 0.9}, {"index": 0, "score": 0.1}]))
    response = await engine.rerank(document(**RERANK), "q", ["a", "b"])
    assert response.results == [Ranked(1, 0.9), Ranked(0, 0.1)]
    assert sagemaker.last.json()["texts"] == ["a", "b"]


@pytest.mark.parametrize("operation", [EMBED, RERANK])
async def test_the_containers_own_failure_is_told(
    engine: Engine, document: Any, sagemaker: SageMaker, operation: Any
) -> None:
    body = {"Message": "x", "OriginalStatusCode": 500, "OriginalMessage": "out of memory", "LogStreamArn": ""}
    sagemaker.says(Reply.json(body, 424, x_amzn_errortype="ModelError", x_amzn_requestid="r-9"))
    with pytest.raises(ServerError, match="out of memory") as caught:
        await call(engine, document(**operation))
    assert caught.value.request_id == "r-9"


@pytest.mark.parametrize("operation", [EMBED, RERANK])
async def test_an_answer_of_another_form_names_its_request(
    engine: Engine, document: Any, sagemaker: SageMaker, operation: Any
) -> None:
    sagemaker.says(Reply.json({"odd": 1}, x_amzn_requestid="r-9"))
    with pytest.raises(ProtocolError) as caught:
        await call(engine, document(**operation))
    assert caught.value.request_id == "r-9"


@pytest.mark.parametrize("operation", [EMBED, RERANK])
@pytest.mark.parametrize("member", [{"route": "openai"}, {"invocation": "async"}])
async def test_other_ways_to_call_know_no_texts(
    engine: Engine, document: Any, operation: Any, member: dict[str, str]
) -> None:
    (name,) = member
    with pytest.raises(DocumentError, match=rf"connection\.{name}: .* knows no operation {operation['operation']}"):
        await call(engine, document(**operation, connection=member))


async def call(engine: Engine, document: dict[str, Any]) -> Any:
    if document["operation"] == "embed":
        return await engine.embed(document, ["x"])
    return await engine.rerank(document, "q", ["a", "b"])
