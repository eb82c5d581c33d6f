import asyncio
import gc
import pickle
import traceback
from contextlib import aclosing

import orjson
import pytest
from dragoman.errors import (
    AuthenticationError,
    CallTimeoutError,
    ConnectionFailedError,
    ContentFilteredError,
    DragomanError,
    ProtocolError,
    RateLimitedError,
    ServerError,
    UnsupportedError,
    error_class_for_status,
)
from dragoman.events import Finished, Reported, Response, TextDelta, Usage, UsageReported, collect
from dragoman.messages import Message, Text
from dragoman.provider import Authorizer, Codec, Credentials, HeaderKey, NoAuth, WireRequest
from dragoman.secret import Secret
from dragoman.transport.authorization import CredentialCache
from dragoman.transport.codec_session import CodecSession
from dragoman.transport.framing import SSE
from dragoman.transport.line import Line
from dragoman.transport.pool import TransportPool

NOW_S = 1_700_000_000.0


class Decoder:
    def feed(self, frame):
        if frame.data == b"[DONE]":
            return
        value = orjson.loads(frame.data)
        if "error" in value:
            raise ContentFilteredError(value["error"])
        if text := value.get("text"):
            yield TextDelta(text)
        if reason := value.get("finish"):
            yield Finished("stop", reason)
        if tokens := value.get("tokens"):
            yield UsageReported(Usage(output_tokens=tokens, source="provider"))
        value["kind"]

    def end(self):
        return ()


class Plain(Codec):
    """A wire of its own: ``{"kind": …, "text": …}``."""

    def __init__(self, url):
        self.url = url

    def encode(self, request):
        return WireRequest("POST", self.url, {"Content-Type": "application/json"}, b'{"say": "hello"}')

    def decode(self, request, reply):
        return Response(Message("assistant", (Text(orjson.loads(reply.body)["text"]),)), "stop")

    def decode_stream(self, request, reply):
        return Decoder()

    def error(self, reply):
        return error_class_for_status(reply.status)(orjson.loads(reply.body)["message"], status=reply.status)


@pytest.fixture
async def open_session():
    pool = TransportPool()
    cache = CredentialCache()

    def make(upstream, codec=Plain, authorizer=None):
        codec = codec(upstream.url + "/chat?key=in-the-query")
        return CodecSession(codec, Line(authorizer or NoAuth(), pool, cache, now_s=lambda: NOW_S))

    yield make
    await pool.aclose()


def sse(*values):
    return b"".join(
        b"data: " + (v if isinstance(v, bytes) else orjson.dumps({"kind": "k", **v})) + b"\n\n" for v in values
    )


async def events_of(session, request):
    return [event async for event in session.stream(request)]


async def failure_of(session, request, kind):
    """Return the events that came before the failure, and the failure."""
    events = []
    error = None
    try:
        async for event in session.stream(request):
            events.append(event)  # noqa: PERF401  (what came before the failure counts)
    except DragomanError as caught:
        error = caught
    assert type(error) is kind
    return events, error


def says(body, **answer):
    async def script(connection, request):
        await connection.answer(body, **answer)

    return script


HELLO = [TextDelta("hel"), TextDelta("lo"), Finished("stop", "end")]
HELLO_SSE = sse({"text": "hel"}, {"text": "lo"}, {"finish": "end"}, b"[DONE]")


# --- the way there and back ------------------------------------------------------------------------------------------


async def test_generate_asks_for_the_whole_answer_once(serve, open_session, chat):
    upstream = await serve(says(b'{"text": "hello"}'))
    response = await open_session(upstream).generate(chat())
    assert (response.text, response.finish_reason) == ("hello", "stop")
    assert [request.body for request in upstream.requests] == [b'{"say": "hello"}']


async def test_a_stream_yields_the_decoders_events(serve, open_session, chat):
    upstream = await serve(says(HELLO_SSE))
    assert await events_of(open_session(upstream), chat()) == HELLO


async def test_events_come_while_the_provider_is_still_speaking(serve, open_session, chat):
    heard = asyncio.Event()

    async def script(connection, request):
        await connection.chunked_head()
        await connection.chunk(sse({"text": "hel"}))
        await heard.wait()
        await connection.chunk(sse({"text": "lo"}, {"finish": "end"}))
        await connection.last_chunk()

    upstream = await serve(script)
    events = open_session(upstream).stream(chat())
    assert await anext(events) == TextDelta("hel")
    heard.set()
    assert [event async for event in events] == HELLO[1:]


