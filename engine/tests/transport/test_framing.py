from itertools import pairwise

import pytest
from dragoman.errors import PluginError, ProtocolError
from dragoman.provider import Frame
from dragoman.transport.framing import SSE, JSONLines, Raw, framing_for
from hypothesis import example, given
from hypothesis import strategies as st

LINE_ENDS = [b"\n", b"\r\n", b"\r"]


def cut(data, *positions):
    edges = [0, *sorted(min(p, len(data)) for p in positions), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def frames_of(framing, pieces):
    frames = []
    for piece in pieces:
        frames += framing.feed(piece)
    return frames + list(framing.end())


def by_the_standard(stream):
    """What the standard's own algorithm makes of a whole stream, and our two liberties with its end."""
    text = stream.decode("utf-8", "surrogateescape").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    frames, data, event = [], [], ""
    for line in [*text.split("\n"), ""]:
        if not line:
            joined = "\n".join(data)
            if data and (joined or event):
                frames.append(Frame(joined.encode("utf-8", "surrogateescape"), event or None))
            data, event = [], ""
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value
    return frames


@pytest.mark.parametrize(
    ("stream", "frames"),
    [
        (b"data: one\n\n", [Frame(b"one")]),
        (b"data:one\n\n", [Frame(b"one")]),
        (b"data:  one \n\n", [Frame(b" one ")]),
        (b"data: one\ndata: two\n\n", [Frame(b"one\ntwo")]),
        (b"data: one\n\n\n\ndata: two\n\n", [Frame(b"one"), Frame(b"two")]),
        (b": ping\n\ndata: one\n: ping\n\n", [Frame(b"one")]),
        (b"event: start\ndata: one\n\ndata: two\n\n", [Frame(b"one", "start"), Frame(b"two")]),
        (b"id: 7\nretry: 10\ndata: one\n\n", [Frame(b"one")]),
        (b"data: one", [Frame(b"one")]),
        (b"data: one\n", [Frame(b"one")]),
        (b"\xef\xbb\xbfdata: one\n\n", [Frame(b"one")]),
        (b"event: ping\n\ndata: one\n\n", [Frame(b"one")]),
        (b"event: ping\ndata:\n\n", [Frame(b"", "ping")]),
        (b"data:\n\ndata\n\ndata: one\n\n", [Frame(b"one")]),
        (b"database: x\n\n", []),
        (b"", []),
        (b"\xef\xbb", []),
        (b"<html>\n<body>no stream</body>\n</html>", []),
    ],
)
@pytest.mark.parametrize("end", LINE_ENDS)
def test_sse_reads_what_servers_send(stream, frames, end):
    assert frames_of(SSE(), [stream.replace(b"\n", end)]) == frames


STREAM = (
    '\ufeffevent: message-start\ndata: {"id": "é"}\n\n: ping\n\ndata: one\ndata: zwei ü\n\ndata: 🐘🐘\n\n\n'
    "event: e\ndata: last"
).encode()


@pytest.mark.parametrize("end", LINE_ENDS)
def test_sse_gives_the_same_frames_wherever_it_is_cut(end):
    stream = STREAM.replace(b"\n", end)
    whole = frames_of(SSE(), [stream])
    assert [frame.event for frame in whole] == ["message-start", None, None, "e"]
    for first in range(len(stream) + 1):
        for second in range(first, min(first + 5, len(stream) + 1)):
            assert frames_of(SSE(), cut(stream, first, second)) == whole


lines = st.lists(
    st.one_of(
        st.sampled_from(
            [b"", b"", b"data: x", b"data:", b"data", b":c", b"event: e", b"event:", b"id: 1", b"data:  y"]
        ),
        st.binary(max_size=6),
        st.text(max_size=3).map(lambda t: b"data: " + t.encode("utf-8", "replace")),
    ),
    max_size=12,
)
streams = st.builds(
    lambda mark, lines, ends: mark + b"".join(line + end for line, end in zip(lines, ends, strict=False)),
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef"]),
    lines,
    st.lists(st.sampled_from([*LINE_ENDS, b""]), min_size=12, max_size=12),
)


@given(streams, st.lists(st.integers(0, 120), max_size=8))
@example(b"data: a\r\n\r\ndata: b", [8, 9, 10])
def test_any_partition_of_sse_gives_the_frames_of_the_standard(stream, positions):
    frames = frames_of(SSE(), cut(stream, *positions))
    assert [frame.data for frame in frames] == [frame.data for frame in by_the_standard(stream)]
    assert frames == frames_of(SSE(), [stream])


@given(st.lists(st.binary(max_size=8), max_size=8), st.lists(st.integers(0, 80), max_size=8))
def test_any_partition_of_json_lines_gives_the_same_frames(values, positions):
    stream = b"\n".join(values)
    expected = [Frame(line.strip()) for line in stream.split(b"\n") if line.strip()]
    assert frames_of(JSONLines(), cut(stream, *positions)) == expected


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_raw_frames_joined_are_the_stream(stream, positions):
    frames = frames_of(Raw(), cut(stream, *positions))
    assert b"".join(frame.data for frame in frames) == stream
    assert all(frame.data for frame in frames)


def test_json_lines_end_in_either_kind_and_need_no_last_end():
    assert frames_of(JSONLines(), [b'{"a": 1}\r\n\n {"b": 2}\n{"c"', b": 3}"]) == [
        Frame(b'{"a": 1}'),
        Frame(b'{"b": 2}'),
        Frame(b'{"c": 3}'),
    ]


@pytest.mark.parametrize("framing", [SSE, JSONLines])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_frame_at_the_bound_passes_and_a_longer_one_is_refused_however_it_is_cut(framing, step):
    def feed(size):
        stream = b"data: " + b"x" * (size - 6) + b"\n\n"
        return frames_of(framing(50), [stream[i : i + step] for i in range(0, len(stream), step)])

    assert len(feed(50)) == 1
    with pytest.raises(ProtocolError, match="longer than 50 bytes"):
        feed(51)


@pytest.mark.parametrize("piece", [b"data: x\n", b"x" * 30])
def test_a_frame_that_never_ends_is_refused_before_it_fills_the_memory(piece):
    with pytest.raises(ProtocolError, match="longer than 1000 bytes"):
        frames_of(SSE(1000), [piece] * 200)


@pytest.mark.parametrize(("choice", "kind"), [("sse", SSE), ("jsonl", JSONLines), ("raw", Raw), (Raw, Raw)])
def test_a_framing_is_chosen_by_name_or_made_by_the_plugin(choice, kind):
    framing = framing_for(choice)
    assert type(framing) is kind
    assert framing is not framing_for(choice) or kind is Raw


def test_an_unknown_framing_names_the_known_ones():
    with pytest.raises(PluginError, match=r"'xml' is unknown.*sse, jsonl, raw"):
        framing_for("xml")
