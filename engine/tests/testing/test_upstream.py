"""The scripted upstream does what a test tells it to, for any client."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import pytest
from dragoman.testing.upstream import HOLD, RESET, Received, Reply, Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def client(upstream: Upstream) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(upstream.url.removeprefix("http://"), timeout=30)
    yield connection
    connection.close()


def ask(client: http.client.HTTPConnection, body: str = "{}") -> http.client.HTTPResponse:
    client.request("POST", "/v1/chat?x=1", body.encode(), {"X-Name": "value"})
    return client.getresponse()


def test_it_keeps_what_it_was_sent(upstream: Upstream, client: http.client.HTTPConnection) -> None:
    upstream.answer(Reply.json({}))
    ask(client, '{"a": "ü"}').read()
    received = upstream.received[0]
    assert (received.method, received.target, received.headers["x-name"]) == ("POST", "/v1/chat?x=1", "value")
    assert received.json() == {"a": "ü"}


def test_it_reads_a_body_in_chunks(upstream: Upstream, client: http.client.HTTPConnection) -> None:
    upstream.answer(Reply.json({}))
    client.request("POST", "/", iter([b"one ", b"two"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    client.getresponse().read()
    assert upstream.received[0].body == b"one two"


def test_answers_come_in_order_and_the_last_one_stays(upstream: Upstream, client: http.client.HTTPConnection) -> None:
    upstream.answer(Reply.json(1), Reply.json({"slow": "down"}, 429, retry_after="7"))
    answers = [(r.status, r.headers["retry-after"], json.loads(r.read())) for r in (ask(client) for _ in range(3))]
    assert answers == [(200, None, 1), (429, "7", {"slow": "down"}), (429, "7", {"slow": "down"})]
    assert upstream.connections == 1


def test_an_answer_may_depend_on_the_request(upstream: Upstream, client: http.client.HTTPConnection) -> None:
    def echo(request: Received) -> Reply:
        return Reply((request.body,))

    upstream.answer(echo)
    assert ask(client, "as it came").read() == b"as it came"


@pytest.mark.parametrize("sizes", [[1] * 50, [3, 100], [7]])
def test_a_regrouped_answer_has_the_same_bytes(
    upstream: Upstream, client: http.client.HTTPConnection, sizes: list[int]
) -> None:
    reply = Reply.sse([{"text": "ü"}, 2], done="[DONE]")
    upstream.answer(reply.regrouped(sizes))
    assert ask(client).read().decode() == 'data: {"text": "\\u00fc"}\n\ndata: 2\n\ndata: [DONE]\n\n'


def test_a_cut_answer_ends_as_if_it_were_whole(upstream: Upstream, client: http.client.HTTPConnection) -> None:
    upstream.answer(Reply.jsonl([1, 2, 3]).cut(2))
    assert ask(client).read() == b"1\n2\n"


def test_a_reset_breaks_the_connection(upstream: Upstream, client: http.client.HTTPConnection) -> None:
    upstream.answer(Reply.jsonl([1, 2, 3]).cut(0, RESET))
    with pytest.raises((ConnectionResetError, http.client.HTTPException)):
        ask(client).read()


def test_a_held_answer_waits_until_the_client_has_left(upstream: Upstream) -> None:
    upstream.answer(Reply.jsonl([1]).cut(1, HOLD))
    host, port = upstream.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert upstream.wait_until_asked()
        assert not upstream.wait_until_left(timeout_s=0)
    assert upstream.wait_until_left()
