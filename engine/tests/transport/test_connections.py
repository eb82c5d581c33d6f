"""What the HTTP client promises beside the answer: compression, framing, names, connections that are kept or left."""

import asyncio
import gzip
import socket
import ssl
import zlib

import pytest
from dragoman.adapter import Limits
from dragoman.errors import CallTimeoutError, ConnectionFailedError, ProtocolError
from dragoman.provider import WireRequest
from dragoman.transport import connections
from dragoman.transport.connection import MAX_HEAD_BYTES
from dragoman.transport.http import Transport

#: Nothing here takes longer; what would hang fails instead.
PATIENCE_S = 20
LIMITS = Limits()
OK = b"HTTP/1.1 200 OK\r\n"
TEXT = b"the answer, " * 1000


@pytest.fixture
async def transport():
    transport = Transport()
    yield transport
    await transport.aclose()


async def whole(transport, request):
    return (await transport.send(request, LIMITS)).body


async def streamed(transport, request):
    async with transport.stream(request, LIMITS) as (_, pieces):
        return b"".join([piece async for piece in pieces])


both_ways = pytest.mark.parametrize("call", [whole, streamed])


# --- compression -----------------------------------------------------------------------------------------------------


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "gzip, an older name": ("X-GZip", gzip.compress(TEXT)),
    "gzip, two files": ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "deflate, without its head": ("deflate", raw_deflate(TEXT)),
    "nothing": ("identity", TEXT),
    "a charset": ("utf-8", TEXT),
}


