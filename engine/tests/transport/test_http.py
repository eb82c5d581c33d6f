import asyncio
import gc
import importlib.metadata
import shutil
import ssl
import subprocess
from functools import partial

import pytest
from dragoman.adapter import Limits
from dragoman.errors import (
    CallTimeoutError,
    ConnectionFailedError,
    DragomanError,
    InvalidRequestError,
    ProtocolError,
)
from dragoman.provider import WireRequest
from dragoman.transport.http import MAX_ERROR_BODY_BYTES, Transport

LIMITS = Limits()
OK = b"HTTP/1.1 200 OK\r\n"
SECRETS = ("in-the-query", "the-api-key")


@pytest.fixture
async def transport():
    transport = Transport()
    yield transport
    await transport.aclose()


async def whole(transport, request, limits=LIMITS):
    return await transport.send(request, limits)


async def streamed(transport, request, limits=LIMITS):
    async with transport.stream(request, limits) as (reply, pieces):
        body = b"".join([piece async for piece in pieces])
    return type(reply)(reply.status, reply.headers, reply.body + body)


both_ways = pytest.mark.parametrize("call", [whole, streamed])


async def raises(kind, call):
    with pytest.raises(kind) as caught:
        await call
    assert type(caught.value) is kind
    assert not any(secret in f"{caught.value}{caught.value!r}" for secret in SECRETS)
    return caught.value


# --- what arrives ----------------------------------------------------------------------------------------------------


@both_ways
async def test_the_request_goes_out_as_it_was_written(serve, transport, call):
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    request = WireRequest("POST", upstream.url + "/a%3Ab%2Fc/d?x=%20y", {"X-Mixed": "Value"}, b'{"a": 1}')
    await call(transport, request)
    [seen] = upstream.requests
    assert seen.line == "POST /a%3Ab%2Fc/d?x=%20y HTTP/1.1"
    assert seen.body == b'{"a": 1}'
    assert seen.headers["x-mixed"] == "Value"
    assert seen.headers["user-agent"] == f"dragoman/{importlib.metadata.version('dragoman')}"
    assert "cookie" not in seen.headers


async def test_a_codec_may_say_who_it_is(serve, transport):
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    await transport.send(upstream.request(**{"User-Agent": "me"}), LIMITS)
    assert upstream.requests[0].headers["user-agent"] == "me"


async def test_a_get_has_no_body(serve, transport):
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    await transport.send(WireRequest("GET", upstream.url + "/", {}), LIMITS)
    assert upstream.requests[0].line == "GET / HTTP/1.1"
    assert "content-type" not in upstream.requests[0].headers


async def test_a_large_body_goes_out_whole(serve, transport):
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    body = b"x" * 3_000_000
    await transport.send(upstream.request(body=body), LIMITS)
    assert upstream.requests[0].body == body


@both_ways
@pytest.mark.parametrize("status", ["200 OK", "201 Created", "302 Found", "400 Bad", "429 Slow", "503 Down"])
async def test_any_status_is_an_answer(serve, transport, call, status):
    async def script(connection, request):
        await connection.answer(b"<html>body</html>", status=status, Location="/elsewhere", X_Request_Id="7")

    upstream = await serve(script)
    reply = await call(transport, upstream.request())
    assert (reply.status, reply.body) == (int(status[:3]), b"<html>body</html>")
    assert reply.headers["x-request-id"] == "7"
    assert len(upstream.requests) == 1


async def test_header_names_are_lower_case_and_repeated_ones_are_joined(serve, transport):
    async def script(connection, request):
        await connection.write(OK + b"X-Limit: 1\r\nX-LIMIT: 2\r\nContent-Length: 0\r\n\r\n")

    upstream = await serve(script)
    reply = await transport.send(upstream.request(), LIMITS)
    assert dict(reply.headers) == {"x-limit": "1, 2", "content-length": "0"}


async def test_the_body_of_an_error_is_in_the_head_of_a_stream_and_no_pieces_come(serve, transport):
    upstream = await serve(lambda connection, request: connection.answer(b"sorry", status="500 No"))
    async with transport.stream(upstream.request(), LIMITS) as (reply, pieces):
        assert (reply.status, reply.body) == (500, b"sorry")
        assert [piece async for piece in pieces] == []


async def test_pieces_come_as_they_arrive(serve, transport):
    more = asyncio.Event()

    async def script(connection, request):
        await connection.chunked_head()
        await connection.chunk(b"one")
        await more.wait()
        await connection.chunk(b"two")
        await connection.last_chunk()

    upstream = await serve(script)
    async with transport.stream(upstream.request(), LIMITS) as (reply, pieces):
        assert reply.body == b""
        assert await anext(pieces) == b"one"
        more.set()
        assert [piece async for piece in pieces] == [b"two"]


