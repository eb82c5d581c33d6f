"""The edge itself: boto3 is let in, and nobody else."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from dragoman.testing.upstream import Reply

from .edge import Admitted, Edge, event, event_stream, exception

ALICE = Admitted("AKIDALICE", "alice's secret", who="alice")
SESSION = Admitted("ASIASESSION", "session's secret", "session's token", who="a session")
ARN = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2"


@contextmanager
def client(edge: Edge, service: str = "bedrock-runtime", key: Admitted = ALICE, **changes: str):
    keys = {
        "aws_access_key_id": key.access_key_id,
        "aws_secret_access_key": key.secret_access_key,
        "aws_session_token": key.session_token,
    }
    config = Config(retries={"total_max_attempts": 1}, auth_scheme_preference="sigv4")
    with closing(
        boto3.session.Session().client(
            service, region_name="us-east-1", endpoint_url=edge.url, config=config, **{**keys, **changes}
        )
    ) as made:
        yield made


def converse(edge: Edge, **who):
    with client(edge, **who) as runtime:
        return runtime.converse(modelId=ARN, messages=[{"role": "user", "content": [{"text": "hi"}]}])


@pytest.fixture
def answering(edge: Edge) -> Edge:
    answer = {"output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}}, "stopReason": "end_turn"}
    edge.route("POST", "/model/[^/]+/converse", Reply.json(answer))
    edge.admit(ALICE)
    edge.admit(SESSION)
    return edge


@pytest.mark.parametrize("key", [ALICE, SESSION])
def test_a_right_signature_is_let_in(answering, key):
    assert converse(answering, key=key)["output"]["message"]["content"] == [{"text": "hello"}]
    assert answering.callers[0].who == key.who
    assert (answering.callers[0].service, answering.callers[0].region) == ("bedrock", "us-east-1")
    assert "arn%3Aaws%3Abedrock" in answering.received[0].target
    assert "application-inference-profile%2Fa1b2" in answering.received[0].target


@pytest.mark.parametrize(
    ("key", "changes", "code"),
    [
        (ALICE, {"aws_secret_access_key": "another"}, "InvalidSignatureException"),
        (ALICE, {"aws_access_key_id": "AKIDBOB"}, "UnrecognizedClientException"),
        (ALICE, {"aws_session_token": "none of hers"}, "UnrecognizedClientException"),
        (SESSION, {"aws_session_token": "stale"}, "UnrecognizedClientException"),
    ],
)
def test_a_wrong_one_is_not(answering, key, changes, code):
    with pytest.raises(ClientError, match=code):
        converse(answering, key=key, **changes)
    assert not answering.callers


def test_an_expired_session(answering):
    answering.expire(SESSION.access_key_id)
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        converse(answering, key=SESSION)


def test_s3s_signature(answering):
    answering.route("PUT", "/bucket/a%20b/c.json", Reply())
    with client(answering, "s3") as s3:
        s3.put_object(Bucket="bucket", Key="a b/c.json", Body=b"{}")
    assert answering.callers[0].service == "s3"


def test_an_event_stream_with_an_exception(answering):
    messages = [event("chunk", {"bytes": "e30="}), exception("throttlingException", {"message": "slow down"})]
    answering.route("POST", "/model/m/invoke-with-response-stream", event_stream(messages))
    with (
        client(answering) as runtime,
        closing(runtime.invoke_model_with_response_stream(modelId="m", body=b"{}")["body"]) as stream,
    ):
        assert next(iter(stream)) == {"chunk": {"bytes": b"{}"}}
        with pytest.raises(EventStreamError, match="slow down"):
            list(stream)


def test_a_body_that_was_changed_on_the_way_is_not_let_in(answering):
    converse(answering)
    sent = answering.received[0]
    changed = type(sent)(sent.method, sent.target, sent.headers, json.dumps({"messages": []}).encode())
    assert answering._answer(changed).status == 403
