"""Event streams, equal to botocore's reading of them, wherever the network cuts."""

from __future__ import annotations

import struct
from binascii import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from dragoman.errors import ProtocolError
from dragoman_aws.eventstream import EventFrame, EventStream
from hypothesis import given
from hypothesis import strategies as st

from .edge import event, exception, message
from .recorded import recorded_streams

CUTS = [1, 2, 3, 7, 50, 1 << 30]


def by_botocore(raw: bytes):
    buffer = EventStreamBuffer()
    buffer.add_data(raw)
    return [(found.headers, found.payload) for found in buffer]


def read(pieces) -> list[EventFrame]:
    stream, frames = EventStream(), []
    for piece in pieces:
        frames += stream.feed(piece)
    return [*frames, *stream.end()]


def cut(raw: bytes, size: int) -> list[bytes]:
    return [raw[i : i + size] for i in range(0, len(raw), size)]


def plain(frames: list[EventFrame]):
    return [(frame.headers, frame.data) for frame in frames]


@pytest.mark.parametrize("name", ["bedrock-converse-stream", "bedrock-invoke-stream"])
def test_every_recorded_stream_is_read_as_botocore_reads_it_at_every_cut(name):
    for raw in recorded_streams(name):
        expected = by_botocore(raw)
        assert expected
        for size in CUTS:
            assert plain(read(cut(raw, size))) == expected


@pytest.mark.parametrize("name", ["bedrock-converse-stream", "bedrock-invoke-stream"])
def test_every_recorded_stream_that_is_cut_off_is_an_error(name):
    for raw in recorded_streams(name):
        complete = {0}
        for frame in read([raw]):
            complete.add(max(complete) + _length(frame))
        for end in {1, 11, 12, 13, len(raw) // 2, len(raw) - 1} - complete:
            with pytest.raises(ProtocolError, match="ended inside a message"):
                read([raw[:end]])


def _length(frame: EventFrame) -> int:
    return len(message({name: str(value) for name, value in frame.headers.items()}, frame.data))


@given(
    messages=st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=100)), max_size=5),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=30),
)
def test_any_cut_gives_the_same_frames(messages, sizes):
    raw = b"".join(event(kind, payload) for kind, payload in messages)
    pieces, rest = [], raw
    while rest:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(rest[:size])
        rest = rest[size:]
    assert [(frame.event, frame.data) for frame in read(pieces)] == messages


def test_what_a_frame_says_of_itself():
    frames = read(
        [
            event("chunk", b"{}", "application/json"),
            exception("throttlingException", b"{}"),
            message({":message-type": "error", ":error-code": "InternalFailure", ":error-message": "x"}, b""),
            message({}, b"without headers"),
        ]
    )
    assert [(frame.kind, frame.event) for frame in frames] == [
        ("event", "chunk"), ("exception", "throttlingException"), ("error", "InternalFailure"), ("event", ""),
    ]  # fmt: skip
    assert frames[0].headers[":content-type"] == "application/json"
    assert frames[2].headers[":error-message"] == "x"


# --- header types that the recordings do not have ----------------------------------------------------------------

_TYPES = {
    0: st.just(b""),
    1: st.just(b""),
    2: st.binary(min_size=1, max_size=1),
    3: st.binary(min_size=2, max_size=2),
    4: st.binary(min_size=4, max_size=4),
    5: st.binary(min_size=8, max_size=8),
    6: st.binary(max_size=9).map(lambda value: struct.pack(">H", len(value)) + value),
    7: st.text(max_size=9).map(lambda value: struct.pack(">H", len(value.encode())) + value.encode()),
    8: st.binary(min_size=8, max_size=8),
    9: st.binary(min_size=16, max_size=16),
}
_HEADER = st.sampled_from(list(_TYPES)).flatmap(lambda kind: st.tuples(st.just(kind), _TYPES[kind]))


def whole(block: bytes, payload: bytes = b"") -> bytes:
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    head = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return head + struct.pack(">I", crc32(head))


@given(st.dictionaries(st.text(max_size=9), _HEADER, max_size=4))
def test_headers_of_every_type(headers):
    block = b"".join(
        struct.pack(">B", len(name.encode())) + name.encode() + struct.pack(">B", kind) + value
        for name, (kind, value) in headers.items()
    )
    assert plain(read([whole(block)])) == by_botocore(whole(block))


# --- what is broken ----------------------------------------------------------------------------------------------

GOOD = event("chunk", b'{"text": "hello"}')


@pytest.mark.parametrize("position", range(len(GOOD)))
def test_a_changed_byte_is_an_error(position):
    broken = bytearray(GOOD)
    broken[position] ^= 0xFF
    with pytest.raises(ProtocolError):
        read([bytes(broken) + GOOD * 20])


def lengths(total: int, headers: int) -> bytes:
    prelude = struct.pack(">II", total, headers)
    return prelude + struct.pack(">I", crc32(prelude))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (lengths(16 + 24 * 1024 * 1024 + 1, 0), "longer than"),
        (lengths(1 << 20, 128 * 1024 + 1), "bytes of headers"),
        (lengths(15, 0), "contradicts itself"),
        (lengths(20, 5), "contradicts itself"),
        (whole(b"\x05:na"), "cut off"),
        (whole(b"\x01a\x0a"), "unknown type 10"),
        (whole(b"\x01a\x00\x01a\x00"), "one header twice"),
        (whole(b"\x01\xff\x00"), "not UTF-8"),
        (message({":message-type": "greeting"}, b""), "neither an event"),
    ],
)
def test_what_breaks_the_rules_is_an_error_before_anything_is_held(raw, why):
    with pytest.raises(ProtocolError, match=why):
        read([raw])


def test_what_stands_before_a_broken_message_is_still_read():
    frames = iter(EventStream().feed(GOOD + GOOD[:-1] + b"\x00"))
    assert next(frames).event == "chunk"
    with pytest.raises(ProtocolError, match="wrong checksum"):
        next(frames)
