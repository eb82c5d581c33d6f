"""The OpenAI route: the protocol's own answers behind a key that is a presigned call."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import (
    ContextOverflowError,
    DocumentError,
    InvalidRequestError,
    ProviderError,
    RateLimitedError,
    ServerError,
    UnsupportedError,
)
from dragoman.testing.upstream import Reply

from .conftest import ACCOUNT, CANARY, SageMaker

pytest.importorskip("dragoman_openai")

Make = Callable[..., dict[str, Any]]

ROUTE = "openai/v1/chat/completions"
COMPONENT_ROUTE = f"inference-components/[^/]+/{ROUTE}"
CONSOLE = f"See https://us-east-1.console.aws.amazon.com/cloudwatch/home in account {ACCOUNT} for more information."


@pytest.fixture
def adapter(document: Make) -> Make:
    def make(**connection: Any) -> dict[str, Any]:
        return {**document(connection={"route": "openai", **connection}), "mapping": None}

    return make


def answer(text: str) -> dict[str, Any]:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    return {"id": "c", "choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": usage}


def chunks(*pieces: str) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = [{"choices": [{"delta": {"content": p}}]} for p in pieces]
    return [*said, {"choices": [{"delta": {}, "finish_reason": "stop"}]}]


async def test_a_call_is_let_in_with_a_presigned_key(engine: Engine, adapter: Make, sagemaker: SageMaker) -> None:
    sagemaker.says(Reply.json(answer("Hello"), x_amzn_requestid="r-1"), ROUTE)
    response = await engine.chat(adapter(), "hi", temperature=0.5, top_k=3)
    assert (response.text, response.usage.input_tokens, response.request_id) == ("Hello", 3, "r-1")
    caller = sagemaker.edge.callers[0]
    assert (caller.how, caller.service, caller.region, caller.who) == ("api_key", "sagemaker", "us-east-1", "alice")
    assert sagemaker.last.target == f"/endpoints/my-endpoint/{ROUTE}"
    assert sagemaker.last.json() == {
        "model": "",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "top_k": 3,
    }


async def test_a_component_is_in_the_address_and_in_no_header(
    engine: Engine, adapter: Make, sagemaker: SageMaker
) -> None:
    sagemaker.says(Reply.json(answer("Hello")), COMPONENT_ROUTE)
    await engine.chat(adapter(inference_component="ic-1"), "hi")
    assert sagemaker.last.target == f"/endpoints/my-endpoint/inference-components/ic-1/{ROUTE}"
    assert not [name for name in sagemaker.last.headers if name.startswith("x-amzn")]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("framing", ["sse", "jsonl"])
async def test_streams_come_as_the_container_writes_them(
    engine: Engine, adapter: Make, sagemaker: SageMaker, framing: str, size: int
) -> None:
    events = chunks("Grüße", ", ", "世界")
    reply = Reply.sse(events, done="[DONE]") if framing == "sse" else Reply.jsonl(events)
    sagemaker.says(reply.regrouped([size] * 1000), ROUTE)
    async with engine.stream(adapter(stream_framing=framing), "hi") as stream:
        assert "".join([piece async for piece in stream.text()]) == "Grüße, 世界"
    assert sagemaker.last.json()["stream"] is True


@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize(
    ("status", "inner", "kind", "said"),
    [
        (400, {"error": {"message": "bad top_p", "type": "BadRequestError"}}, InvalidRequestError, "bad top_p"),
        (
            400,
            {"error": {"message": "8192 tokens is the maximum", "code": "context_length_exceeded"}},
            ContextOverflowError,
            "8192 tokens",
        ),
        (429, {"error": {"message": "busy", "type": "overloaded"}}, RateLimitedError, "busy"),
        (500, {"object": "error", "message": "oom", "type": "InternalServerError"}, ServerError, "oom"),
    ],
)
async def test_the_containers_error_is_unquoted_and_typed(
    engine: Engine,
    adapter: Make,
    sagemaker: SageMaker,
    escaped: bool,
    status: int,
    inner: dict[str, Any],
    kind: type[ProviderError],
    said: str,
) -> None:
    side = "client" if status < 500 else "server"
    quoted = json.dumps(inner)
    if escaped:
        quoted = quoted.replace('"', '\\"')
    text = f'Received {side} error ({status}) from AllTraffic with message "{quoted}". {CONSOLE}'
    outer = {"error": {"message": text, "type": "server_error", "code": "model_error"}}
    sagemaker.says(Reply.json(outer, 424, x_amzn_requestid="r-2"), ROUTE)
    with pytest.raises(ProviderError) as failed:
        await engine.chat(adapter(), "hi")
    error = failed.value
    assert type(error) is kind
    assert said in error.message
    assert (error.status, error.request_id) == (424, "r-2")
    assert ACCOUNT not in str(error.as_dict())
    assert "Received" not in error.message


async def test_a_quoted_error_that_is_no_json_is_kept_as_text(
    engine: Engine, adapter: Make, sagemaker: SageMaker
) -> None:
    text = f'Received server error (503) from AllTraffic with message "worker died". {CONSOLE}'
    sagemaker.says(Reply.json({"error": {"message": text, "code": "model_error"}}, 424), ROUTE)
    with pytest.raises(ServerError, match="worker died") as failed:
        await engine.chat(adapter(), "hi")
    assert failed.value.retryable
    assert ACCOUNT not in str(failed.value)


def refused(text: str) -> Reply:
    return Reply.json({"error": {"message": text, "type": "invalid_request_error", "code": "validation_error"}}, 400)


async def test_a_component_that_scales_from_zero_is_tried_again_later(
    engine: Engine, adapter: Make, sagemaker: SageMaker
) -> None:
    sagemaker.says(refused(f"Inference Component has no capacity to process this request in account {ACCOUNT}"), ROUTE)
    with pytest.raises(RateLimitedError, match="scales up from zero") as failed:
        await engine.chat(adapter(), "hi")
    assert failed.value.retryable
    assert ACCOUNT not in str(failed.value)


async def test_an_endpoint_that_is_not_there_is_not_tried_again(
    engine: Engine, adapter: Make, sagemaker: SageMaker
) -> None:
    sagemaker.says(refused(f"Endpoint my-endpoint of account {ACCOUNT} not found."), ROUTE)
    with pytest.raises(InvalidRequestError, match="Endpoint my-endpoint of account … not found") as failed:
        await engine.chat(adapter(), "hi")
    assert not failed.value.retryable


async def test_a_missing_permission_is_named(engine: Engine, adapter: Make, sagemaker: SageMaker) -> None:
    text = f"User: arn:aws:iam::{ACCOUNT}:user/u is not authorized to perform: sagemaker:CallWithBearerToken"
    sagemaker.says(Reply.json({"Message": text}, 403, x_amzn_errortype="AccessDeniedException"), ROUTE)
    with pytest.raises(ProviderError, match="allow sagemaker:CallWithBearerToken") as failed:
        await engine.chat(adapter(), "hi")
    assert failed.value.code == "permission_denied"


async def test_a_dry_run_shows_no_key(engine: Engine, adapter: Make, sagemaker: SageMaker) -> None:
    shown = await engine.dry_run(adapter(), "hi")
    assert CANARY not in str(shown)
    assert "api-key" not in shown.headers["Authorization"]
    assert not sagemaker.edge.received


async def test_a_mapping_means_nothing_here(engine: Engine, document: Make) -> None:
    with pytest.raises(DocumentError, match="means nothing on the route openai"):
        await engine.chat(document(connection={"route": "openai"}), "hi")


async def test_arguments_of_invoke_endpoint_are_refused(engine: Engine, adapter: Make, sagemaker: SageMaker) -> None:
    with pytest.raises(UnsupportedError, match=r"endpoint_kwargs\.TargetModel"):
        await engine.chat(adapter(), "hi", override={"endpoint_kwargs": {"TargetModel": "a"}})
    assert not sagemaker.edge.received
