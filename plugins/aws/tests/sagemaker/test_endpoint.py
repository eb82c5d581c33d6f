"""Calls of endpoints as a caller sees them, against an edge that verifies every signature."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from dragoman import Engine
from dragoman.errors import (
    CallTimeoutError,
    DocumentError,
    InvalidRequestError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    ServerError,
    UnsupportedError,
)
from dragoman.testing.upstream import HOLD, RESET, Reply

from ..edge import error, event_stream, exception  # noqa: TID252  (the tests are no package to install)
from .conftest import ACCOUNT, SageMaker, cut, part

Make = Callable[..., dict[str, Any]]

HELLO = "Grüße, 世界 🌍"


def tgi_stream(*pieces: str) -> bytes:
    frames = [{"token": {"id": 1, "text": p, "special": False}, "generated_text": None} for p in pieces]
    details = {"finish_reason": "eos_token", "generated_tokens": len(pieces)}
    frames.append(
        {"token": {"id": 2, "text": "</s>", "special": True}, "generated_text": "".join(pieces), "details": details}
    )
    return b"".join(b"data:" + json.dumps(f, ensure_ascii=False).encode() + b"\n\n" for f in frames)


def lmi_frames(*pieces: str, finish: str = "eos_token") -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = [{"token": {"id": 1, "text": p, "log_prob": -0.1}} for p in pieces]
    frames[-1]["generated_text"] = "".join(pieces)
    frames[-1]["details"] = {"finish_reason": finish, "generated_tokens": len(pieces)}
    return frames


def lmi_lines(*pieces: str) -> bytes:
    return b"".join(json.dumps(f, ensure_ascii=False).encode() + b"\n" for f in lmi_frames(*pieces))


def lmi_sse(*pieces: str) -> bytes:
    """Lines without blank lines between, and the last object over several lines, as AWS's containers write them."""
    *first, last = lmi_frames(*pieces)
    lines = [f"data: {json.dumps(f, ensure_ascii=False)}\n" for f in first]
    return "".join([*lines, f"data: {json.dumps(last, indent=2, ensure_ascii=False)}\n"]).encode()


def openai_stream(*pieces: str) -> bytes:
    chunks: list[Any] = [{"choices": [{"delta": {"content": p}}]} for p in pieces]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    lines = [f"data: {json.dumps(c, ensure_ascii=False)}\n\n" for c in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


def claude_stream(*pieces: str) -> bytes:
    events: list[Any] = [{"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 3}}}]
    events += [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": p}} for p in pieces]
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}})
    events.append({"type": "message_stop"})
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n" for e in events).encode()


def outputs(*pieces: str) -> bytes:
    return b"".join(json.dumps({"outputs": [p]}, ensure_ascii=False).encode() + b"\n" for p in pieces)


STREAMS: dict[str, Callable[..., bytes]] = {
    "tgi": tgi_stream,
    "lmi-json-lines": lmi_lines,
    "lmi-sse": lmi_sse,
    "lmi-dynamic-batch": outputs,
    "openai-chat": openai_stream,
    "claude-messages": claude_stream,
}

TEXT = [{"generated_text": HELLO}]
WHOLE: dict[str, Any] = {
    "tgi": TEXT,
    "lmi-json-lines": {"generated_text": HELLO, "details": {"finish_reason": "length"}},
    "lmi-sse": TEXT,
    "lmi-dynamic-batch": TEXT,
    "jumpstart-text-generation": TEXT,
    "jumpstart-llama-2-chat": [{"generation": {"role": "assistant", "content": HELLO}}],
    "falcon": TEXT,
    "mistral": TEXT,
    "text2text": {"generated_texts": [HELLO]},
    "openai-chat": {"choices": [{"message": {"content": HELLO}, "finish_reason": "stop"}]},
    "claude-messages": {"content": [{"type": "text", "text": HELLO}], "stop_reason": "end_turn"},
}


async def told(engine: Engine, document: dict[str, Any], **rest: Any) -> tuple[str, Any]:
    async with engine.stream(document, "hi", **rest) as stream:
        text = "".join([piece async for piece in stream.text()])
        return text, stream.response


# --- answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", WHOLE)
async def test_every_preset_is_answered_through_an_endpoint(
    engine: Engine, document: Make, sagemaker: SageMaker, preset: str
) -> None:
    sagemaker.says(Reply.json(WHOLE[preset], x_amzn_requestid="r-1"))
    response = await engine.chat(document(preset), "hi")
    assert (response.text, response.request_id) == (HELLO, "r-1")
    assert sagemaker.last.target == "/endpoints/my-endpoint/invocations"
    assert sagemaker.edge.callers[0].service == "sagemaker"


@pytest.mark.parametrize("preset", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 100_000])
async def test_every_stream_is_read_wherever_its_parts_are_cut(
    engine: Engine, document: Make, sagemaker: SageMaker, preset: str, size: int
) -> None:
    whole = STREAMS[preset](*HELLO)
    sagemaker.streams(cut(whole, size), x_amzn_requestid="r-2")
    text, response = await told(engine, document(preset))
    assert (text, response.text, response.request_id) == (HELLO, HELLO, "r-2")
    assert sagemaker.last.target == "/endpoints/my-endpoint/invocations-response-stream"