TEXT = """data: {"kind": "k", "text": "grüße 🐘"}

: ping

event: e
data: {"kind":
data: "k", "finish": "end"}

data: [DONE]"""


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
async def test_a_stream_may_be_cut_at_every_byte(serve, open_session, chat, end):
    stream = TEXT.encode().replace(b"\n", end)
    fed = asyncio.Event()

    class Telling(SSE):
        def feed(self, piece):
            fed.set()
            return super().feed(piece)

    class Cut(Plain):
        framing = Telling

    cuts = iter(range(1, len(stream)))

    async def script(connection, request):
        cut = next(cuts)
        await connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(stream))
        fed.clear()
        await connection.write(stream[:cut])
        await fed.wait()
        await connection.write(stream[cut:])

    upstream = await serve(script)
    session = open_session(upstream, Cut)
    for _ in range(1, len(stream)):
        assert await events_of(session, chat()) == [TextDelta("grüße 🐘"), Finished("stop", "end")]
    assert len(upstream.connections) == 1


async def test_what_the_decoder_holds_back_comes_at_the_end(serve, open_session, chat):
    class Late(Decoder):
        def feed(self, frame):
            return ()

        def end(self):
            return HELLO

    class LateCodec(Plain):
        framing = "raw"

        def decode_stream(self, request, reply):
            return Late()

    upstream = await serve(says(b"anything"))
    assert await events_of(open_session(upstream, LateCodec), chat()) == HELLO


async def test_usage_may_follow_the_finish(serve, open_session, chat):
    upstream = await serve(says(sse({"text": "hello"}, {"finish": "end"}, {"tokens": 3})))
    response = collect(await events_of(open_session(upstream), chat()))
    assert (response.text, response.usage.output_tokens) == ("hello", 3)


async def test_what_cannot_be_encoded_is_not_sent(serve, open_session, chat):
    class Mute(Plain):
        def encode(self, request):
            raise UnsupportedError("no images")

    upstream = await serve(says(b"{}"))
    session = open_session(upstream, Mute)
    with pytest.raises(UnsupportedError):
        await session.generate(chat())
    with pytest.raises(UnsupportedError):
        await events_of(session, chat())
    assert not upstream.requests


# --- credentials -----------------------------------------------------------------------------------------------------


class Secrets:
    def __init__(self, *values):
        self.values = iter(values)

    async def secret(self, name):
        return Secret(next(self.values))


async def test_each_attempt_is_signed_with_the_secret_as_it_is_now(serve, open_session, chat):
    upstream = await serve(says(b'{"text": "hello"}'))
    session = open_session(upstream, authorizer=HeaderKey(Secrets("old", "new"), "KEY"))
    await session.generate(chat())
    await session.generate(chat())
    assert [request.headers["authorization"] for request in upstream.requests] == ["Bearer old", "Bearer new"]


class Tokens(Authorizer):
    identity = "tokens"

    def __init__(self):
        self.acquired = 0

    async def acquire(self):
        self.acquired += 1
        return Credentials(f"token-{self.acquired}", 4e9)

    def sign(self, request, credentials):
        return WireRequest(request.method, request.url, {**request.headers, "Token": credentials.value}, request.body)

    def placeholder(self):
        return Credentials("***")


@pytest.mark.parametrize("streaming", [False, True])
async def test_refused_credentials_are_acquired_anew_for_the_next_attempt(serve, open_session, chat, streaming):
    async def script(connection, request):
        if request.headers["token"] == "token-1":
            await connection.answer(b'{"message": "expired"}', status="401 No")
        else:
            await connection.answer(sse({"text": "a"}, {"finish": "end"}) if streaming else b'{"text": "a"}')

    upstream = await serve(script)
    tokens = Tokens()
    session = open_session(upstream, authorizer=tokens)

    async def call():
        return await events_of(session, chat()) if streaming else await session.generate(chat())

    with pytest.raises(AuthenticationError) as caught:
        await call()
    assert caught.value.stale_credentials
    await call()
    await call()
    assert tokens.acquired == 2


async def test_a_dry_run_shows_the_signed_request_masked_and_sends_nothing(serve, open_session, chat):
    upstream = await serve(says(b"{}"))
    shown = await open_session(upstream, authorizer=HeaderKey(Secrets(), "KEY")).dry_run(chat())
    assert shown.headers["Authorization"] == "Bearer ***"
    assert shown.body == b'{"say": "hello"}'
    assert not upstream.connections


# --- what goes wrong -------------------------------------------------------------------------------------------------


async def refused(session, request, streaming):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (the test looks at it)
        await (events_of(session, request) if streaming else session.generate(request))
    return caught.value


both_ways = pytest.mark.parametrize("streaming", [False, True])


