"""``runtime: langchain`` beside ``runtime: native``: the same adapter, the same bytes, the same answer."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
from dragoman.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidRequestError,
    ModelNotFoundError,
    ProviderError,
    RateLimitedError,
    ServerError,
    UnsupportedError,
)

pytest.importorskip("langchain_openai", reason="dragoman-openai[langchain] is not installed")

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
PIXEL = "iVBORw0KGgo="

CONVERSATIONS = {
    "plain": [{"role": "user", "content": "hi"}],
    "roles": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi", "name": "ann"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "why"},
    ],
    "media": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                {"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
                {
                    "type": "file",
                    "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PIXEL}"},
                },
                {"type": "file", "file": {"file_id": "f-1"}},
            ],
        }
    ],
    "tool results": [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ],
    "broken call": [
        {"role": "user", "content": "weather?"},
        {
            "role": "assistant",
            "content": "well",
            "tool_calls": [{**CALL, "function": {"name": "weather", "arguments": '{"ci'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "that was no JSON"},
    ],
}


DEVELOPER = [{"role": "developer", "content": "be kind"}, {"role": "user", "content": "hi"}]


@pytest.fixture(params=["openai", "openai-compatible"])
def document(request, adapter):
    named = {"credentials": {"api_key": "SERVER_KEY"}} if request.param == "openai-compatible" else {}
    return {**adapter, "provider": request.param, **named}


async def answer(engine, document, streamed, messages="hi", **rest):
    if not streamed:
        return await engine.chat(document, messages, **rest)
    async with engine.stream(document, messages, **rest) as stream:
        async for _ in stream:
            pass
        return stream.response


def driven(document):
    return {**document, "runtime": "langchain"}


def sent(request):
    """Return a body with what the SDK writes though it is the default taken away."""
    body = dict(request.json)
    if body.get("stream") is False:
        del body["stream"]
    return body


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", CONVERSATIONS)
async def test_the_same_request_is_sent(engine, document, upstream, answers, chunk, name, streamed):
    if streamed:
        upstream.script = [answers.sse([chunk({"content": "ok"}), chunk({}, "stop"), "[DONE]"])]
    for choice in (None, "required", "weather"):
        rest = {"tools": [TOOL], "tool_choice": choice, "temperature": 0.5, "max_tokens": 9, "stop_sequences": ["X"]}
        await answer(engine, document, streamed, CONVERSATIONS[name], **rest)
        await answer(engine, driven(document), streamed, CONVERSATIONS[name], **rest)
        native, theirs = upstream.requests[-2:]
        assert sent(theirs) == sent(native)
        assert theirs.headers.get("authorization") == native.headers.get("authorization")


@pytest.mark.parametrize("provider", ["openai", "openai-compatible"])
async def test_a_developers_message_stays_one(engine, adapter, upstream, provider):
    # The class knows nothing of servers that know no such role: there a system message has to be written.
    await engine.chat(driven({**adapter, "provider": provider}), DEVELOPER)
    assert upstream.last.json["messages"] == [*DEVELOPER]


CALLS = [CALL, {**CALL, "id": "c2"}]
MESSAGES = {
    "text": {"content": "hello"},
    "calls": {"content": None, "tool_calls": CALLS},
    "text and calls": {"content": "wait", "tool_calls": CALLS},
    "broken call": {"content": None, "tool_calls": [{**CALL, "function": {"name": "weather", "arguments": '{"ci'}}]},
    "refusal": {"content": None, "refusal": "no"},
    "nothing": {"content": ""},
}
USAGE = {
    "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 3},
}  # fmt: skip


def alike(response):
    usage = response.usage
    return {
        "parts": response.message.parts,
        "finish": (response.finish_reason, response.provider_finish_reason),
        "usage": (*usage[:3], usage.cached_input_tokens, usage.reasoning_tokens, usage.source),
        "whose": (response.model, response.response_id, response.provider, response.adapter),
    }


@pytest.mark.parametrize("finish", ["stop", "length", "tool_calls", "content_filter", "a_new_word"])
@pytest.mark.parametrize("name", MESSAGES)
async def test_the_same_answer_is_read(engine, document, upstream, answers, chat_answer, name, finish):
    value = chat_answer(**MESSAGES[name])
    value["choices"][0]["finish_reason"] = finish
    upstream.script = [answers.of({**value, "usage": USAGE})]
    native = await answer(engine, document, streamed=False)
    theirs = await answer(engine, driven(document), streamed=False)
    assert alike(theirs) == alike(native)


@pytest.mark.parametrize(
    "deltas",
    [
        [{"role": "assistant", "content": ""}, {"content": "hel"}, {"content": "lo"}],
        [
            {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "weather", "arguments": ""}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]},
            {"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "weather", "arguments": "{}"}}]},
        ],
        [{"content": "wait"}, {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}]}],
    ],
)
@pytest.mark.parametrize("finish", ["stop", "length", "tool_calls"])
async def test_the_same_stream_is_read(engine, document, upstream, answers, chunk, deltas, finish):
    chunks = [*map(chunk, deltas), chunk({}, finish), {**chunk(), "choices": [], "usage": USAGE}]
    upstream.script = [answers.sse([*chunks, "[DONE]"])]
    native = await answer(engine, document, streamed=True)
    theirs = await answer(engine, driven(document), streamed=True)
    # The class tells of the answer's id and model at its end, when a stream has long begun.
    assert {**alike(theirs), "whose": None} == {**alike(native), "whose": None}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "bad", InvalidRequestError),
        (401, "invalid_api_key", AuthenticationError),
        (404, "model_not_found", ModelNotFoundError),
        (429, "rate_limit_exceeded", RateLimitedError),
        (503, "overloaded", ServerError),
    ],
)
async def test_the_same_error_is_raised(engine, document, upstream, answers, canary, status, code, kind, streamed):
    error = {"error": {"message": f"so it is, {canary}", "type": "t", "code": code}}
    upstream.script = [answers.of(error, status, **{"x-request-id": "r-1", "retry-after": "7"})]
    found = []
    for each in (document, driven(document)):
        with pytest.raises(ProviderError) as caught:
            await answer(engine, each, streamed)
        found.append(caught.value)
    native, theirs = found
    assert type(theirs) is type(native) is kind
    for member in ("message", "status", "provider_code", "request_id", "retry_after_s", "retryable", "provider"):
        assert getattr(theirs, member) == getattr(native, member), member
    assert canary not in repr(theirs.as_dict())
    assert len(upstream.requests) == 2


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_server_that_is_not_there_is_a_connection_error(engine, document, unused_tcp_port, streamed):
    away = {**document, "connection": {"base_url": f"http://127.0.0.1:{unused_tcp_port}/v1"}}
    for each in (away, driven(away)):
        with pytest.raises(ConnectionFailedError):
            await answer(engine, each, streamed)


async def test_an_answer_of_a_json_schema_is_asked_for_alike(engine, document, upstream, answers, chat_answer, chunk):
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    shape = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    whole = answers.of(chat_answer(content='{"a": null}'))
    pieces = answers.sse(
        [chunk({"role": "assistant", "content": '{"a": '}), chunk({"content": "null}"}), chunk({}, "stop"), "[DONE]"]
    )
    for streamed, reply in ((False, whole), (True, pieces)):
        upstream.script = [reply]
        native = await answer(engine, document, streamed, response_format=shape)
        theirs = await answer(engine, driven(document), streamed, response_format=shape)
        assert theirs.text == native.text == '{"a": null}'
        assert upstream.requests[-1].json["response_format"] == upstream.requests[-2].json["response_format"]


async def test_what_the_protocol_cannot_say_is_refused_alike(engine, document, upstream):
    for each in (document, driven(document)):
        with pytest.raises(UnsupportedError, match=r"inference\.reasoning\.budget_tokens"):
            await engine.chat(each, "hi", reasoning={"budget_tokens": 5})
    assert not upstream.requests


def open_sockets():
    sockets = 0
    for descriptor in os.listdir("/proc/self/fd"):  # noqa: PTH208  (names are wanted)
        try:
            sockets += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")  # noqa: PTH115
        except OSError:
            continue
    return sockets


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open sockets are counted on Linux")  # noqa: PTH112
async def test_closing_the_engine_closes_the_classs_connections(engine, document):
    served = asyncio.Event()

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(line.split(": ")[1] for line in head.lower().split("\r\n") if line.startswith("content-length"))
        await reader.readexactly(int(length))
        body = json.dumps(
            {"id": "1", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}]}
        ).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await reader.read()  # the connection is kept until the client closes it
        served.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        before = open_sockets()
        port = server.sockets[0].getsockname()[1]
        base_url = f"http://127.0.0.1:{port}/v1"
        response = await engine.chat(driven({**document, "connection": {"base_url": base_url}}), "hi")
        assert response.text == "hello"
        assert open_sockets() > before
        await engine.aclose()
        await served.wait()
        await asyncio.sleep(0)
        assert open_sockets() == before