@pytest.mark.parametrize("preset", sorted(set(WHOLE) - set(STREAMS)))
async def test_a_container_that_does_not_stream_is_asked_for_the_whole(
    engine: Engine, document: Make, sagemaker: SageMaker, preset: str
) -> None:
    sagemaker.says(Reply.json(WHOLE[preset]))
    text, response = await told(engine, document(preset))
    assert text == HELLO
    assert [(r.code, r.path) for r in response.reports] == [("not_streamed", "mapping.stream")]
    assert sagemaker.last.target == "/endpoints/my-endpoint/invocations"


async def test_a_stream_is_asked_for_as_a_whole_where_the_adapter_declares_none(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    sagemaker.says(Reply.json(TEXT))
    text, response = await told(
        engine, document("tgi", capabilities={"streaming": False}, endpoint_kwargs={"TargetModel": "a.tar.gz"})
    )
    assert (text, response.text) == (HELLO, HELLO)
    assert [(r.code, r.path) for r in response.reports] == [("not_streamed", "capabilities.streaming")]
    assert sagemaker.last.json()["stream"] is False
    assert sagemaker.last.headers["x-amzn-sagemaker-target-model"] == "a.tar.gz"


async def test_the_first_piece_is_there_before_the_stream_has_ended(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    frames = tgi_stream("first", "second").splitlines(keepends=True)
    reply = event_stream([part(b"".join(frames[:2]))])
    sagemaker.says(Reply((*reply.body, HOLD), 200, reply.headers), "invocations-response-stream")
    async with engine.stream(document(), "hi") as stream:
        async for piece in stream.text():
            assert piece == "first"
            break
    assert await asyncio.to_thread(sagemaker.edge.upstream.wait_until_left)


async def test_what_the_headers_say_beside_the_answer_is_kept(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    said = {
        "x-amzn-invoked-production-variant": "blue",
        "x-amzn-sagemaker-custom-attributes": "trace=1",
        "x-amzn-sagemaker-new-session-id": "s1; Expires=2026-11-21T00:00:00Z",
    }
    sagemaker.says(Reply((json.dumps(TEXT).encode(),), 200, {"content-type": "application/json", **said}))
    whole = await engine.chat(document(), "hi")
    sagemaker.streams([tgi_stream("a")], **said)
    _, streamed = await told(engine, document())
    expected = {
        "InvokedProductionVariant": "blue",
        "CustomAttributes": "trace=1",
        "NewSessionId": "s1; Expires=2026-11-21T00:00:00Z",
    }
    assert whole.extra.items() >= expected.items()
    assert streamed.extra.items() >= expected.items()


# --- what goes beside the request --------------------------------------------------------------------------------

HEADERS = {
    "Accept": "accept",
    "CustomAttributes": "x-amzn-sagemaker-custom-attributes",
    "EnableExplanations": "x-amzn-sagemaker-enable-explanations",
    "InferenceComponentName": "x-amzn-sagemaker-inference-component",
    "InferenceId": "x-amzn-sagemaker-inference-id",
    "PrefixAwareId": "x-amzn-sagemaker-prefix-aware-id",
    "SessionId": "x-amzn-sagemaker-session-id",
    "TargetContainerHostname": "x-amzn-sagemaker-target-container-hostname",
    "TargetModel": "x-amzn-sagemaker-target-model",
    "TargetVariant": "x-amzn-sagemaker-target-variant",
}


@pytest.mark.parametrize("name", HEADERS)
async def test_every_argument_of_a_call_travels_signed_in_its_header(
    engine: Engine, document: Make, sagemaker: SageMaker, name: str
) -> None:
    sagemaker.says(Reply.json(TEXT))
    await engine.chat(document(endpoint_kwargs={name: "value-1"}), "hi")
    assert sagemaker.last.headers[HEADERS[name]] == "value-1"
    assert HEADERS[name] in sagemaker.last.headers["authorization"]


async def test_a_stream_says_in_sagemakers_own_header_what_it_accepts(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    sagemaker.streams([tgi_stream("a")])
    mapping = {"preset": "tgi", "accept": "text/event-stream"}
    await told(engine, document(mapping=mapping, endpoint_kwargs={"CustomAttributes": "accept_eula=true"}))
    assert sagemaker.last.headers["x-amzn-sagemaker-accept"] == "text/event-stream"
    assert sagemaker.last.headers["x-amzn-sagemaker-custom-attributes"] == "accept_eula=true"
    assert sagemaker.last.headers.get("accept") != "text/event-stream"


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"EndpointName": "another"}, "endpoint_kwargs.EndpointName: cannot be set here"),
        ({"ContentType": "text/plain"}, "mapping.content_type"),
        ({"Flavour": "x"}, "endpoint_kwargs.Flavour: is not known"),
        ({"headers": {"Host": "x"}}, "endpoint_kwargs.headers: is not known"),
        ({"CustomAttributes": "a" * 1025}, "up to 1024"),
        ({"CustomAttributes": "ü"}, "ASCII"),
        ({"CustomAttributes": "a\r\nHost: evil"}, "one line"),
        ({"InferenceId": "i" * 65}, "up to 64"),
        ({"TargetVariant": 3}, "endpoint_kwargs.TargetVariant"),
        ({"RequestTTLSeconds": 60}, "it is for InvokeEndpointAsync"),
    ],
)
async def test_arguments_that_aws_does_not_take_are_refused_and_nothing_is_sent(
    engine: Engine, document: Make, sagemaker: SageMaker, kwargs: dict[str, Any], said: str
) -> None:
    with pytest.raises(UnsupportedError) as refused:
        await engine.chat(document(endpoint_kwargs=kwargs), "hi")
    assert said in str(refused.value)
    assert not sagemaker.edge.received


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"TargetModel": "a.tar.gz"}, "set capabilities.streaming to false"),
        ({"EnableExplanations": "`true`"}, "InvokeEndpointWithResponseStream does not take it"),
        ({"SessionId": "NEW_SESSION"}, "a stream cannot open a session"),
    ],
)
async def test_arguments_that_a_stream_does_not_take_are_refused(
    engine: Engine, document: Make, sagemaker: SageMaker, kwargs: dict[str, Any], said: str
) -> None:
    with pytest.raises(UnsupportedError, match=said):
        await told(engine, document(endpoint_kwargs=kwargs))
    assert not sagemaker.edge.received


