"""Through the engine, over the wire."""

from __future__ import annotations

import asyncio
import json
import pickle
import traceback

import pytest
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConflictError,
    DragomanError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    ServerError,
)
from dragoman.events import Finished, TextDelta


async def test_a_call(engine, adapter, upstream, canary):
    response = await engine.chat(adapter, "hi", temperature=0)
    assert (response.text, response.finish_reason, response.usage.total_tokens) == ("hello", "stop", 8)
    assert (upstream.last.path, upstream.last.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {canary}")
    assert upstream.last.json == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0}


async def test_a_stream(engine, adapter, upstream, answers, chunk):
    upstream.script = [
        answers.sse(
            [chunk({"content": "he"}), chunk({"content": "llo"}), chunk({}, "stop"), "[DONE]"], **{"x-request-id": "r"}
        )
    ]
    stream = engine.stream(adapter, "hi")
    events = await _drain(stream)
    assert [e.text for e in events if isinstance(e, TextDelta)] == ["he", "llo"]
    assert (stream.response.text, stream.response.request_id) == ("hello", "r")
    assert upstream.last.json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("connection", "path", "query", "header"),
    [
        ({}, "/openai/v1/chat/completions", {}, "api-key"),
        (
            {"api_version": "2024-10-21"},
            "/openai/deployments/dep%201/chat/completions",
            {"api-version": "2024-10-21"},
            "api-key",
        ),
    ],
)
async def test_azure(engine, adapter, upstream, canary, connection, path, query, header):
    document = {
        **adapter,
        "provider": "azure-openai",
        "model": "dep 1",
        "connection": {"endpoint": upstream.origin + "/", **connection},
    }
    assert (await engine.chat(document, "hi")).text == "hello"
    assert (upstream.last.path, upstream.last.query) == (path, query)
    assert upstream.last.headers[header] == canary
    assert "authorization" not in upstream.last.headers


async def test_a_compatible_server_without_a_key_gets_none(engine, adapter, upstream):
    document = {
        **adapter,
        "provider": "openai-compatible",
        "connection": {"server": "ollama", "base_url": upstream.origin},
    }
    assert (await engine.chat(document, "hi")).text == "hello"
    assert "authorization" not in upstream.last.headers


async def test_a_compatible_server_with_a_key_gets_it(engine, adapter, upstream, canary):
    document = {
        **adapter,
        "provider": "openai-compatible",
        "connection": {"base_url": upstream.origin},
        "credentials": {"api_key": "SERVER_KEY"},
    }
    await engine.chat(document, "hi")
    assert upstream.last.headers["authorization"] == f"Bearer {canary}"


STATUSES = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: ModelNotFoundError,
    408: CallTimeoutError,
    409: ConflictError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitedError,
    500: ServerError,
    502: ServerError,
    503: ServerError,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("retry_after", [None, "7"])
@pytest.mark.parametrize("shape", ["json", "html", "broken"])
@pytest.mark.parametrize("status", STATUSES)
async def test_every_status(engine, adapter, upstream, answers, status, shape, retry_after, stream):
    body = {
        "json": b'{"error": {"message": "words", "type": "t", "param": null, "code": null}}',
        "html": b"<html><body>503 from the proxy</body></html>",
        "broken": b'{"error": {"mess',
    }[shape]
    headers = {"content-type": "text/html" if shape == "html" else "application/json", "x-request-id": "r"}
    if retry_after:
        headers["retry-after"] = retry_after
    upstream.script = [answers(status, body, headers)]
    with pytest.raises(STATUSES[status]) as failed:
        await _ask(engine, adapter, stream)
    assert type(failed.value) is STATUSES[status]
    assert failed.value.retry_after_s == (7 if retry_after else None)
    assert (failed.value.status, failed.value.request_id) == (status, "r")
    assert (failed.value.provider, failed.value.model) == ("openai", "m")
    assert "<" not in str(failed.value)


async def test_a_rate_limit_that_passes(engine, adapter, upstream, answers, chat_answer):
    upstream.script = [answers.of({"error": {"message": "m"}}, 429, **{"retry-after": "0"}), answers.of(chat_answer())]
    document = {**adapter, "limits": {"max_attempts": 2}}
    assert (await engine.chat(document, "hi")).text == "hello"
    assert len(upstream.requests) == 2


async def test_a_spent_quota_is_not_tried_again(engine, adapter, upstream, answers):
    upstream.script = [answers.of({"error": {"message": "m", "code": "insufficient_quota"}}, 429)]
    with pytest.raises(RateLimitedError):
        await engine.chat({**adapter, "limits": {"max_attempts": 3}}, "hi")
    assert len(upstream.requests) == 1


