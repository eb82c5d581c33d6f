"""Secrets: used where the request is signed, shown nowhere."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Mapping

import pytest

from dragoman.errors import DragomanError, SecretError
from dragoman.testing.case import Answer, Wire
from dragoman.testing.contract.fixtures import BOTH_WAYS, ContractFixtures, Subject


class Secrecy(ContractFixtures):
    """A canary is looked for wherever a value could come out."""

    @pytest.fixture
    def secret(self, canaries: Mapping[str, str]) -> str:
        """Return one of the provider's secrets."""
        if not canaries:
            pytest.skip("this provider has no secrets")
        return next(iter(canaries.values()))

    @pytest.mark.asyncio
    async def test_secret_shows_in_no_dry_run(self, subject: Subject, wire: Wire, canaries: Mapping[str, str]) -> None:
        shown = repr(await subject.dry_run())
        assert not [name for name, value in canaries.items() if value in shown]

    @pytest.mark.asyncio
    async def test_secret_shows_in_no_resolved_adapter(self, subject: Subject, canaries: Mapping[str, str]) -> None:
        shown = repr(await subject.engine.resolve(subject.document))
        assert not [name for name, value in canaries.items() if value in shown]

    @pytest.mark.asyncio
    @BOTH_WAYS
    async def test_secret_shows_in_no_log(
        self, subject: Subject, wire: Wire, secret: str, caplog: pytest.LogCaptureFixture, streamed: bool
    ) -> None:
        caplog.set_level(logging.DEBUG)
        subject.prepare(Answer(), streamed=streamed)
        await subject.call(streamed=streamed)
        assert secret not in caplog.text

    @pytest.mark.asyncio
    @BOTH_WAYS
    async def test_secret_that_the_provider_echoes_is_removed(
        self, subject: Subject, wire: Wire, secret: str, caplog: pytest.LogCaptureFixture, streamed: bool
    ) -> None:
        caplog.set_level(logging.DEBUG)
        subject.upstream.answer(wire.error(401, f"incorrect key {secret} given"))
        with pytest.raises(DragomanError) as caught:
            await subject.call(streamed=streamed)
        error = caught.value
        shown = [str(error), repr(error), repr(error.__dict__), repr(error.as_dict()), caplog.text]
        shown += traceback.format_exception(error)
        assert not [text for text in shown if secret in text]
        assert secret.encode() not in pickle.dumps(error)

    @pytest.mark.asyncio
    async def test_missing_secret_is_named_and_nothing_is_sent(
        self, subject: Subject, wire: Wire, canaries: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in canaries:
            monkeypatch.delenv(name)
        subject.prepare(Answer(), streamed=False)
        try:
            await subject.call()
        except SecretError as caught:
            error = caught
        else:
            needed = subject.engine.plugins.provider(subject.case.kind).credentials
            assert not any(needed.values()), "a call went out without its secret"
            return
        assert [name for name in canaries if name in str(error)], "the error names the secret"
        assert not subject.upstream.received
