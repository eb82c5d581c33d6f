"""Whole calls through an engine to an edge of AWS that verifies every signature."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from botocore.exceptions import ClientError
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConnectionFailedError,
    DragomanError,
    ProtocolError,
    RateLimitedError,
    ServerError,
)
from dragoman.events import Finished, TextDelta
from dragoman.testing.upstream import HOLD, RESET, Reply

from ..edge import Admitted, error, event, event_stream, exception  # noqa: TID252  (the tests are no package)

ARN = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/cew2pa5r8hog"
USAGE = {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}},
    "stopReason": "end_turn",
    "usage": USAGE,
    "metrics": {"latencyMs": 1},
}


def delta(text):
    return event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}, "p": "abcdefgh"})


PIECES = [
    event("messageStart", {"role": "assistant"}),
    *(delta(text) for text in ("h", "e", "l", "l", "o")),
    event("contentBlockStop", {"contentBlockIndex": 0}),
    event("messageStop", {"stopReason": "end_turn"}),
    event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
]


@pytest.fixture
def bedrock(edge, keys):
    edge.admit(Admitted("AKIDEXAMPLE", keys, who="the adapter's user"))
    edge.route("POST", r"/model/[^/]+/converse", Reply.json(ANSWER, x_amzn_requestid="r-1"))
    edge.route("POST", r"/model/[^/]+/converse-stream", event_stream(PIECES))
    return edge


async def read_texts(stream, texts):
    async for piece in stream:
        texts += [piece.text] if isinstance(piece, TextDelta) else []


def answer_stream(bedrock, reply):
    bedrock.route("POST", r"/model/[^/]+/converse-stream", reply)


@pytest.mark.parametrize(
    "model",
    [
        ARN,
        "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "arn:aws:bedrock:us-east-1:111122223333:default-prompt-router/anthropic.claude:1",
        "arn:aws:bedrock:us-east-1:111122223333:custom-model/base.model:0/abc_d~e",
        "arn:aws:sagemaker:us-east-1:111122223333:endpoint/my endpoint+é",
    ],
)
async def test_any_invokable_is_signed_as_aws_verifies_it(engine, bedrock, document, model):
    response = await engine.chat(document(bedrock.url, model=model), "hi")
    assert (response.text, response.request_id) == ("hello", "r-1")
    assert not bedrock.refusals
    assert [(c.how, c.service, c.region) for c in bedrock.callers] == [("sigv4", "bedrock", "us-east-1")]


@pytest.mark.parametrize("model", [ARN, "us.anthropic.claude-3-5-sonnet-20241022-v2:0"])
async def test_the_path_is_that_of_boto3(engine, bedrock, document, model):
    boto3 = pytest.importorskip("boto3")
    session = boto3.Session("AKIDEXAMPLE", "no such key", region_name="us-east-1")
    client = session.client("bedrock-runtime", endpoint_url=bedrock.url)
    with pytest.raises(ClientError):
        await engine.run_blocking(
            client.converse, modelId=model, messages=[{"role": "user", "content": [{"text": "hi"}]}]
        )
    await engine.chat(document(bedrock.url, model=model), "hi")
    theirs, ours = bedrock.received
    assert ours.target == theirs.target
    assert ours.json() == theirs.json()


async def test_an_api_key_is_a_bearer(engine, bedrock, document, monkeypatch):
    monkeypatch.setenv("MY_KEY", "bedrock-key-1234567890")
    bedrock.admit_bearer("bedrock-key-1234567890", who="the API key")
    auth = {"auth": {"kind": "bedrock_api_key"}}
    adapter = document(bedrock.url, connection=auth, credentials={"api_key": "MY_KEY"})
    assert (await engine.chat(adapter, "hi")).text == "hello"
    assert [(c.who, c.how) for c in bedrock.callers] == [("the API key", "bearer")]


async def test_a_bearer_in_the_environment_takes_nobodys_place(engine, bedrock, document, monkeypatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "evil")
    await engine.chat(document(bedrock.url), "hi")
    assert [c.who for c in bedrock.callers] == ["the adapter's user"]


async def test_refused_credentials_name_the_identity(engine, bedrock, document, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret-key")
    with pytest.raises(AuthenticationError, match="AWS_ACCESS_KEY_ID") as caught:
        await engine.chat(document(bedrock.url), "hi")
    assert caught.value.provider_code == "InvalidSignatureException"


# --- streams -----------------------------------------------------------------------------------------------------


async def test_pieces_arrive_as_they_are_written(engine, bedrock, document):
    """The server holds the stream open: what was written before must have come through."""
    answer_stream(bedrock, event_stream(PIECES).cut(4, HOLD))
    texts = []
    stream = engine.stream(document(bedrock.url), "hi")
    async for piece in stream:
        if isinstance(piece, TextDelta):
            texts.append(piece.text)
        if len(texts) == 3:
            break
    await stream.aclose()
    assert texts == ["h", "e", "l"]


@pytest.mark.parametrize("sizes", [[1] * 700, [7] * 300, [11, 1, 300], [16]])
async def test_cuts_of_the_network_change_nothing(engine, bedrock, document, sizes):
    answer_stream(bedrock, event_stream(PIECES).regrouped(sizes))
    stream = engine.stream(document(bedrock.url, model=ARN), "hi")
    events = [piece async for piece in stream]
    assert stream.response.text == "hello"
    assert stream.response.usage.total_tokens == 7
    assert sum(isinstance(e, Finished) for e in events) == 1


@pytest.mark.parametrize("pieces", range(8))
async def test_a_stream_without_its_end_is_no_answer(engine, bedrock, document, pieces):
    answer_stream(bedrock, event_stream(PIECES).cut(pieces))
    with pytest.raises(ProtocolError):
        async for _ in engine.stream(document(bedrock.url), "hi"):
            pass


async def test_a_broken_connection_is_an_error(engine, bedrock, document):
    answer_stream(bedrock, event_stream(PIECES).cut(3, RESET))
    texts = []
    with pytest.raises(ConnectionFailedError):
        await read_texts(engine.stream(document(bedrock.url), "hi"), texts)
    assert "".join(texts) == "he"[: len(texts)]


@pytest.mark.parametrize(
    ("code", "kind"), [("throttlingException", RateLimitedError), ("internalServerException", ServerError)]
)
async def test_an_exception_in_the_middle_follows_the_text_before_it(engine, bedrock, document, code, kind):
    answer_stream(bedrock, event_stream([*PIECES[:4], exception(code, {"message": "too much"})]))
    texts = []
    with pytest.raises(kind, match="too much"):
        await read_texts(engine.stream(document(bedrock.url), "hi"), texts)
    assert texts == ["h", "e", "l"]


async def test_a_silent_stream_times_out(engine, bedrock, document):
    answer_stream(bedrock, event_stream(PIECES).cut(3, HOLD))
    limits = {"max_attempts": 1, "chunk_timeout_s": 0.2}
    with pytest.raises(CallTimeoutError) as caught:
        async for _ in engine.stream(document(bedrock.url, limits=limits), "hi"):
            pass
    assert caught.value.phase == "between_chunks"


async def test_many_streams_at_a_time(engine, bedrock, document):
    adapter = document(bedrock.url, limits={"max_attempts": 1, "timeout_s": 60})

    async def one() -> str:
        stream = engine.stream(adapter, "hi")
        assert [piece async for piece in stream]
        return stream.response.text

    assert await asyncio.gather(*(one() for _ in range(50))) == ["hello"] * 50


# --- refusals and second attempts --------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_throttled_call_is_made_again(engine, bedrock, document, streamed):
    count = threading.Lock()
    seen = []

    def answer(request, caller):
        with count:
            seen.append(request)
            first = len(seen) == 1
        if first:
            return error("ThrottlingException", "slow down", 429, **{"retry-after": "0"})
        return event_stream(PIECES) if streamed else Reply.json(ANSWER)

    bedrock.route("POST", r"/model/.*", answer)
    adapter = document(bedrock.url, limits={"max_attempts": 2, "timeout_s": 20})
    if streamed:
        stream = engine.stream(adapter, "hi")
        assert [piece async for piece in stream]
        text = stream.response.text
    else:
        text = (await engine.chat(adapter, "hi")).text
    assert (text, len(seen)) == ("hello", 2)


async def test_an_error_before_a_stream_is_typed(engine, bedrock, document):
    answer_stream(bedrock, error("ModelNotReadyException", "warming up", 429))
    with pytest.raises(RateLimitedError, match="warming up"):
        async for _ in engine.stream(document(bedrock.url), "hi"):
            pass


async def test_the_secret_is_nowhere(engine, bedrock, document, keys, caplog):
    caplog.set_level(logging.DEBUG)
    adapter = document(bedrock.url)
    await engine.chat(adapter, "hi")
    bedrock.route("POST", r"/model/.*", error("ValidationException", f"you sent {keys}", 400))
    with pytest.raises(Exception, match="ValidationException") as caught:
        await engine.chat(adapter, "hi")
    shown = [repr(bedrock.received), repr(await engine.dry_run(adapter, "hi")), str(caught.value), caplog.text]
    assert not [text for text in shown if keys in text]


# --- settings that exclude each other ----------------------------------------------------------------------------

BOTH = {"temperature": 0.5, "top_p": 0.9}
EXCLUSIVE = ["inference.temperature", "inference.top_p"]


async def test_a_rule_keeps_one_of_two_and_says_so(engine, bedrock, document):
    rules = [{"exclusive": EXCLUSIVE, "keep": "inference.temperature"}]
    response = await engine.chat(document(bedrock.url, inference=BOTH, rules=rules), "hi")
    assert bedrock.received[-1].json()["inferenceConfig"] == {"temperature": 0.5}
    assert any(report.path == "inference.top_p" for report in response.reports)


async def test_a_rule_without_a_choice_refuses_both(engine, bedrock, document):
    with pytest.raises(DragomanError, match="top_p"):
        await engine.chat(document(bedrock.url, inference=BOTH, rules=[{"exclusive": EXCLUSIVE}]), "hi")
    assert not bedrock.received