@both_ways
async def test_more_pieces_than_are_held_at_a_time_all_arrive(serve, transport, call):
    async def script(connection, request):
        await connection.chunked_head()
        await connection.write(b"1\r\nx\r\n" * 100_000)  # reading is paused and resumed on the way
        await connection.last_chunk()

    upstream = await serve(script)
    assert (await call(transport, upstream.request())).body == b"x" * 100_000


async def test_a_stream_may_be_empty(serve, transport):
    upstream = await serve(lambda connection, request: connection.answer(b""))
    assert (await streamed(transport, upstream.request())).body == b""


async def test_cookies_are_not_kept(serve, transport):
    upstream = await serve(lambda connection, request: connection.answer(b"{}", Set_Cookie="a=b"))
    for _ in range(2):
        await transport.send(upstream.request(), LIMITS)
    assert "cookie" not in upstream.requests[1].headers


async def test_the_environment_cannot_send_a_request_elsewhere(serve, transport, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    assert (await transport.send(upstream.request(), LIMITS)).status == 200


# --- connections -----------------------------------------------------------------------------------------------------


async def test_a_connection_is_used_again_after_whole_answers_streams_and_errors(serve, transport):
    answers = iter(["200 OK", "200 OK", "429 Slow", "200 OK"])
    upstream = await serve(lambda connection, request: connection.answer(b"{}", status=next(answers)))
    for call in (whole, streamed, streamed, whole):
        await call(transport, upstream.request())
    assert (len(upstream.requests), len(upstream.connections)) == (4, 1)


async def test_many_calls_at_a_time_all_get_a_connection(serve, transport):
    everybody = asyncio.Barrier(150)

    async def script(connection, request):
        await everybody.wait()
        await connection.answer(b"{}")

    upstream = await serve(script)
    replies = await asyncio.gather(*(transport.send(upstream.request(), LIMITS) for _ in range(150)))
    assert {reply.status for reply in replies} == {200}


async def endless(connection, request):
    await connection.chunked_head()
    await connection.chunk(b"data: one\n\n")
    await connection.until_client_closes()


async def silent(connection, request):
    await connection.until_client_closes()


async def half_a_body(connection, request):
    await connection.write(OK + b"content-length: 10\r\n\r\nabc")
    await connection.until_client_closes()


async def leave_early(transport, request):
    async with transport.stream(request, LIMITS) as (_, pieces):
        await anext(pieces)


async def fail_inside(transport, request):
    with pytest.raises(KeyError):
        async with transport.stream(request, LIMITS):
            raise KeyError


@pytest.mark.parametrize("leave", [leave_early, fail_inside])
async def test_leaving_a_stream_closes_its_connection(serve, transport, leave):
    upstream = await serve(endless)
    await leave(transport, upstream.request())
    await upstream.seen(upstream.connections[0].closed_by_client)


@pytest.mark.parametrize("script", [silent, half_a_body])
@both_ways
async def test_cancelling_closes_the_connection_and_leaves_nothing(serve, transport, script, call):
    reached = asyncio.Event()

    async def telling(connection, request):
        reached.set()
        await script(connection, request)

    upstream = await serve(telling)
    task = asyncio.create_task(call(transport, upstream.request(), Limits(first_byte_timeout_s=600)))
    await upstream.seen(reached)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await upstream.seen(upstream.connections[0].closed_by_client)
    await upstream.all_closed()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_the_transport_ends_what_is_under_way(serve):
    transport = Transport()
    upstream = await serve(endless)
    async with transport.stream(upstream.request(), LIMITS) as (_, pieces):
        await anext(pieces)
        await transport.aclose()
        await raises(ConnectionFailedError, anext(pieces))
    error = await raises(ConnectionFailedError, transport.send(upstream.request(), LIMITS))
    assert not error.retryable
    await upstream.all_closed()


async def test_who_closes_twice_at_a_time_waits_twice(serve):
    transport = Transport()
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    await asyncio.gather(*(transport.send(upstream.request(), LIMITS) for _ in range(3)))
    await asyncio.gather(transport.aclose(), transport.aclose())
    await transport.aclose()
    await upstream.all_closed()


# --- what goes wrong -------------------------------------------------------------------------------------------------


async def write_and_cut(connection, request, *, data=b"", hard=False):
    await connection.write(data)
    connection.reset() if hard else connection.cut()


CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
BROKEN = {
    "before the head": b"",
    "inside the head": OK + b"content-le",
    "before the body": OK + b"content-length: 10\r\n\r\n",
    "inside the body": OK + b"content-length: 10\r\n\r\nabc",
    "inside a chunk": CHUNKED + b"a\r\nabc",
    "between chunks": CHUNKED + b"3\r\nabc\r\n",
}


@both_ways
@pytest.mark.parametrize("hard", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
async def test_a_connection_that_breaks_is_named_and_may_be_tried_again(serve, transport, call, data, hard):
    upstream = await serve(partial(write_and_cut, data=data, hard=hard))
    error = await raises(ConnectionFailedError, call(transport, upstream.request(Authorization="the-api-key")))
    assert str(error).startswith(upstream.url.removeprefix("http://"))
    assert error.retryable
    assert len(upstream.requests) == 1


async def test_what_came_before_the_break_is_handed_out(serve, transport):
    read = asyncio.Event()

    async def script(connection, request):
        await connection.chunked_head()
        await connection.chunk(b"one")
        await read.wait()
        connection.reset()

    upstream = await serve(script)
    async with transport.stream(upstream.request(), LIMITS) as (_, pieces):
        assert await anext(pieces) == b"one"
        read.set()
        await raises(ConnectionFailedError, anext(pieces))


@both_ways
@pytest.mark.parametrize(
    "data", [b"SSH-2.0-server\r\n\r\n", OK + b"no header\r\n\r\n", CHUNKED + b"zz\r\n"], ids=["head", "header", "chunk"]
)
async def test_an_answer_that_is_not_http_is_a_protocol_error(serve, transport, call, data):
    upstream = await serve(partial(write_and_cut, data=data))
    await raises(ProtocolError, call(transport, upstream.request(Authorization="the-api-key")))


@both_ways
async def test_an_answer_that_cannot_be_decompressed_fails(serve, transport, call):
    upstream = await serve(lambda connection, request: connection.answer(b"no gzip", Content_Encoding="gzip"))
    await raises(ConnectionFailedError, call(transport, upstream.request()))


@both_ways
@pytest.mark.parametrize("hard", [False, True], ids=["close", "reset"])
async def test_a_broken_error_body_does_not_hide_the_status(serve, transport, call, hard):
    head = b"HTTP/1.1 503 Down\r\nretry-after: 1\r\ncontent-length: 10\r\n\r\n"
    upstream = await serve(partial(write_and_cut, data=head, hard=hard))
    reply = await call(transport, upstream.request())
    assert (reply.status, reply.body, reply.headers["retry-after"]) == (503, b"", "1")


@both_ways
async def test_a_stalled_error_body_does_not_hide_the_status(serve, transport, call):
    async def script(connection, request):
        await connection.write(b"HTTP/1.1 503 Down\r\ncontent-length: 10\r\n\r\nabc")
        await connection.until_client_closes()

    upstream = await serve(script)
    reply = await call(transport, upstream.request(), Limits(chunk_timeout_s=0.02))
    assert (reply.status, reply.body) == (503, b"abc")
    await upstream.all_closed()


@both_ways
async def test_of_an_endless_error_body_the_beginning_is_kept(serve, transport, call):
    async def script(connection, request):
        await connection.write(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await connection.chunk(b"x" * 100_000)

    upstream = await serve(script)
    reply = await call(transport, upstream.request())
    assert (reply.status, len(reply.body)) == (500, MAX_ERROR_BODY_BYTES)
    await upstream.all_closed()


async def test_an_answer_over_the_bound_is_refused(serve):
    transport = Transport(max_body_bytes=1000)
    sizes = iter([1000, 1001])
    upstream = await serve(lambda connection, request: connection.answer(b"x" * next(sizes)))
    assert len((await transport.send(upstream.request(), LIMITS)).body) == 1000
    error = await raises(ProtocolError, transport.send(upstream.request(), LIMITS))
    assert "longer than 1000 bytes" in str(error)
    await transport.aclose()


@both_ways
async def test_an_early_answer_to_a_large_body_is_read(serve, transport, call):
    """Many servers refuse a body by its announced length and close without reading it."""
    reached = asyncio.Event()

    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig")
        await writer.drain()
        await reached.wait()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    reply = await call(transport, WireRequest("POST", url, {}, b"x" * 20_000_000))
    assert (reply.status, reply.body) == (413, b"big")
    reached.set()
    server.close()


@both_ways
async def test_a_refused_connection_is_named(transport, call, unused_tcp_port):
    request = WireRequest("POST", f"http://127.0.0.1:{unused_tcp_port}/?key=in-the-query", {}, b"{}")
    error = await raises(ConnectionFailedError, call(transport, request))
    assert str(error).startswith(f"127.0.0.1:{unused_tcp_port}: no connection")
    assert error.retryable


@pytest.mark.parametrize("host", ["no-such-host.invalid", "two..dots.invalid", "x" * 64 + ".invalid"])
async def test_a_name_that_does_not_exist_is_named(transport, host):
    request = WireRequest("POST", f"http://{host}/?key=in-the-query", {}, b"{}")
    error = await raises(ConnectionFailedError, transport.send(request, LIMITS))
    assert str(error).startswith(f"{host}:80: the host name cannot be resolved")


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "host/x", "http://", "http://[::1/", "http://u:the-api-key@127.0.0.1:1/"]
)
async def test_an_address_that_is_none_is_refused_and_not_tried_again(transport, url):
    request = WireRequest("POST", url, {"Authorization": "the-api-key"}, b"{}")
    error = await raises(ConnectionFailedError, transport.send(request, LIMITS))
    assert not error.retryable


async def test_a_header_that_would_inject_another_is_refused_without_its_value(serve, transport):
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    request = upstream.request(Authorization="Bearer the-api-key\n")
    error = await raises(InvalidRequestError, transport.send(request, LIMITS))
    assert "line ends in the secret" in str(error)
    assert not upstream.requests


STALLS = {
    "no head": (b"", "first_byte", "first_byte"),
    "no body": (OK + b"content-length: 10\r\n\r\n", "between_chunks", "first_byte"),
    "half a body": (OK + b"content-length: 10\r\n\r\nabc", "between_chunks", "between_chunks"),
    "between chunks": (CHUNKED + b"3\r\nabc\r\n", "between_chunks", "between_chunks"),
}


@both_ways
@pytest.mark.parametrize(("data", "phase", "stream_phase"), STALLS.values(), ids=STALLS)
async def test_a_stall_ends_with_the_deadline_of_its_phase(serve, transport, *, call, data, phase, stream_phase):
    async def script(connection, request):
        await connection.write(data)
        await connection.until_client_closes()

    upstream = await serve(script)
    phase = phase if call is whole else stream_phase
    long_enough = {"first_byte_timeout_s": 60, "chunk_timeout_s": 60}
    setting = {"first_byte": "first_byte_timeout_s", "between_chunks": "chunk_timeout_s"}[phase]
    limits = Limits(**{**long_enough, setting: 0.02})
    error = await raises(CallTimeoutError, call(transport, upstream.request(), limits))
    assert error.phase == phase
    assert "within 0.02 s" in str(error)
    await upstream.all_closed()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@both_ways
async def test_a_server_that_thinks_longer_than_the_pause_between_chunks_is_waited_for(serve, transport, call):
    """The deadline between chunks runs from the first one on; until then only that of the first byte counts."""
    later = asyncio.Event()

    async def script(connection, request):
        asyncio.get_running_loop().call_later(0.1, later.set)
        await later.wait()
        await connection.answer(b"{}")

    upstream = await serve(script)
    assert (await call(transport, upstream.request(), Limits(chunk_timeout_s=0.02))).body == b"{}"


async def test_a_connection_that_never_stands_ends_with_the_deadline_for_it(transport, serve):
    """A server that accepts and says nothing lets a TLS handshake wait for ever."""

    async def mute(reader, writer):
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/?key=in-the-query"
    request = WireRequest("POST", url, {}, b"{}")
    error = await raises(CallTimeoutError, transport.send(request, Limits(connect_timeout_s=0.05)))
    assert (error.phase, "within 0.05 s" in str(error)) == ("connect", True)
    server.close()


async def test_a_deadline_of_the_caller_is_his_own(serve, transport):
    upstream = await serve(silent)
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.02):
            await transport.send(upstream.request(), Limits(first_byte_timeout_s=60))
    assert not isinstance(caught.value, DragomanError)
    await upstream.all_closed()


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def self_signed(tmp_path):
    if not (openssl := shutil.which("openssl")):
        pytest.skip("no openssl command to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run([openssl, *command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_certificate_that_nobody_vouches_for_is_refused_and_not_tried_again(transport, self_signed):
    async def never(reader, writer):
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=self_signed)
    request = WireRequest("POST", f"https://localhost:{server.sockets[0].getsockname()[1]}/", {}, b"{}")
    error = await raises(ConnectionFailedError, transport.send(request, LIMITS))
    assert "certificate is not trusted" in str(error)
    assert not error.retryable
    server.close()


async def test_a_server_without_tls_is_named(serve, transport):
    async def plain(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    request = WireRequest("POST", f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, b"{}")
    await raises(ConnectionFailedError, transport.send(request, LIMITS))
    server.close()


async def test_nothing_is_left_behind(serve):
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    transport = Transport()
    for call in (whole, streamed):
        await asyncio.gather(*(call(transport, upstream.request()) for _ in range(5)))
    await transport.aclose()
    await upstream.all_closed()
    del transport
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}
