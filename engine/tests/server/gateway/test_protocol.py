"""Requests as no client sends them, byte by byte: bounded, and never taken for what they are not."""

import contextlib
import re
import socket

import pytest

PATIENCE_S = 20
MANY = b"".join(b"x-%d: y\r\n" % number for number in range(9000))


@pytest.fixture(scope="module")
def gateway(serve_once):
    return serve_once()


@pytest.fixture(scope="module")
def key(gateway):
    return gateway.key()


@pytest.fixture
def head(key):
    """Make a request's head, without the empty line at its end; its answer is the connection's last one."""

    def make(line, *rest, last=True):
        named = [b"host: x", f"authorization: Bearer {key}".encode(), *([b"connection: close"] if last else [])]
        return b"\r\n".join([line, *named, *rest, b""])

    return make


@pytest.fixture
def ask(head):
    """Make the head of a chat request, likewise."""
    return lambda *rest: head(b"POST /v1/chat/completions HTTP/1.1", b"content-type: application/json", *rest)


def told(gateway, *pieces):
    """Send bytes, one write each; return the statuses that come back until the connection ends."""
    host, port = gateway.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                client.sendall(piece)
        with contextlib.suppress(ConnectionError):
            while piece := client.recv(65536):
                answer += piece
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


def test_a_head_that_comes_at_once_is_bounded_as_one_that_comes_slowly(gateway, head):
    line = b"GET /v1/models HTTP/1.1"
    assert told(gateway, head(line, b"x-a: " + b"y" * 60_000) + b"\r\n") == [200]
    for rest in (b"x-a: " + b"y" * 70_000, MANY[:-2]):
        assert told(gateway, head(line, rest) + b"\r\n") == [431]
        first = head(b"GET /health HTTP/1.1", last=False) + b"\r\n"
        assert told(gateway, first + head(line, rest) + b"\r\n") in ([200, 431], [431], [])


def test_too_long_an_address_is_refused(gateway, head):
    assert told(gateway, head(b"GET /v1/models/" + b"y" * 70_000 + b" HTTP/1.1") + b"\r\n") in ([400], [431])


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param([b"content-length: 2", b"transfer-encoding: chunked"], id="two lengths"),
        pytest.param([b"transfer-encoding: chunked", b"content-length: 2"], id="two lengths, the other way round"),
        pytest.param([b"content-length: 2", b"content-length: 3"], id="two content-lengths"),
        pytest.param([b"transfer-encoding: gzip"], id="an encoding without an end"),
        pytest.param([b"transfer-encoding: xchunked"], id="an encoding that looks like one"),
        pytest.param([b"content-length: +2"], id="a sign"),
        pytest.param([b"content-length: 2", b"x-a: b", b" c"], id="a folded line"),
        pytest.param([b"content-length : 2"], id="a blank before the colon"),
        pytest.param([b"content-length: 2", b"x-a: \0"], id="a NUL"),
    ],
)
def test_what_proxies_read_in_two_ways_is_not_read_at_all(gateway, ask, rest):
    assert told(gateway, ask(*rest) + b"\r\n2\r\n{}\r\n0\r\n\r\n") == [400]


def test_trailers_are_no_headers(gateway, ask, key):
    body = b"\r\n2\r\n{}\r\n0\r\n"
    with_key = ask(b"transfer-encoding: chunked")
    without = with_key.replace(f"authorization: Bearer {key}\r\n".encode(), b"")
    assert told(gateway, with_key + body + b"\r\n") == [400]  # the body names no model
    assert told(gateway, without + body + f"authorization: Bearer {key}\r\n\r\n".encode()) == [401]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"2\r\n{}\r\n0\r\n", *[MANY] * 40], id="endless trailers"),
        pytest.param([b"2\r\n{}\r\n0\r\nx-a: ", *[b"y" * 100_000] * 40], id="one endless trailer"),
        pytest.param([b"2;", *[b"y" * 100_000] * 40], id="an endless extension of a chunk"),
        pytest.param(
            [b"100000\r\n" + b" " * 0x100000 + b"\r\n0\r\nx-a: ", *[b"y" * 100_000] * 40],
            id="a trailer, behind a long body",
        ),
    ],
)
def test_what_surrounds_a_body_is_bounded(gateway, ask, pieces):
    assert told(gateway, ask(b"transfer-encoding: chunked") + b"\r\n", *pieces) in ([431], [])


def test_a_body_in_tiny_chunks_is_a_body(gateway, ask):
    body = b'{"model": "model", "messages": [{"role": "user", "content": "%s"}]}' % (b"x" * 20_000)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    assert told(gateway, ask(b"transfer-encoding: chunked") + b"\r\n" + chunks + b"0\r\n\r\n") == [200]


def test_requests_in_one_go_are_answered_in_their_order_up_to_a_number(gateway, head):
    one = head(b"GET /v1/models/model HTTP/1.1", last=False) + b"\r\n"
    other = head(b"GET /v1/models/nope HTTP/1.1", last=False) + b"\r\n"
    end = head(b"GET /health HTTP/1.1") + b"\r\n"
    assert told(gateway, (one + other) * 20 + end) == [200, 404] * 20 + [200]
    assert len(told(gateway, one * 5000)) < 5000


@pytest.mark.parametrize(
    "line", [b"CONNECT a:1 HTTP/1.1", b"GET http://[/ HTTP/1.1", b"GET /\xff HTTP/1.1", b"PRI * HTTP/2.0"]
)
def test_what_is_no_address_is_refused(gateway, head, line):
    assert told(gateway, head(line) + b"\r\n") == [400]
