"""Asynchronous calls: a request left in S3, an answer that comes when it comes, all of it as one identity."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    DocumentError,
    InvalidRequestError,
    PermissionDeniedError,
    ProtocolError,
    ProviderError,
    ServerError,
    UnsupportedError,
)
from dragoman.events import Reported, TextDelta
from dragoman.testing.upstream import Received, Reply

from .conftest import ACCOUNT, CANARY, SageMaker

Make = Callable[..., dict[str, Any]]

TAKEN = {
    "x-amzn-sagemaker-outputlocation": "s3://answers/out/1.out",
    "x-amzn-sagemaker-failurelocation": "s3://answers/failed/1.out",
    "x-amzn-requestid": "r-1",
}
ANSWER = Reply.json([{"generated_text": "Hello"}])
MISSING = Reply.text("<Error><Code>NoSuchKey</Code></Error>", 404, "application/xml")


class Bucket:
    """S3 as far as the tests need it: what was put, and what lies where; a list is a history of replies."""

    def __init__(self, sagemaker: SageMaker) -> None:
        self.put: dict[str, Received] = {}
        self.holds: dict[str, list[Reply]] = {}
        self.asked: list[str] = []
        sagemaker.edge.route("PUT", "/.*", lambda request, _caller: self._put(request))
        sagemaker.edge.route("GET", "/.*", lambda request, _caller: self._get(request))

    def _put(self, request: Received) -> Reply:
        self.put[request.target] = request
        return Reply((), 200)

    def _get(self, request: Received) -> Reply:
        self.asked.append(request.target)
        history = self.holds.get(request.target, [MISSING])
        return history.pop(0) if len(history) > 1 else history[0]


@pytest.fixture
def bucket(sagemaker: SageMaker) -> Bucket:
    sagemaker.says(Reply((b"{}",), 202, TAKEN), "async-invocations")
    return Bucket(sagemaker)


@pytest.fixture
def adapter(document: Make, sagemaker: SageMaker) -> Make:
    def make(preset: str = "tgi", /, **members: Any) -> dict[str, Any]:
        places = {
            "endpoint_url": sagemaker.edge.url, "first_poll_s": 0.001, "longest_poll_s": 0.002, **members.pop("s3", {})
        }  # fmt: skip
        return document(preset, connection={"invocation": "async", "s3": places}, **members)

    return make


async def test_the_answer_is_picked_up_when_it_is_there(
    engine: Engine, adapter: Make, sagemaker: SageMaker, bucket: Bucket
) -> None:
    bucket.holds["/answers/out/1.out"] = [MISSING, MISSING, ANSWER]
    response = await engine.chat(adapter(), "hi")
    assert (response.text, response.request_id) == ("Hello", "r-1")
    assert response.extra["OutputLocation"] == "s3://answers/out/1.out"
    assert bucket.asked.count("/answers/failed/1.out") == 2
    assert {caller.service for caller in sagemaker.edge.callers} == {"sagemaker", "s3"}


async def test_the_wait_is_told_before_the_answer(engine: Engine, adapter: Make, bucket: Bucket) -> None:
    bucket.holds["/answers/out/1.out"] = [MISSING, ANSWER]
    async with engine.stream(adapter(), "hi") as stream:
        events = [event async for event in stream]
    kinds = [type(event) for event in events]
    assert kinds.index(Reported) < kinds.index(TextDelta)
    first = next(event for event in events if isinstance(event, Reported))
    assert first.report.code == "async_accepted"
    assert "s3://answers/out/1.out" in first.report.message
    assert stream.response.text == "Hello"


async def test_a_short_request_goes_with_the_call(
    engine: Engine, adapter: Make, sagemaker: SageMaker, bucket: Bucket
) -> None:
    bucket.holds["/answers/out/1.out"] = [ANSWER]
    kwargs = {"RequestTTLSeconds": 600, "InferenceId": "i-1", "S3OutputPathExtension": "team/a", "Filename": "a.out"}
    await engine.chat(adapter(endpoint_kwargs=kwargs), "hi", max_tokens=5)
    call = sagemaker.edge.received[0]
    assert call.target == "/endpoints/my-endpoint/async-invocations"
    assert call.json()["parameters"]["max_new_tokens"] == 5
    assert call.json()["stream"] is False
    assert call.headers["x-amzn-sagemaker-content-type"] == "application/json"
    assert call.headers["x-amzn-sagemaker-accept"] == "application/json"
    assert call.headers["x-amzn-sagemaker-requestttlseconds"] == "600"
    assert call.headers["x-amzn-sagemaker-s3outputpathextension"] == "team/a"
    assert not bucket.put


async def test_a_request_is_put_where_the_connection_says(
    engine: Engine, adapter: Make, sagemaker: SageMaker, bucket: Bucket
) -> None:
    bucket.holds["/answers/out/1.out"] = [ANSWER]
    await engine.chat(adapter(s3={"input": "s3://requests/team=a"}), "x" * 200_000)
    (place, put), call = next(iter(bucket.put.items())), sagemaker.edge.received[1]
    assert put.json()["inputs"] == "x" * 200_000
    assert put.headers["content-type"] == "application/json"
    assert call.body == b""
    assert call.headers["x-amzn-sagemaker-inputlocation"].startswith("s3://requests/")
    assert place.rpartition("/")[2] == call.headers["x-amzn-sagemaker-inputlocation"].rpartition("/")[2]


async def test_a_request_that_is_too_long_to_go_with_the_call_says_what_to_set(
    engine: Engine, adapter: Make, sagemaker: SageMaker
) -> None:
    with pytest.raises(UnsupportedError, match=r"connection\.s3\.input: .*128000") as refused:
        await engine.chat(adapter(), "x" * 130_000)
    assert "name a place in S3" in str(refused.value)
    assert not sagemaker.edge.received


@pytest.mark.parametrize(
    ("failure", "kind", "said"),
    [
        (Reply.json({"error": "too many tokens", "error_type": "validation"}), ServerError, "too many tokens"),
        (Reply.text(f"the model of account {ACCOUNT} ran out of memory"), ServerError, "account … ran out of memory"),
        (
            Reply.json({"OriginalStatusCode": 400, "OriginalMessage": '{"error": "bad input"}'}),
            InvalidRequestError,
            "the container answered 400: bad input",
        ),
    ],
)
async def test_a_failure_is_told_and_never_worked_on_twice(
    engine: Engine,
    adapter: Make,
    sagemaker: SageMaker,
    bucket: Bucket,
    failure: Reply,
    kind: type[ProviderError],
    said: str,
) -> None:
    bucket.holds["/answers/failed/1.out"] = [MISSING, failure]
    with pytest.raises(ProviderError) as failed:
        await engine.chat(adapter(limits={"max_attempts": 3, "timeout_s": 20}), "hi")
    assert type(failed.value) is kind
    assert said in failed.value.message
    assert not failed.value.retryable
    assert failed.value.request_id == "r-1"
    assert sum("async-invocations" in request.target for request in sagemaker.edge.received) == 1


async def test_a_throttled_submission_is_tried_again(
    engine: Engine, adapter: Make, sagemaker: SageMaker, bucket: Bucket
) -> None:
    bucket.holds["/answers/out/1.out"] = [ANSWER]
    busy = Reply.json({"Message": "slow down"}, 503, x_amzn_errortype="ServiceUnavailable", retry_after="0")
    replies = [busy, Reply((b"{}",), 202, TAKEN)]
    sagemaker.says(lambda _request: replies.pop(0), "async-invocations")
    assert (await engine.chat(adapter(limits={"max_attempts": 2}), "hi")).text == "Hello"


async def test_an_answer_that_may_not_be_read_says_what_to_allow(engine: Engine, adapter: Make, bucket: Bucket) -> None:
    bucket.holds["/answers/out/1.out"] = [Reply.text("<Error/>", 403, "application/xml")]
    with pytest.raises(PermissionDeniedError) as failed:
        await engine.chat(adapter(), "hi")
    assert "s3:GetObject, and s3:ListBucket" in str(failed.value)
    assert "the keys of the secret AWS_ACCESS_KEY_ID" in str(failed.value)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "InvalidAccessKeyId", "authentication"),
        (400, "ExpiredToken", "authentication"),
        (301, "PermanentRedirect", "protocol"),
        (404, "NoSuchBucket", "model_not_found"),
    ],
)
async def test_what_s3_says_is_kept_as_its_code(
    engine: Engine, adapter: Make, sagemaker: SageMaker, bucket: Bucket, status: int, code: str, kind: str
) -> None:
    xml = f"<Error><Code>{code}</Code><Message>{CANARY}</Message></Error>"
    sagemaker.edge.route("PUT", "/.*", Reply.text(xml, status, "application/xml"))
    with pytest.raises(ProviderError, match=code) as failed:
        await engine.chat(adapter(s3={"input": "s3://requests"}), "hi")
    assert (failed.value.code, failed.value.provider_code) == (kind, code)
    assert CANARY not in str(failed.value)


async def test_a_bucket_that_is_not_there_is_not_waited_for(engine: Engine, adapter: Make, bucket: Bucket) -> None:
    bucket.holds["/answers/out/1.out"] = [Reply.text("<Error><Code>NoSuchBucket</Code></Error>", 404)]
    with pytest.raises(ProviderError, match="NoSuchBucket"):
        await engine.chat(adapter(), "hi")


async def test_a_request_that_may_not_be_put_is_not_submitted(
    engine: Engine, adapter: Make, sagemaker: SageMaker, bucket: Bucket
) -> None:
    sagemaker.edge.route("PUT", "/.*", Reply.text("<Error/>", 403, "application/xml"))
    with pytest.raises(PermissionDeniedError, match="s3:PutObject"):
        await engine.chat(adapter(s3={"input": "s3://requests"}), "hi")
    assert len(sagemaker.edge.received) == 1


async def test_a_wait_survives_failures_of_s3_and_gives_up_after_many(
    engine: Engine, adapter: Make, bucket: Bucket
) -> None:
    slow = Reply.text("<Error><Code>SlowDown</Code></Error>", 503, "application/xml")
    bucket.holds["/answers/out/1.out"] = [slow, slow, ANSWER]
    assert (await engine.chat(adapter(), "hi")).text == "Hello"
    bucket.holds["/answers/out/1.out"] = [slow]
    with pytest.raises(ConnectionFailedError, match="S3 answered 503"):
        await engine.chat(adapter(), "hi")


async def test_a_wait_ends_with_the_calls_deadline(engine: Engine, adapter: Make, bucket: Bucket) -> None:
    with pytest.raises(CallTimeoutError):
        await engine.chat(adapter(limits={"timeout_s": 0.2, "max_attempts": 1}), "hi")


async def test_an_answer_without_its_place_is_an_error(
    engine: Engine, adapter: Make, sagemaker: SageMaker, bucket: Bucket
) -> None:
    sagemaker.says(Reply((b"{}",), 202, {}), "async-invocations")
    with pytest.raises(ProtocolError, match="did not say where"):
        await engine.chat(adapter(), "hi")
    sagemaker.says(Reply((b"{}",), 202, {**TAKEN, "x-amzn-sagemaker-outputlocation": "http://evil/x"}), "async-inv.*")
    with pytest.raises(ProtocolError, match="not in S3"):
        await engine.chat(adapter(), "hi")


async def test_a_dry_run_shows_the_call_and_what_would_be_put(
    engine: Engine, adapter: Make, sagemaker: SageMaker
) -> None:
    shown = await engine.dry_run(adapter(s3={"input": "s3://requests/a"}), "hi")
    assert shown.headers["X-Amzn-SageMaker-InputLocation"] == "s3://requests/a/…"
    assert shown.body["inputs"] == "hi"
    assert not sagemaker.edge.received


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        ({"s3": {"input": "s3://requests"}}, "s3 is for invocation: async"),
        ({"invocation": "async", "inference_component": "ic"}, "takes no inference_component"),
        ({"invocation": "async", "route": "openai"}, "has no asynchronous calls"),
        ({"invocation": "async", "s3": {"input": "https://requests"}}, "a place in S3"),
    ],
)
async def test_connections_that_contradict_themselves_are_refused(
    engine: Engine, document: Make, connection: dict[str, Any], said: str
) -> None:
    with pytest.raises(DocumentError, match=said):
        await engine.resolve(document(connection=connection))


async def test_buckets_are_addressed_as_aws_does(engine: Engine, document: Make) -> None:
    from dragoman_aws.sagemaker.s3 import Location, Objects

    urls = Objects(None, None, "eu-central-1", None)  # type: ignore[arg-type]  (neither is asked)
    assert (
        urls.url(Location.of("s3://answers/a b/1.out")) == "https://answers.s3.eu-central-1.amazonaws.com/a%20b/1.out"
    )
    assert urls.url(Location.of("s3://my.answers/1")) == "https://s3.eu-central-1.amazonaws.com/my.answers/1"


async def test_what_the_endpoint_answers_is_read_with_the_mapping(
    engine: Engine, adapter: Make, bucket: Bucket
) -> None:
    bucket.holds["/answers/out/1.out"] = [Reply((json.dumps({"else": 1}).encode(),), 200)]
    with pytest.raises(ProtocolError, match="generated_text") as failed:
        await engine.chat(adapter(), "hi")
    assert failed.value.request_id == "r-1"
