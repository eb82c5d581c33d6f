"""Failures: each in the one error tree, by status, whatever the body looks like."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from dragoman.errors import (
    AddressRefusedError,
    AuthenticationError,
    CallTimeoutError,
    ConflictError,
    ConnectionFailedError,
    DocumentError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    ServerError,
)
from dragoman.resolve import Resolved
from dragoman.testing.case import ProviderCase, ProviderSide
from dragoman.testing.contract.fixtures import ContractFixtures, Subject
from dragoman.testing.upstream import RESET, Reply


class Verdict(NamedTuple):
    """What a status means to a caller."""

    kind: type[ProviderError]
    code: str
    retryable: bool


#: Status -> what a caller is promised about it, whoever the provider is. Written out, so that no change passes unseen.
VERDICTS: Mapping[int, Verdict] = {
    400: Verdict(InvalidRequestError, "invalid_request", retryable=False),
    401: Verdict(AuthenticationError, "authentication", retryable=False),
    403: Verdict(PermissionDeniedError, "permission_denied", retryable=False),
    404: Verdict(ModelNotFoundError, "model_not_found", retryable=False),
    408: Verdict(CallTimeoutError, "timeout", retryable=True),
    409: Verdict(ConflictError, "conflict", retryable=True),
    413: Verdict(InvalidRequestError, "invalid_request", retryable=False),
    422: Verdict(InvalidRequestError, "invalid_request", retryable=False),
    429: Verdict(RateLimitedError, "rate_limited", retryable=True),
    500: Verdict(ServerError, "server", retryable=True),
    502: Verdict(ServerError, "server", retryable=True),
    503: Verdict(ServerError, "server", retryable=True),
    504: Verdict(ServerError, "server", retryable=True),
    529: Verdict(ServerError, "server", retryable=True),
}

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
    @pytest.mark.parametrize("status", VERDICTS)
    async def test_status_decides_the_error(
        self, subject: Subject, wire: ProviderSide, status: int, streamed: bool
    ) -> None:
        subject.upstream.answer(wire.error(status, "told so"))
        error = await _failure(subject, streamed)
        expected = _verdict(subject.case, status)
        assert isinstance(error, expected.kind)
        assert (error.code, error.retryable) == (expected.code, expected.retryable)
        assert error.status == status
        assert error.provider == subject.case.kind
        assert "told so" in error.message
        assert len(subject.upstream.received) == 1, "the engine retries; a session makes one attempt"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("status", VERDICTS)
    async def test_error_survives_pickling(self, subject: Subject, wire: ProviderSide, status: int) -> None:
        subject.upstream.answer(wire.error(status, "told so"))
        error = await _failure(subject)
        restored = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(restored) is type(error)
        assert restored.__dict__ == error.__dict__
        assert restored.as_dict() == error.as_dict()

    @pytest.mark.asyncio
    @pytest.mark.parametrize("body", BODIES)
    async def test_error_body_may_be_anything(
        self, subject: Subject, wire: ProviderSide, body: str, streamed: bool
    ) -> None:
        subject.upstream.answer(BODIES[body])
        error = await _failure(subject, streamed)
        assert error.status == 502
        assert error.retryable
        assert error.message

    @pytest.mark.asyncio
    @pytest.mark.parametrize("body", NONSENSE)
    async def test_nonsense_is_a_protocol_error(
        self, subject: Subject, codec_wire: ProviderSide, body: str, streamed: bool
    ) -> None:
        subject.upstream.answer(NONSENSE[body])
        with pytest.raises(ProtocolError):
            await subject.ask(streamed=streamed)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("status", [429, 503])
    async def test_retry_after_is_heard(self, subject: Subject, wire: ProviderSide, status: int) -> None:
        reply = wire.error(status, "slow down")
        subject.upstream.answer(Reply(reply.body, status, {**reply.headers, "retry-after": "7"}))
        assert (await _failure(subject)).retry_after_s == 7

    @pytest.mark.asyncio
    async def test_redirect_is_not_followed(self, subject: Subject, codec_wire: ProviderSide, streamed: bool) -> None:
        subject.upstream.answer(Reply((b"",), 307, {"location": f"{subject.upstream.url}/elsewhere"}))
        with pytest.raises(ProviderError):
            await subject.ask(streamed=streamed)
        assert len(subject.upstream.received) == 1

    @pytest.mark.asyncio
    async def test_address_of_an_api_caller_is_checked(
        self, subject: Subject, wire: ProviderSide, monkeypatch: pytest.MonkeyPatch, streamed: bool
    ) -> None:
        resolve = subject.engine.resolve

        async def resolve_for_a_caller(*what: Any, **rest: Any) -> Resolved:
            return await resolve(*what, **{**rest, "trusted": False})

        monkeypatch.setattr(subject.engine, "resolve", resolve_for_a_caller)
        with pytest.raises((AddressRefusedError, DocumentError)):
            await subject.ask(streamed=streamed)
        assert not subject.upstream.connections

    @pytest.mark.asyncio
    async def test_broken_connection_is_a_connection_error(
        self, subject: Subject, wire: ProviderSide, streamed: bool
    ) -> None:
        subject.upstream.answer(Reply((RESET,)))
        with pytest.raises(ConnectionFailedError) as caught:
            await subject.ask(streamed=streamed)
        assert caught.value.retryable

    @pytest.mark.asyncio
    async def test_unreachable_server_is_a_connection_error(
        self, subject: Subject, case: ProviderCase, wire: ProviderSide, streamed: bool
    ) -> None:
        with socket.socket() as taken:  # bound and not listening: nobody answers here
            taken.bind(("127.0.0.1", 0))
            nowhere = case.at(f"http://127.0.0.1:{taken.getsockname()[1]}")
            lost = self.subject_of(nowhere, subject.engine, subject.upstream)
            with pytest.raises(ConnectionFailedError):
                await lost.ask(streamed=streamed)


async def _failure(subject: Subject, streamed: bool = False) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await subject.ask(streamed=streamed)
    return caught.value


def _verdict(case: ProviderCase, status: int) -> Verdict:
    """Return what the status means: the table's word, or that of the case's own class for it."""
    kind = case.errors.get(status)
    return VERDICTS[status] if kind is None else Verdict(kind, kind.code, kind.default_retryable)