async def test_a_rotated_key_needs_no_restart(engine, adapter, upstream, answers, chat_answer, monkeypatch):
    upstream.script = [answers.of({"error": {"message": "m", "code": "invalid_api_key"}}, 401)]
    with pytest.raises(AuthenticationError):
        await engine.chat(adapter, "hi")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-rotated")
    upstream.script = [answers.of(chat_answer())]
    assert (await engine.chat(adapter, "hi")).text == "hello"
    assert upstream.last.headers["authorization"] == "Bearer sk-rotated"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        {"body": b"<html>ok</html>", "headers": {"content-type": "text/html"}},
        {"body": b""},
        {"body": b'{"choices": [{"message": {"content": "cut', "headers": {"content-type": "text/event-stream"}},
        {"body": b'data: {"choices": [{"del\n\n', "headers": {"content-type": "text/event-stream"}},
        {"body": b'data: {"choices": 7}\n\n', "headers": {"content-type": "text/event-stream"}},
        {"body": b'data: {"choices": [{"delta": {"tool_calls": 7}}]}\n\n'},
    ],
)
async def test_an_answer_in_no_form_is_a_protocol_error(engine, adapter, upstream, answers, answer, stream):
    upstream.script = [answers(200, **answer)]
    with pytest.raises(ProtocolError):
        await _ask(engine, adapter, stream)


async def test_an_error_in_the_middle_of_a_stream_comes_after_what_was_said(engine, adapter, upstream, answers, chunk):
    upstream.script = [answers.sse([chunk({"content": "he"}), {"error": {"message": "m", "type": "server_error"}}])]
    stream = engine.stream({**adapter, "limits": {"max_attempts": 3}}, "hi")
    with pytest.raises(ServerError):
        await _drain(stream)
    assert stream.response.text == "he"
    assert len(upstream.requests) == 1


async def test_an_error_before_the_first_word_is_tried_again(engine, adapter, upstream, answers, chunk):
    failing = answers.sse([{"error": {"message": "m", "type": "server_error"}}], **{"retry-after": "0"})
    upstream.script = [failing, answers.sse([chunk({"content": "a"}, "stop"), "[DONE]"])]
    stream = engine.stream({**adapter, "limits": {"max_attempts": 2}}, "hi")
    assert [e async for e in stream if isinstance(e, Finished)]
    assert len(upstream.requests) == 2


async def test_a_cut_at_every_byte_gives_the_same_answer(engine, adapter, upstream, answers, chunk):
    whole = answers.sse([chunk({"content": "hé😄"}), chunk({"content": "!"}), chunk({}, "stop"), "[DONE]"])
    for cut in range(1, len(whole.body)):
        pieces = [whole.body[:cut], whole.body[cut:]]
        upstream.script = [answers(200, headers=whole.headers, pieces=pieces)]
        stream = engine.stream(adapter, "hi")
        await _drain(stream)
        assert (stream.response.text, stream.response.finish_reason) == ("hé😄!", "stop")


async def test_a_stream_that_breaks_off_is_never_an_answer(engine, adapter, upstream, answers, chunk):
    whole = answers.sse([chunk({"content": "hello"}), chunk({"content": "!"}), chunk({}, "stop"), "[DONE]"])
    finish = whole.body.index(b'"stop"')
    for cut in range(0, finish, 7):
        upstream.script = [answers(200, whole.body[:cut], whole.headers)]
        with pytest.raises(ProtocolError):
            await _ask(engine, adapter, stream=True)


async def test_two_loops_after_one_another(adapter, upstream, canary):
    from dragoman import Engine, Settings

    engine = Engine(Settings(plugins={"allow": ["openai"]}))

    async def call():
        async with engine:
            return (await engine.chat(adapter, "hi")).text

    assert [await asyncio.to_thread(asyncio.run, call()) for _ in range(2)] == ["hello", "hello"]


async def _ask(engine, adapter, stream):
    if not stream:
        return await engine.chat(adapter, "hi")
    return await _drain(engine.stream(adapter, "hi"))


async def _drain(stream):
    return [event async for event in stream]


class TestTheKey:
    async def test_is_in_no_dry_run(self, engine, adapter, canary):
        for stream in (False, True):
            shown = await engine.dry_run(adapter, "hi", stream=stream)
            assert shown.headers["Authorization"] == "Bearer ***"
            assert canary not in repr(shown)

    @pytest.mark.parametrize("stream", [False, True])
    async def test_is_in_no_error_even_where_the_provider_echoes_it(
        self, engine, adapter, upstream, answers, canary, stream
    ):
        echo = {"error": {"message": f"Incorrect API key provided: {canary}.", "code": "invalid_api_key"}}
        upstream.script = [answers.of(echo, 401)]
        with pytest.raises(DragomanError) as failed:
            await _ask(engine, adapter, stream)
        error = failed.value
        shown = [str(error), repr(error), json.dumps(error.as_dict()), repr(pickle.loads(pickle.dumps(error)))]  # noqa: S301
        shown += traceback.format_exception(error)
        assert not [text for text in shown if canary in text]

    async def test_is_in_no_log(self, engine, adapter, upstream, answers, canary, caplog):
        caplog.set_level(0)
        upstream.script = [answers.of({"error": {"message": canary}}, 500, **{"retry-after": "0"})]
        with pytest.raises(ServerError):
            await engine.chat({**adapter, "limits": {"max_attempts": 2}}, "hi")
        assert canary not in caplog.text

    async def test_is_in_no_response(self, engine, adapter, canary):
        assert canary not in repr(await engine.chat(adapter, "hi"))
