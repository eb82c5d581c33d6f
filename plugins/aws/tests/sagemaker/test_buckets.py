"""Asynchronous calls against an S3 that is not ours: an emulator that checks signatures and policies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import PermissionDeniedError
from dragoman.testing.upstream import Received, Reply

from ..cloud import Cloud, User, allow  # noqa: TID252  (the tests are no package to install)
from ..edge import Admitted  # noqa: TID252
from .conftest import SageMaker

ACCOUNT = "777777777777"
BUCKET = "dragoman-async-calls"
OUTPUT = "out/a key with blanks+and=signs.json"


@pytest.fixture(scope="module")
def buckets(cloud: Cloud) -> Any:
    """The client of the account's root, with a bucket made."""
    s3 = cloud.as_root(ACCOUNT, "s3")
    s3.create_bucket(Bucket=BUCKET)
    return s3


@pytest.fixture(scope="module")
def reader(cloud: Cloud) -> User:
    objects = f"arn:aws:s3:::{BUCKET}/*"
    may = [allow(["s3:PutObject", "s3:GetObject"], objects), allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}")]
    return cloud.user(ACCOUNT, "reader", *may)


@pytest.fixture(scope="module")
def stranger(cloud: Cloud) -> User:
    return cloud.user(ACCOUNT, "stranger", allow("s3:ListAllMyBuckets"))


@pytest.fixture
def adapter(document: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, sagemaker: SageMaker) -> Any:
    """Return a way to an asynchronous adapter of a user."""

    def make(user: User) -> dict[str, Any]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_access_key)
        sagemaker.edge.admit(Admitted(user.access_key_id, user.secret_access_key, who=user.arn))
        places = {"endpoint_url": cloud.url, "input": f"s3://{BUCKET}/requests", "first_poll_s": 0.01}
        return document("tgi", connection={"invocation": "async", "s3": places})

    return make


async def test_request_and_answer_go_through_the_bucket(
    engine: Engine, adapter: Any, sagemaker: SageMaker, buckets: Any, reader: User
) -> None:
    asked: list[Any] = []

    def take(received: Received) -> Reply:
        place = received.headers["x-amzn-sagemaker-inputlocation"].removeprefix("s3://")
        bucket, _, key = place.partition("/")
        asked.append(json.loads(buckets.get_object(Bucket=bucket, Key=key)["Body"].read()))
        buckets.put_object(Bucket=BUCKET, Key=OUTPUT, Body=json.dumps([{"generated_text": "Hello"}]).encode())
        headers = {
            "x-amzn-sagemaker-outputlocation": f"s3://{BUCKET}/{OUTPUT}",
            "x-amzn-sagemaker-failurelocation": f"s3://{BUCKET}/failed/1.json",
        }
        return Reply((b"{}",), 202, headers)

    sagemaker.says(take, "async-invocations")
    response = await engine.chat(adapter(reader), "hi", max_tokens=5)
    assert response.text == "Hello"
    assert asked[0]["parameters"]["max_new_tokens"] == 5


async def test_whoever_may_not_write_is_told_what_to_allow(
    engine: Engine, adapter: Any, sagemaker: SageMaker, buckets: Any, stranger: User
) -> None:
    with pytest.raises(PermissionDeniedError, match="s3:PutObject") as refused:
        await engine.chat(adapter(stranger), "hi")
    assert refused.value.provider_code == "AccessDenied"
    assert not sagemaker.edge.received
