"""Failures: each in the one error tree, by status, whatever the body looks like."""

from __future__ import annotations

import pickle
import socket

import pytest

from dragoman.errors import ConnectionFailedError, ProtocolError, ProviderError, error_class_for_status
from dragoman.testing.case import ProviderCase, Wire
from dragoman.testing.contract.fixtures import BOTH_WAYS, ContractFixtures, Subject
from dragoman.testing.upstream import RESET, Reply

STATUSES = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)

_JSON = {"content-type": "application/json"}

BODIES = {
    "html": Reply.text("<!doctype html><h1>Bad gateway</h1>", 502, "text/html"),
    "empty": Reply((b"",), 502),
    "list": Reply.json([1], 502),
    "null": Reply.json(None, 502),
    "text": Reply.json("broken", 502),
    "wrong types": Reply.json({"error": 7, "message": {}, "code": []}, 502),
    "not UTF-8": Reply((b"\xff\xfe\x00{",), 502, _JSON),
    "half JSON": Reply((b'{"error": {"mess',), 502, _JSON),
}

#: Answers of status 200 that are none.
NONSENSE = {
    "html": Reply.text("<!doctype html><p>Log in first</p>", 200, "text/html"),
    "empty": Reply((b"",), 200),
    "list": Reply.json([1]),
    "null": Reply.json(None),
    "nothing": Reply.json({}),
    "not UTF-8": Reply((b"\xff\xfe\x00{",), 200, _JSON),
}


class Faults(ContractFixtures):
    """A failure is an error of the tree, with what the provider said about it."""

    @pytest.mark.asyncio
    @BOTH_WAYS
    @pytest.mark.parametrize("status", STATUSES)
    async def test_status_decides_the_error(self, subject: Subject, wire: Wire, status: int, streamed: bool) -> None:
        subject.upstream.answer(wire.error(status, "told so"))
        with pytest.raises(subject.case.errors.get(status) or error_class_for_status(status)) as caught:
            await subject.call(streamed=streamed)
        error = caught.value
        assert error.status == status
        assert error.provider == subject.case.kind
        assert "told so" in error.message

    @pytest.mark.asyncio
    @pytest.mark.parametrize("status", STATUSES)
    async def test_error_survives_pickling(self, subject: Subject, wire: Wire, status: int) -> None:
        subject.upstream.answer(wire.error(status, "told so"))
        with pytest.raises(ProviderError) as caught:
            await subject.call()
        restored = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
        assert type(restored) is type(caught.value)
        assert restored.__dict__ == caught.value.__dict__

    @pytest.mark.asyncio
    @BOTH_WAYS
    @pytest.mark.parametrize("body", BODIES)
    async def test_error_body_may_be_anything(self, subject: Subject, wire: Wire, body: str, streamed: bool) -> None:
        subject.upstream.answer(BODIES[body])
        with pytest.raises(ProviderError) as caught:
            await subject.call(streamed=streamed)
        assert caught.value.status == 502
        assert caught.value.retryable
        assert caught.value.message

    @pytest.mark.asyncio
    @BOTH_WAYS
    @pytest.mark.parametrize("body", NONSENSE)
    async def test_nonsense_is_a_protocol_error(self, subject: Subject, wire: Wire, body: str, streamed: bool) -> None:
        subject.upstream.answer(NONSENSE[body])
        with pytest.raises(ProtocolError):
            await subject.call(streamed=streamed)

    @pytest.mark.asyncio
    async def test_retry_after_is_heard(self, subject: Subject, wire: Wire) -> None:
        reply = wire.error(429, "slow down")
        subject.upstream.answer(Reply(reply.body, 429, {**reply.headers, "retry-after": "7"}))
        with pytest.raises(ProviderError) as caught:
            await subject.call()
        assert caught.value.retry_after_s == 7

    @pytest.mark.asyncio
    @BOTH_WAYS
    async def test_redirect_is_not_followed(self, subject: Subject, wire: Wire, streamed: bool) -> None:
        subject.upstream.answer(Reply((b"",), 307, {"location": f"{subject.upstream.url}/elsewhere"}))
        with pytest.raises(ProviderError):
            await subject.call(streamed=streamed)
        assert len(subject.upstream.received) == 1

    @pytest.mark.asyncio
    @BOTH_WAYS
    async def test_broken_connection_is_a_connection_error(self, subject: Subject, wire: Wire, streamed: bool) -> None:
        subject.upstream.answer(Reply((RESET,)))
        with pytest.raises(ConnectionFailedError) as caught:
            await subject.call(streamed=streamed)
        assert caught.value.retryable

    @pytest.mark.asyncio
    @BOTH_WAYS
    async def test_unreachable_server_is_a_connection_error(
        self, subject: Subject, case: ProviderCase, wire: Wire, streamed: bool
    ) -> None:
        with socket.socket() as taken:  # bound and not listening: nobody answers here
            taken.bind(("127.0.0.1", 0))
            nowhere = case.at(f"http://127.0.0.1:{taken.getsockname()[1]}")
            lost = Subject(nowhere, subject.engine, subject.upstream)
            with pytest.raises(ConnectionFailedError):
                await lost.call(streamed=streamed)