async def test_the_inference_component_of_the_connection_is_called(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    sagemaker.says(Reply.json(TEXT))
    adapter = document(connection={"inference_component": "ic-1"})
    await engine.chat(adapter, "hi")
    assert sagemaker.last.headers["x-amzn-sagemaker-inference-component"] == "ic-1"
    with pytest.raises(UnsupportedError, match="is said twice"):
        await engine.chat(adapter, "hi", override={"endpoint_kwargs": {"InferenceComponentName": "ic-2"}})


@pytest.mark.parametrize("model", ["a/b", "../secrets", "a" * 64, "-a", "a?x=1"])
async def test_a_model_that_is_no_endpoints_name_is_refused(engine: Engine, document: Make, model: str) -> None:
    with pytest.raises(DocumentError, match="model: is no endpoint's name"):
        await engine.chat(document(model=model), "hi")


async def test_a_document_without_a_mapping_is_refused_with_what_to_do(engine: Engine, document: Make) -> None:
    with pytest.raises(DocumentError, match="mapping: is missing"):
        await engine.chat({**document(), "mapping": None}, "hi")


async def test_a_dry_run_shows_address_headers_and_body_and_no_key(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    adapter = document(endpoint_kwargs={"CustomAttributes": "a=1"}, inference={"max_tokens": 9})
    shown = await engine.dry_run(adapter, "hi", stream=True)
    assert shown.url.endswith("/endpoints/my-endpoint/invocations-response-stream")
    assert shown.headers["X-Amzn-SageMaker-Custom-Attributes"] == "a=1"
    assert shown.body["parameters"]["max_new_tokens"] == 9
    assert "AKID" not in str(shown)
    assert not sagemaker.edge.received


async def test_the_address_is_the_regions_own(engine: Engine, document: Make) -> None:
    shown = await engine.dry_run(document(connection={"endpoint_url": None, "region": "eu-central-1"}), "hi")
    assert shown.url == "https://runtime.sagemaker.eu-central-1.amazonaws.com/endpoints/my-endpoint/invocations"


# --- errors ------------------------------------------------------------------------------------------------------


def model_error(status: int | None, message: str = "it broke", **rest: Any) -> Reply:
    log = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/my-endpoint:log-stream:AllTraffic/i-1"
    body = {
        "Message": f"Received server error. See https://us-east-1.console.aws.amazon.com/x in account {ACCOUNT}",
        "OriginalMessage": message,
        "LogStreamArn": log,
        **({} if status is None else {"OriginalStatusCode": status}),
        **rest,
    }
    return Reply.json(body, 424, x_amzn_errortype="ModelError", x_amzn_requestid="r-9")


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, InvalidRequestError, False),
        (422, InvalidRequestError, False),
        (408, CallTimeoutError, True),
        (429, RateLimitedError, True),
        (500, ServerError, True),
        (503, ServerError, True),
        (None, ServerError, True),
    ],
)
async def test_the_containers_own_status_decides_what_kind_of_error_it_is(
    engine: Engine, document: Make, sagemaker: SageMaker, status: int | None, kind: type[ProviderError], retryable: bool
) -> None:
    sagemaker.says(model_error(status, '{"error": "Input validation error: too long", "error_type": "validation"}'))
    with pytest.raises(ProviderError) as failed:
        await engine.chat(document(), "hi")
    error = failed.value
    assert (type(error), error.retryable, error.status) == (kind, retryable, 424)
    assert "Input validation error: too long" in error.message
    assert error.provider_code == "ModelError"
    assert error.request_id == "r-9"
    assert error.hint
    assert "/aws/sagemaker/Endpoints/my-endpoint, stream AllTraffic/i-1" in error.hint
    assert ACCOUNT not in str(error.as_dict())