@both_ways
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After_Ms": "300", "Retry_After": "7"}, 0.3),
        ({"Retry_After": "Tue, 14 Nov 2023 22:13:27 GMT"}, 7.0),
    ],
)
async def test_an_error_is_the_codecs_with_the_wait_from_the_headers(
    serve, open_session, chat, *, streaming, headers, seconds
):
    upstream = await serve(says(b'{"message": "slow down"}', status="429 Slow", **headers))
    error = await refused(open_session(upstream), chat(), streaming)
    assert (type(error), str(error), error.retry_after_s) == (RateLimitedError, "slow down", seconds)


async def test_a_wait_that_the_codec_read_itself_counts(serve, open_session, chat):
    class Knowing(Plain):
        def error(self, reply):
            return RateLimitedError("x", retry_after_s=1.0)

    upstream = await serve(says(b"", status="429 Slow", Retry_After="7"))
    assert (await refused(open_session(upstream, Knowing), chat(), False)).retry_after_s == 1.0


@both_ways
@pytest.mark.parametrize(
    ("status", "kind"),
    [("500 No", ServerError), ("401 No", AuthenticationError), ("404 No", None), ("302 Go", ProtocolError)],
)
async def test_an_error_page_that_the_codec_cannot_read_does_not_hide_the_status(
    serve, open_session, chat, *, streaming, status, kind
):
    upstream = await serve(says(b"<html>the-prompt</html>", status=status, Content_Type="text/html"))
    error = await refused(open_session(upstream), chat(), streaming)
    assert type(error) is (kind or error_class_for_status(404))
    assert error.status == int(status[:3])
    assert "the-prompt" not in "".join(traceback.format_exception(error))


BAD = {
    "not JSON": b"the-prompt",
    "a member missing": b'{"txt": "the-prompt"}',
    "a member of another type": b'["the-prompt"]',
    "not UTF-8": b'{"text": "\xff"}',
    "too deep": b"[" * 3000,
}


@both_ways
@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
async def test_an_answer_that_cannot_be_read_is_a_protocol_error_without_its_content(
    serve, open_session, chat, streaming, body
):
    upstream = await serve(says(b"data: " + body + b"\n\n" if streaming else body))
    error = await refused(open_session(upstream), chat(), streaming)
    assert type(error) is ProtocolError
    assert "Error in test_codec_session.py, line" in str(error)
    assert "the-prompt" not in "".join(traceback.format_exception(error))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  (our own)


@pytest.mark.parametrize(
    "raised", [KeyError("the-prompt"), AttributeError("x"), RecursionError(), StopIteration(), ZeroDivisionError()]
)
async def test_whatever_a_codec_raises_while_it_decodes_is_a_protocol_error(serve, open_session, chat, raised):
    class Broken(Plain):
        def decode(self, request, reply):
            raise raised

        def decode_stream(self, request, reply):
            raise raised

    upstream = await serve(says(HELLO_SSE))
    for streaming in (False, True):
        error = await refused(open_session(upstream, Broken), chat(), streaming)
        assert type(error) is ProtocolError
        assert type(raised).__name__ in str(error)
        assert "the-prompt" not in "".join(traceback.format_exception(error))


@both_ways
async def test_a_web_page_instead_of_an_answer_points_to_the_address(serve, open_session, chat, streaming):
    upstream = await serve(says(b"<html>welcome</html>", Content_Type="text/html; charset=utf-8"))
    error = await refused(open_session(upstream), chat(), streaming)
    assert type(error) is ProtocolError
    assert "content type is text/html; check the address" in str(error)


async def test_events_before_a_failure_are_handed_out(serve, open_session, chat):
    upstream = await serve(says(sse({"text": "hel"}, {"error": "filtered"}, {"text": "lo"})))
    events, _ = await failure_of(open_session(upstream), chat(), ContentFilteredError)
    assert events == [TextDelta("hel")]
    upstream = await serve(says(sse({"text": "hel"}, b'{"text": "lo"}', {"finish": "end"})))
    events, _ = await failure_of(open_session(upstream), chat(), ProtocolError)
    assert events == [TextDelta("hel"), TextDelta("lo")]


@pytest.mark.parametrize("stream", [b"", sse({"text": "hel"}), sse(b"[DONE]"), b": ping\n\n"])
async def test_a_stream_without_its_finish_is_no_answer(serve, open_session, chat, stream):
    upstream = await serve(says(stream))
    _, error = await failure_of(open_session(upstream), chat(), ProtocolError)
    assert "ended before the answer was complete" in str(error)
    assert not error.retryable


async def test_a_stream_with_two_finishes_is_no_answer(serve, open_session, chat):
    upstream = await serve(says(sse({"text": "a"}, {"finish": "end"}, {"finish": "end"})))
    events, error = await failure_of(open_session(upstream), chat(), ProtocolError)
    assert "finished twice" in str(error)
    assert events == [TextDelta("a"), Finished("stop", "end")]


