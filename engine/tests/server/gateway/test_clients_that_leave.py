"""Clients that go away, are slow, or come in numbers; and a server that stops."""

import asyncio
import contextlib
import json
import socket
import threading
import time

import aiohttp
import httpx
import pytest

ASK = {"model": "model", "messages": [{"role": "user", "content": "one two !hang"}]}
PATIENCE_S = 20


def until(condition):
    """Wait for a condition of another thread."""
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_stops_the_provider_and_is_booked(serve, module_of_plugin, stream):
    gateway = serve()
    state = module_of_plugin().state
    with contextlib.suppress(httpx.ReadTimeout), gateway.client(gateway.key()) as client:
        client.post("/v1/chat/completions", json={**ASK, "stream": stream}, timeout=0.5)
    until(lambda: state["closed"] == 1)
    until(gateway.calls)
    (call,) = gateway.calls()
    assert (call["status"], call["error_code"], call["adapter"]) == (499, "client_gone", "model")
    assert (call["usage_source"], call["attempts"]) == ("estimated", 1)
    assert call["input_tokens"] > 0
    assert bool(call["output_tokens"]) is stream  # what came of a whole answer is not known
    with gateway.client(gateway.key("next")) as client:  # it is as well as before
        assert client.post(
            "/v1/chat/completions", json={**ASK, "messages": [{"role": "user", "content": "hi"}]}
        ).is_success


def test_a_client_that_goes_away_closes_the_upstreams_connection(serve, upstream):
    openai_plugin = pytest.importorskip("dragoman_openai")
    from importlib.metadata import EntryPoint

    from dragoman.testing.upstream import HOLD, Reply

    chunk = {"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"content": "hi"}}]}
    held = Reply.sse([chunk])
    upstream.answer(Reply((*held.body, HOLD), 200, held.headers))
    document = {"provider": "openai-compatible", "model": "m", "connection": {"base_url": f"{upstream.url}/v1"}}
    found = [EntryPoint("openai", openai_plugin.__name__, "dragoman.plugins")]
    gateway = serve(adapters={"far": json.dumps(document)}, found=found)
    ask = {"model": "far", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with gateway.client(gateway.key()) as client, client.stream("POST", "/v1/chat/completions", json=ask) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if '"hi"' in line:
                break
    assert upstream.wait_until_left()


async def test_many_requests_at_a_time_each_get_their_own_answer(serve):
    gateway = await asyncio.to_thread(serve)
    key = await asyncio.to_thread(gateway.key)
    headers = {"authorization": f"Bearer {key}"}

    async def ask(session, number):
        body = {
            "model": "model",
            "messages": [{"role": "user", "content": f"number-{number}"}],
            "stream": number % 2 == 0,
        }
        async with session.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers) as answer:
            return answer.status, f"number-{number} " in await answer.text()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as session:
        answers = await asyncio.gather(*(ask(session, number) for number in range(200)))
    assert set(answers) == {(200, True)}
    assert len(await asyncio.to_thread(gateway.calls)) == 200


# --- bounds ------------------------------------------------------------------------------------------------------


def test_a_body_beyond_its_bound_is_refused(serve):
    gateway = serve(server={"max_body_bytes": 2000})
    big = {**ASK, "messages": [{"role": "user", "content": "x" * 3000}]}
    with gateway.client(gateway.key()) as client:
        answer = client.post("/v1/chat/completions", json=big)
        chunked = client.post(
            "/v1/chat/completions", content=iter([b"x" * 1500] * 2), headers={"content-type": "application/json"}
        )
    for one in (answer, chunked):
        assert (one.status_code, one.json()["error"]["code"]) == (413, "request_too_large")


def test_bodies_are_bounded_all_together(serve, module_of_plugin):
    gateway = serve(server={"max_body_bytes": 60_000, "max_held_bytes": 100_000})
    key = gateway.key()
    state = module_of_plugin().state
    long = {"model": "model", "messages": [{"role": "user", "content": f"!hang {'x' * 55_000}"}]}
    first = threading.Thread(target=lambda: _ask_and_leave(gateway, key, long), daemon=True)
    first.start()
    until(lambda: state["waiting"] == 1)
    with gateway.client(key) as client:
        answer = client.post("/v1/chat/completions", json=long)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
        assert answer.headers["retry-after"] == "1"
        short = {**long, "messages": [{"role": "user", "content": "hello"}]}
        assert client.post("/v1/chat/completions", json=short).status_code == 200
        first.join()
        until(lambda: state["closed"] == 1)
        short["messages"][0]["content"] += "x" * 55_000
        until(lambda: client.post("/v1/chat/completions", json=short).status_code == 200)  # all of it is given back


def test_a_body_that_does_not_come_is_not_waited_for(serve):
    gateway = serve(server={"body_timeout_s": 0.2})
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key()}\r\n"
        "content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
    )
    with _connection(gateway) as client:
        client.sendall(head.encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_too_long_a_head_is_refused(serve):
    gateway = serve()
    with _connection(gateway) as client, contextlib.suppress(ConnectionError):
        client.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n")
        for number in range(2000):
            client.sendall(f"x-{number}: {'y' * 100}\r\n".encode())
        assert b" 431 " in client.recv(1000)


def test_more_requests_than_the_gateway_bears_are_told_to_come_again(serve, module_of_plugin):
    gateway = serve(server={"max_concurrency": 1})
    key = gateway.key()
    state = module_of_plugin().state
    first = threading.Thread(target=lambda: _ask_and_leave(gateway, key), daemon=True)
    first.start()
    until(lambda: state["waiting"] == 1)
    with gateway.client(key) as client:
        answer = client.get("/v1/models")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
        assert answer.headers["retry-after"] == "1"
        assert client.get("/health").status_code == 200  # the process lives all the same
    first.join()


def _ask_and_leave(gateway, key, ask=ASK):
    with contextlib.suppress(httpx.ReadTimeout), gateway.client(key) as client:
        client.post("/v1/chat/completions", json=ask, timeout=2)


def test_a_client_that_takes_nothing_is_let_go(serve, module_of_plugin):
    gateway = serve(server={"write_timeout_s": 0.3})
    ask = json.dumps({**ASK, "stream": True, "messages": [{"role": "user", "content": "!flood:20000 end"}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.key()}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(ask)}\r\n\r\n"
    )
    with _connection(gateway) as client:
        client.sendall(head.encode() + ask)
        until(gateway.calls)
        (call,) = gateway.calls()
    assert (call["status"], call["error_code"]) == (499, "client_gone")


def _connection(gateway):
    host, port = gateway.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


# --- stopping ----------------------------------------------------------------------------------------------------


def test_a_stop_lets_answers_end_within_the_grace_and_books_all(serve, module_of_plugin):
    gateway = serve(server={"grace_s": 1})
    key = gateway.key()
    state = module_of_plugin().state
    asked = threading.Thread(target=lambda: _ask_quietly(gateway, key), daemon=True)
    asked.start()
    until(lambda: state["waiting"] == 1)
    gateway.stop()
    asked.join(PATIENCE_S)
    assert state["closed"] == 1
    booked = list(gateway.application.settings.root.glob("state/journal/*.journal"))
    assert not booked  # all of it is in the database


def _ask_quietly(gateway, key):
    with contextlib.suppress(httpx.HTTPError), gateway.client(key) as client:
        client.post("/v1/chat/completions", json=ASK)
