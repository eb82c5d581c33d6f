"""However the network cuts what a server sends, the answers and what becomes of the connection are the same."""

import asyncio
import gzip
from itertools import pairwise

from dragoman.transport.connection import Connection
from dragoman.transport.decompression import decompression_for
from dragoman.transport.faults import WireError
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT = b"data: one\r\n\r\n0\r\nHTTP/1.1 200 OK\r\n\r\n"  # looks like framing, and is none
END = None  # of what the server sends
bodies = st.sampled_from([b"", b"{}", TEXT, TEXT * 20]) | st.binary(max_size=40)


@st.composite
def chunked(draw, body):
    sizes = draw(st.lists(st.integers(1, 30), max_size=5))
    wire, start = b"", 0
    for size in [*sizes, len(body)]:
        if piece := body[start : start + size]:
            wire += b"%x%s\r\n%s\r\n" % (len(piece), draw(st.sampled_from([b"", b";x=1"])), piece)
        start += size
    return wire + b"0\r\n" + draw(st.sampled_from([b"", b"x-trailer: 1\r\n", b"a:\r\nb: 2\r\n"])) + b"\r\n"


@st.composite
def answers(draw):
    """Return the bytes of one answer that says where it ends, and what it must be read as."""
    announced = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\n"]))
    status = draw(st.sampled_from([200, 201, 204, 400, 503]))
    body = b"" if status == 204 else draw(bodies)
    named = draw(st.sampled_from([[], [(b"x-a", b"1")], [(b"x-a", b""), (b"x-b", b"caf\xc3\xa9")]]))
    if status != 204 and draw(st.booleans()):
        named = [*named, (b"content-encoding", b"gzip")]
        wire = gzip.compress(body, mtime=0)
    else:
        wire = body
    if status == 204:
        framed = b""
    elif draw(st.booleans()):
        named, framed = [*named, (b"transfer-encoding", b"chunked")], draw(chunked(wire))
    else:
        named, framed = [*named, (b"content-length", b"%d" % len(wire))], wire
    keeps = draw(st.sampled_from([True, True, True, False]))
    if not keeps:
        named = [*named, (b"connection", b"close")]
    head = b"".join(b"%s: %s\r\n" % pair for pair in named)
    headers = {name.decode(): value.decode() for name, value in named}
    return announced + b"HTTP/1.1 %d X\r\n%s\r\n%s" % (status, head, framed), (status, headers, body, keeps)


class Pieces(asyncio.Transport):
    """The other end: a request is answered with the next pieces."""

    def __init__(self, loop, protocol, exchanges):
        super().__init__()
        self.loop, self.protocol, self.exchanges = loop, protocol, iter(exchanges)
        self.is_over = False
        protocol.connection_made(self)

    def write(self, data):
        for piece in next(self.exchanges):
            self.loop.call_soon(self.arrive, piece)

    def arrive(self, piece):
        if self.is_over:
            return
        if piece is END:
            self.protocol.eof_received()
        else:
            self.protocol.data_received(piece)

    def abort(self):
        if not self.is_over:
            self.is_over = True
            self.loop.call_soon(self.protocol.connection_lost, None)

    def is_closing(self):
        return self.is_over


async def read(connection):
    """Return an answer as a call gets it, and whether the connection can take another request."""
    await connection.send(b"GET / HTTP/1.1\r\n\r\n", None, None)
    await connection.read_head()
    decompression = decompression_for(connection.headers.get("content-encoding"))
    body = b""
    while piece := await connection.read_piece():
        body += b"".join(decompression.feed(piece)) if decompression else piece
    if decompression:
        decompression.end()
    return connection.status, connection.headers, body, connection.is_reusable


async def read_all(exchanges):
    loop = asyncio.get_running_loop()
    connection = Connection(loop, lambda lost: None)
    transport = Pieces(loop, connection, exchanges)
    seen = []
    for _ in exchanges:
        try:
            seen.append(await read(connection))
        except WireError as fault:
            seen.append(type(fault))
        if not connection.is_reusable:
            break
    transport.abort()
    return seen


def cut(data, places):
    edges = [0, *sorted({place % len(data) for place in places} - {0}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


places = st.lists(st.integers(0, 10_000), max_size=8) | st.just(list(range(10_000)))


@settings(max_examples=300)
@given(st.lists(answers(), min_size=1, max_size=3), st.data())
def test_answers_are_the_same_wherever_they_are_cut(sent, data):
    exchanges = [cut(wire, data.draw(places)) for wire, _ in sent]
    expected = []
    for _, answer in sent:
        expected.append(answer)
        if not answer[-1]:
            break
    assert asyncio.run(read_all(exchanges)) == expected


@settings(max_examples=300)
@given(answers(), st.data())
def test_an_answer_that_is_spoilt_is_refused_or_read_alike_wherever_it_is_cut(sent, data):
    wire, _ = sent
    place, byte = data.draw(st.integers(0, len(wire) - 1)), data.draw(st.binary(max_size=2))
    wire = wire[:place] + byte + wire[place + 1 :] + b"\r\n\r\n!"
    whole, pieces = [asyncio.run(read_all([[*cut(wire, at), END]])) for at in ([], data.draw(places))]
    assert whole == pieces