def breaks_after(stream, *, hard):
    async def script(connection, request):
        await connection.chunked_head()
        if stream:
            await connection.chunk(stream)
        connection.reset() if hard else connection.cut()

    return script


@pytest.mark.parametrize("hard", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("position", range(0, len(sse({"text": "hel"}, {"text": "lo"})), 5))
async def test_a_connection_that_breaks_before_the_finish_is_no_answer(serve, open_session, chat, position, hard):
    stream = sse({"text": "hel"}, {"text": "lo"}, {"finish": "end"})[:position]
    upstream = await serve(breaks_after(stream, hard=hard))
    events, _ = await failure_of(open_session(upstream), chat(), ConnectionFailedError)
    assert events in ([], HELLO[:1], HELLO[:2])
    await upstream.all_closed()


@pytest.mark.parametrize("rest", [b"", b'data: {"kind'])
async def test_a_connection_that_breaks_after_the_finish_is_an_answer_and_reported(serve, open_session, chat, rest):
    upstream = await serve(breaks_after(sse({"text": "hello"}, {"finish": "end"}) + rest, hard=False))
    *events, last = await events_of(open_session(upstream), chat())
    assert events == [TextDelta("hello"), Finished("stop", "end")]
    assert isinstance(last, Reported)
    assert last.report.code == "broken_after_finish"


def stalls_after(stream):
    async def script(connection, request):
        await connection.chunked_head()
        await connection.chunk(stream)
        await connection.until_client_closes()

    return script


async def test_a_stream_that_stalls_ends_with_its_deadline(serve, open_session, chat):
    upstream = await serve(stalls_after(sse({"text": "hel"})))
    events, error = await failure_of(open_session(upstream), chat(chunk_timeout_s=0.02), CallTimeoutError)
    assert (events, error.phase) == ([TextDelta("hel")], "between_chunks")
    await upstream.all_closed()


async def test_a_stream_that_stays_open_after_its_finish_is_an_answer(serve, open_session, chat):
    upstream = await serve(stalls_after(sse({"text": "hello"}, {"finish": "end"})))
    events = await events_of(open_session(upstream), chat(chunk_timeout_s=0.02))
    assert events[:2] == [TextDelta("hello"), Finished("stop", "end")]
    await upstream.all_closed()


# --- leaving early ---------------------------------------------------------------------------------------------------


async def take_one(session, request):
    async with aclosing(session.stream(request)) as events:
        await anext(events)


async def take_one_and_drop_the_rest(session, request):
    async for _ in session.stream(request):
        break
    gc.collect()


@pytest.mark.parametrize("leave", [take_one, take_one_and_drop_the_rest])
async def test_leaving_a_stream_closes_its_connection(serve, open_session, chat, leave):
    upstream = await serve(stalls_after(sse({"text": "hel"})))
    await leave(open_session(upstream), chat())
    await upstream.seen(upstream.connections[0].closed_by_client)
    await upstream.all_closed()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelling_a_stream_closes_its_connection(serve, open_session, chat):
    upstream = await serve(stalls_after(sse({"text": "hel"})))
    session, begun = open_session(upstream), asyncio.Event()

    async def listen():
        async for _ in session.stream(chat()):
            begun.set()

    task = asyncio.create_task(listen())
    await upstream.seen(begun)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await upstream.seen(upstream.connections[0].closed_by_client)
    await upstream.all_closed()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_of_the_caller_inside_a_stream_is_his_own(serve, open_session, chat):
    upstream = await serve(stalls_after(sse({"text": "hel"})))
    events = open_session(upstream).stream(chat())
    await anext(events)
    with pytest.raises(KeyError):
        await events.athrow(KeyError("mine"))
    await upstream.seen(upstream.connections[0].closed_by_client)


async def test_a_session_serves_several_event_loops_and_leaves_nothing_at_their_end(serve, open_session, chat):
    async def script(connection, request):
        await (says(HELLO_SSE) if len(upstream.requests) % 2 else stalls_after(sse({"text": "hel"})))(
            connection, request
        )

    upstream = await serve(script)
    session = open_session(upstream)

    async def listen():
        assert await events_of(session, chat()) == HELLO
        unfinished = session.stream(chat())
        assert await anext(unfinished) == TextDelta("hel")
        return unfinished  # the end of the loop closes it

    for _ in range(3):
        unfinished = await asyncio.to_thread(lambda: asyncio.run(listen()))
        assert unfinished.ag_frame is None
    gc.collect()
    await upstream.all_closed()