@both_ways
@pytest.mark.parametrize("case", PACKED)
async def test_a_compressed_answer_is_handed_out_as_it_was(serve, transport, call, case):
    coding, packed = PACKED[case]

    async def script(connection, request):
        await connection.write(OK + f"content-encoding: {coding}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for start in range(0, len(packed), 7):
            await connection.chunk(packed[start : start + 7])
        await connection.last_chunk()

    upstream = await serve(script)
    assert await call(transport, upstream.request()) == TEXT
    assert upstream.requests[0].headers["accept-encoding"] == "gzip, deflate"


@both_ways
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_an_empty_body_needs_no_compression(serve, transport, call, coding):
    upstream = await serve(lambda connection, request: connection.answer(b"", Content_Encoding=coding))
    assert await call(transport, upstream.request()) == b""


@both_ways
async def test_a_compressed_answer_that_ends_too_early_is_broken(serve, transport, call):
    packed = gzip.compress(TEXT)[:-4]
    upstream = await serve(lambda connection, request: connection.answer(packed, Content_Encoding="gzip"))
    with pytest.raises(ConnectionFailedError):
        await call(transport, upstream.request())


@both_ways
async def test_a_compression_that_nobody_asked_for_is_refused(serve, transport, call):
    upstream = await serve(lambda connection, request: connection.answer(b"?", Content_Encoding="br"))
    with pytest.raises(ProtocolError, match="not asked for"):
        await call(transport, upstream.request())


async def test_few_bytes_do_not_become_more_than_the_bound(serve):
    packed = gzip.compress(b"0" * 50_000_000)
    upstream = await serve(lambda connection, request: connection.answer(packed, Content_Encoding="gzip"))
    transport = Transport(max_body_bytes=1_000_000)
    with pytest.raises(ProtocolError, match="longer than 1000000 bytes"):
        await transport.send(upstream.request(), LIMITS)
    await transport.aclose()


async def test_others_have_their_turn_while_few_bytes_become_very_many(serve, transport):
    packed = gzip.compress(b"\n" * 20_000_000)
    upstream = await serve(lambda connection, request: connection.answer(packed, Content_Encoding="gzip"))
    turns = 0

    async def others():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(others())
    async with transport.stream(upstream.request(), LIMITS) as (_, pieces):
        turns_between = [turns async for _ in pieces]
    beside.cancel()
    assert len(turns_between) > 10
    assert len(set(turns_between)) == len(turns_between)


async def test_the_first_byte_is_due_although_more_came_than_is_held(serve, transport):
    """A file's name in a gzip head may have any length, and nothing comes of it."""

    async def script(connection, request):
        await connection.write(OK + b"content-encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\x03" + b"x" * 3_000_000)
        await connection.until_client_closes()

    upstream = await serve(script)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(CallTimeoutError) as caught:
            async with transport.stream(upstream.request(), Limits(first_byte_timeout_s=0.5)):
                pass
    assert caught.value.phase == "first_byte"


@both_ways
async def test_a_compression_that_nobody_asked_for_does_not_hide_an_error(serve, transport, call):
    async def script(connection, request):
        await connection.answer(b"?", status="503 Down", Content_Encoding="br", Retry_After="1")

    upstream = await serve(script)
    assert await call(transport, upstream.request()) == b""
    reply = await transport.send(upstream.request(), LIMITS)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")


# --- where an answer begins and ends ---------------------------------------------------------------------------------


@both_ways
async def test_what_announces_an_answer_is_none(serve, transport, call):
    async def script(connection, request):
        await connection.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n")
        await connection.answer(b"{}")

    upstream = await serve(script)
    assert await call(transport, upstream.request()) == b"{}"


async def test_the_headers_of_an_announcement_are_not_the_answers(serve, transport):
    async def script(connection, request):
        await connection.write(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n")
        await connection.answer(b"{}")

    upstream = await serve(script)
    assert (await transport.send(upstream.request(), LIMITS)).headers == {"content-length": "2"}


@both_ways
async def test_an_announcement_has_no_body(serve, transport, call):
    async def script(connection, request):
        await connection.write(b"HTTP/1.1 150 Soon\r\ncontent-length: 4\r\n\r\nsoon")
        await connection.answer(b"{}")

    upstream = await serve(script)
    assert await call(transport, upstream.request()) == b"{}"


@both_ways
async def test_a_server_that_will_say_no_more_ends_its_answer_although_it_reads_no_more(serve, transport, call):
    """Its half of the connection is closed; ours is full of a body that it does not take."""
    done = asyncio.Event()

    async def answer_early(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"connection: close\r\n\r\n{}")
        writer.write_eof()
        await done.wait()
        writer.close()

    server = await asyncio.start_server(answer_early, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with asyncio.timeout(PATIENCE_S):
        assert await call(transport, WireRequest("POST", url, {}, b"x" * 20_000_000)) == b"{}"
    done.set()
    server.close()


@both_ways
async def test_the_end_of_the_connection_ends_an_answer_that_says_no_other(serve, transport, call):
    async def script(connection, request):
        await connection.write(b"HTTP/1.0 200 OK\r\n\r\n", TEXT)
        connection.cut()

    upstream = await serve(script)
    assert await call(transport, upstream.request()) == TEXT


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_a_body_is_complete_at_once(serve, transport, status):
    async def script(connection, request):
        await connection.write(f"HTTP/1.1 {status}\r\n\r\n".encode())

    upstream = await serve(script)
    for _ in range(2):
        assert (await transport.send(upstream.request(), LIMITS)).body == b""
    assert len(upstream.connections) == 1


@both_ways
async def test_a_trailer_is_no_header(serve, transport, call):
    async def script(connection, request):
        await connection.chunked_head()
        await connection.write(b"2\r\n{}\r\n0\r\ncontent-encoding: gzip\r\n\r\n")

    upstream = await serve(script)
    for _ in range(2):
        assert await call(transport, upstream.request()) == b"{}"
    assert len(upstream.connections) == 1


CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
ENDLESS = {
    "a head": OK,
    "a trailer": CHUNKED + b"0\r\n",
    "a trailer of a long body": CHUNKED + b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n0\r\n",
    "an announcement": b"HTTP/1.1 103 Early Hints\r\n",
    "an announcement with a body": b"HTTP/1.1 150 Soon\r\ncontent-length: 1000000000\r\n\r\n",
}


@pytest.mark.parametrize("begin", ENDLESS.values(), ids=ENDLESS)
async def test_there_is_an_end(serve, transport, begin):
    async def script(connection, request):
        await connection.write(begin)
        while True:
            await connection.write(b"x-more: " + b"x" * MAX_HEAD_BYTES + b"\r\n")

    upstream = await serve(script)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(ProtocolError):
            await transport.send(upstream.request(), LIMITS)
    await upstream.all_closed()


async def test_announcements_have_an_end(serve, transport):
    async def script(connection, request):
        while True:
            await connection.write(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000)

    upstream = await serve(script)
    with pytest.raises(ProtocolError):
        await transport.send(upstream.request(), LIMITS)


async def test_a_server_that_speaks_another_protocol_from_here_on_is_not_followed(serve, transport):
    async def script(connection, request):
        await connection.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n")
        await connection.until_client_closes()

    upstream = await serve(script)
    with pytest.raises(ProtocolError):
        await transport.send(upstream.request(), LIMITS)


@both_ways
async def test_a_server_may_begin_to_answer_while_it_still_reads(transport, call):
    body = b"x" * 5_000_000

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"content-length: 2\r\n\r\n{")
        await writer.drain()
        await reader.readexactly(len(body))
        writer.write(b"}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    assert await call(transport, WireRequest("POST", url, {}, body)) == b"{}"
    server.close()


# --- connections that are kept ---------------------------------------------------------------------------------------

LEFT = {
    "it says so": OK + b"connection: close\r\ncontent-length: 2\r\n\r\n{}",
    "an older protocol": b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "more than the answer": OK + b"content-length: 2\r\n\r\n{}!",
    "two answers": (OK + b"content-length: 2\r\n\r\n{}") * 2,
}


@pytest.mark.parametrize("case", LEFT)
async def test_a_connection_is_not_used_again_when(serve, transport, case):
    upstream = await serve(lambda connection, request: connection.write(LEFT[case]))
    for _ in range(2):
        assert await whole(transport, upstream.request()) == b"{}"
    assert len(upstream.connections) == 2


async def test_a_connection_is_not_used_again_while_a_task_waits_for_its_last_answer(serve, transport):
    """A caller that leaves a stream to another task must not have that one take the next call's answer."""
    go_on = asyncio.Event()

    async def script(connection, request):
        await connection.chunked_head()
        await connection.chunk(b"one")
        await go_on.wait()
        await connection.last_chunk()

    upstream = await serve(script)
    exchange = transport.stream(upstream.request(), LIMITS)
    async with exchange as (_, pieces):
        assert await anext(pieces) == b"one"
        left = asyncio.create_task(anext(pieces, b"the end"))
        await asyncio.sleep(0)
        go_on.set()
        while not exchange._connection.is_complete:  # noqa: ASYNC110  (seen before the other task is woken)
            await asyncio.sleep(0)
        was_waiting = not left.done()
    async with asyncio.timeout(PATIENCE_S):
        assert await whole(transport, upstream.request()) == b"one"
        assert await left == b"the end"
    assert len(upstream.connections) == (2 if was_waiting else 1)


async def test_a_connection_that_nobody_uses_is_closed_after_a_while(serve, monkeypatch):
    monkeypatch.setattr(connections, "KEEP_ALIVE_S", 0.02)
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    transport = Transport()
    await asyncio.gather(*(whole(transport, upstream.request()) for _ in range(3)))
    await upstream.all_closed()
    assert await whole(transport, upstream.request()) == b"{}"
    await transport.aclose()


async def test_the_deadline_of_one_call_does_not_end_the_next_one_on_its_connection(serve, transport):
    go_on = asyncio.Event()

    async def script(connection, request):
        if len(upstream.requests) == 2:
            asyncio.get_running_loop().call_later(0.1, go_on.set)
            await go_on.wait()
        await connection.answer(b"{}")

    upstream = await serve(script)
    assert (await transport.send(upstream.request(), Limits(first_byte_timeout_s=0.05))).status == 200
    assert (await transport.send(upstream.request(), Limits(first_byte_timeout_s=60))).status == 200
    assert len(upstream.connections) == 1


# --- names -----------------------------------------------------------------------------------------------------------


def names(*addresses):
    """Return what knows one name, and the list of questions that it was asked."""
    asked = []

    async def resolve(host, port):
        asked.append(host)
        await asyncio.sleep(0)
        return [info for address in addresses for info in socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)]

    return resolve, asked


def request_to(host, upstream):
    return WireRequest("GET", f"http://{host}:{upstream.url.rpartition(':')[2]}/", {})


async def test_many_connections_ask_for_their_name_once(serve):
    everybody = asyncio.Barrier(40)

    async def script(connection, request):
        await everybody.wait()
        await connection.answer(b"{}")

    upstream = await serve(script)
    resolve, asked = names("127.0.0.1")
    transport = Transport(resolve=resolve)
    await asyncio.gather(*(whole(transport, request_to("model.example", upstream)) for _ in range(40)))
    assert (len(upstream.connections), asked) == (40, ["model.example"])
    assert upstream.requests[0].headers["host"] == f"model.example:{upstream.url.rpartition(':')[2]}"
    await transport.aclose()


async def test_the_next_address_is_tried_where_one_does_not_answer(serve):
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    resolve, _ = names("127.0.0.2", "127.0.0.1")  # the server listens at the second one alone
    transport = Transport(resolve=resolve)
    assert await whole(transport, request_to("model.example", upstream)) == b"{}"
    await transport.aclose()


async def test_a_name_that_was_not_known_is_asked_for_again(serve):
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    known, asked = names("127.0.0.1")

    async def resolve(host, port):
        if not asked:
            asked.append(host)
            raise socket.gaierror(socket.EAI_NONAME, "not yet")
        return await known(host, port)

    transport = Transport(resolve=resolve)
    with pytest.raises(ConnectionFailedError, match="cannot be resolved"):
        await whole(transport, request_to("new.example", upstream))
    assert await whole(transport, request_to("new.example", upstream)) == b"{}"
    await transport.aclose()


async def test_who_gives_up_waiting_for_a_name_leaves_the_others_their_answer(serve):
    upstream = await serve(lambda connection, request: connection.answer(b"{}"))
    known, _ = names("127.0.0.1")
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def resolve(host, port):
        asked.set()
        await go_on.wait()
        return await known(host, port)

    transport = Transport(resolve=resolve)
    first, second = (asyncio.create_task(whole(transport, request_to("slow.example", upstream))) for _ in range(2))
    await asked.wait()
    first.cancel()
    await asyncio.wait([first])
    go_on.set()
    assert first.cancelled()
    assert await second == b"{}"
    await transport.aclose()


async def test_an_address_of_ipv6_is_called(transport):
    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        body = head.partition(b"Host: ")[2].partition(b"\r\n")[0]
        writer.write(OK + b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    port = server.sockets[0].getsockname()[1]
    assert await whole(transport, WireRequest("GET", f"http://[::1]:{port}/", {})) == f"[::1]:{port}".encode()
    server.close()


# --- TLS -------------------------------------------------------------------------------------------------------------


async def test_long_bodies_go_through_tls_both_ways_and_the_connection_is_kept(tmp_path):
    trustme = pytest.importorskip("trustme", reason="trustme is not installed")
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(serving)
    authority.cert_pem.write_to_path(tmp_path / "ca")
    trusting = ssl.create_default_context(cafile=tmp_path / "ca")
    opened = []

    async def echo(reader, writer):
        opened.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(size)
                writer.write(OK + b"content-length: %d\r\n\r\n" % size + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=serving)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
    resolve, _ = names("127.0.0.1")
    transport = Transport(resolve=resolve)
    body = bytes(range(256)) * 20_000
    for call in (whole, streamed, whole):
        assert await call(transport.with_tls(trusting), WireRequest("POST", url, {}, body)) == body
    await transport.aclose()
    assert len(opened) == 1
    server.close()