async def test_a_refusal_by_the_container_is_no_refusal_of_the_credentials(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    sagemaker.says(model_error(401))
    with pytest.raises(ProviderError) as failed:
        await engine.chat(document(), "hi")
    assert not failed.value.stale_credentials
    assert len(sagemaker.edge.received) == 1


async def test_a_failing_container_is_asked_again_and_a_refusing_one_is_not(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    adapter = document(limits={"max_attempts": 2, "timeout_s": 20})
    sagemaker.says(model_error(503, retry_after="0"))
    with pytest.raises(ServerError):
        await engine.chat(adapter, "hi")
    assert len(sagemaker.edge.received) == 2
    sagemaker.says(model_error(400))
    with pytest.raises(InvalidRequestError):
        await engine.chat(adapter, "hi")
    assert len(sagemaker.edge.received) == 3


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "ValidationError", InvalidRequestError),
        (429, "ModelNotReadyException", RateLimitedError),
        (400, "ThrottlingException", RateLimitedError),
        (500, "InternalFailure", ServerError),
        (503, "ServiceUnavailable", ServerError),
        (530, "InternalDependencyException", ServerError),
        (413, None, InvalidRequestError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_sagemakers_own_errors_are_told_by_their_type(
    engine: Engine,
    document: Make,
    sagemaker: SageMaker,
    status: int,
    code: str,
    kind: type[ProviderError],
    stream: bool,
) -> None:
    text = f"Endpoint my-endpoint of account {ACCOUNT} says no"
    headers = {"x_amzn_errortype": code} if code else {}
    sagemaker.says(Reply.json({"Message": text}, status, **headers), "invocations(-response-stream)?")
    with pytest.raises(ProviderError) as failed:
        await (told(engine, document()) if stream else engine.chat(document(), "hi"))
    assert type(failed.value) is kind
    assert failed.value.provider_code == code
    assert "Endpoint my-endpoint of account … says no" in failed.value.message


async def test_a_missing_permission_is_named_with_the_identity_and_the_resource(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    resource = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/my-endpoint"
    user = f"User: arn:aws:iam::{ACCOUNT}:user/u"
    text = f"{user} is not authorized to perform: sagemaker:InvokeEndpoint on resource: {resource}"
    sagemaker.says(error("AccessDeniedException", text, 403))
    with pytest.raises(ProviderError) as failed:
        await engine.chat(document(), "hi")
    assert failed.value.code == "permission_denied"
    assert failed.value.hint
    assert "the keys of the secret AWS_ACCESS_KEY_ID" in failed.value.hint
    assert f"allow sagemaker:InvokeEndpoint on {resource}" in failed.value.hint


# --- streams that go wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("ModelStreamError", {"Message": "slow", "ErrorCode": "ModelInvocationTimeExceeded"}, CallTimeoutError),
        ("ModelStreamError", {"Message": "broke", "ErrorCode": "StreamBroken"}, ServerError),
        ("InternalStreamFailure", {"Message": "oops"}, ServerError),
        ("SomethingNewer", {"Message": "oops"}, ServerError),
    ],
)
async def test_an_exception_in_the_stream_comes_typed_after_what_was_said_before(
    engine: Engine, document: Make, sagemaker: SageMaker, name: str, body: dict[str, str], kind: type[ProviderError]
) -> None:
    sagemaker.streams([tgi_stream("Hel", "lo")[:100]], exception(name, body), x_amzn_requestid="r-3")
    stream = engine.stream(document(), "hi")
    with pytest.raises(ProviderError) as failed:
        _ = [piece async for piece in stream.text()]
    assert type(failed.value) is kind
    assert failed.value.request_id == "r-3"
    assert body["Message"] in failed.value.message
    assert stream.response.text == "Hel"


@pytest.mark.parametrize("preset", sorted(set(STREAMS) - {"lmi-dynamic-batch"}))
async def test_a_stream_that_is_cut_off_is_an_error_and_no_answer(
    engine: Engine, document: Make, sagemaker: SageMaker, preset: str
) -> None:
    whole = STREAMS[preset]("Hello", " there", ".")
    first_two = whole[: whole.index(b"there") + 20]
    sagemaker.streams([first_two])
    with pytest.raises(ProtocolError):
        await told(engine, document(preset))


async def test_a_connection_that_breaks_inside_a_message_is_an_error(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    message = part(tgi_stream("Hello"))
    reply = event_stream([message])
    sagemaker.says(Reply((message[:60], RESET), 200, reply.headers), "invocations-response-stream")
    with pytest.raises(ProviderError) as failed:
        await told(engine, document())
    assert failed.value.code in ("connection", "protocol")


async def test_a_failed_generation_that_comes_with_200_is_an_error(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    failed = {"generated_text": "", "details": {"finish_reason": "error", "generated_tokens": None}}
    sagemaker.says(Reply.json(failed, x_amzn_requestid="r-4"))
    with pytest.raises(ServerError) as whole:
        await engine.chat(document("lmi-json-lines"), "hi")
    assert whole.value.request_id == "r-4"
    lines = [*lmi_frames("Hel"), {"token": {"id": -1, "text": ""}, "details": {"finish_reason": "error"}}]
    del lines[0]["details"]
    sagemaker.streams([json.dumps(line).encode() + b"\n" for line in lines], x_amzn_requestid="r-5")
    with pytest.raises(ServerError) as streamed:
        await told(engine, document("lmi-json-lines"))
    assert streamed.value.request_id == "r-5"


async def test_a_missing_path_says_where_it_stopped(engine: Engine, document: Make, sagemaker: SageMaker) -> None:
    sagemaker.says(Reply.json([{"generation": {"content": "secret words"}}]))
    with pytest.raises(ProtocolError) as failed:
        await engine.chat(document("tgi"), "hi")
    assert "generated_text" in str(failed.value)
    assert "secret words" not in str(failed.value)


async def test_a_throttled_endpoint_is_asked_again(engine: Engine, document: Make, sagemaker: SageMaker) -> None:
    busy = Reply.json({"Message": "loading"}, 429, x_amzn_errortype="ModelNotReadyException", retry_after="0")
    replies = [busy, Reply.json(TEXT)]
    sagemaker.says(lambda _request: replies.pop(0))
    response = await engine.chat(document(limits={"max_attempts": 2, "timeout_s": 20}), "hi")
    assert response.text == HELLO


async def test_a_component_that_scales_from_zero_may_be_tried_again(
    engine: Engine, document: Make, sagemaker: SageMaker
) -> None:
    text = "Inference Component has no capacity to process this request. Please try again."
    sagemaker.says(Reply.json({"Message": text}, 400, x_amzn_errortype="ValidationError"))
    with pytest.raises(RateLimitedError, match="scales up from zero"):
        await engine.chat(document(), "hi")


async def test_a_container_that_falls_silent_is_given_up(engine: Engine, document: Make, sagemaker: SageMaker) -> None:
    frames = tgi_stream("first", "second").splitlines(keepends=True)
    reply = event_stream([part(b"".join(frames[:2]))])
    sagemaker.says(Reply((*reply.body, HOLD), 200, reply.headers), "invocations-response-stream")
    stream = engine.stream(document(limits={"chunk_timeout_s": 0.2, "max_attempts": 1}), "hi")
    with pytest.raises(CallTimeoutError) as failed:
        _ = [piece async for piece in stream.text()]
    assert failed.value.phase == "between_chunks"
    assert stream.response.text == "first"


async def test_a_throttled_stream_is_asked_for_again(engine: Engine, document: Make, sagemaker: SageMaker) -> None:
    busy = Reply.json({"Message": "slow down"}, 429, x_amzn_errortype="ThrottlingException", retry_after="0")
    replies = [busy, event_stream([part(tgi_stream("Hello"))])]
    sagemaker.says(lambda _request: replies.pop(0), "invocations-response-stream")
    text, _ = await told(engine, document(limits={"max_attempts": 2, "timeout_s": 20}))
    assert text == "Hello"
