"""Secrets: used where the request is signed, shown nowhere."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Mapping

import pytest

from dragoman.errors import DragomanError, SecretError
from dragoman.testing.case import Answer, ProviderSide
from dragoman.testing.contract.fixtures import ContractFixtures, Subject, Watcher


class Secrecy(ContractFixtures):
    """A canary is looked for wherever a value could come out."""

    @pytest.fixture
    def secret(self, canaries: Mapping[str, str]) -> str:
        """Return one of the provider's secrets."""
        if not canaries:
            pytest.skip("this provider has no secrets")
        return next(iter(canaries.values()))

    @pytest.mark.asyncio
    async def test_secret_shows_in_no_dry_run(
        self, subject: Subject, codec_wire: ProviderSide, canaries: Mapping[str, str]
    ) -> None:
        shown = repr(await subject.show())
        assert not [name for name, value in canaries.items() if value in shown]

    @pytest.mark.asyncio
    async def test_secret_shows_in_no_resolved_adapter(self, subject: Subject, canaries: Mapping[str, str]) -> None:
        shown = repr(await subject.engine.resolve(subject.document))
        assert not [name for name, value in canaries.items() if value in shown]

    @pytest.mark.asyncio
    async def test_secret_shows_in_no_log_and_no_answer(
        self,
        subject: Subject,
        wire: ProviderSide,
        canaries: Mapping[str, str],
        caplog: pytest.LogCaptureFixture,
        streamed: bool,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        subject.prepare(Answer(), streamed=streamed)
        answer = await subject.ask(streamed=streamed)
        shown = [repr(answer), repr(subject.engine), caplog.text]
        assert not [name for name, value in canaries.items() if value in "".join(shown)]

    @pytest.mark.asyncio
    async def test_observers_are_told_of_each_call_and_of_no_secret(
        self, subject: Subject, wire: ProviderSide, canaries: Mapping[str, str], watcher: Watcher, streamed: bool
    ) -> None:
        subject.prepare(Answer(), streamed=streamed)
        await subject.ask(streamed=streamed)
        subject.upstream.answer(wire.error(401, f"incorrect keys {list(canaries.values())} given"))
        with pytest.raises(DragomanError):
            await subject.ask(streamed=streamed)
        assert [seen.phase for seen in watcher.seen] == ["start", "end", "start", "error"]
        assert watcher.seen[-1].error_code == "authentication"
        assert not [name for name, value in canaries.items() if value in repr(watcher.seen)]

    @pytest.mark.asyncio
    async def test_secret_that_the_provider_echoes_is_removed(
        self, subject: Subject, wire: ProviderSide, secret: str, caplog: pytest.LogCaptureFixture, streamed: bool
    ) -> None:
        caplog.set_level(logging.DEBUG)
        subject.upstream.answer(wire.error(401, f"incorrect key {secret} given"))
        with pytest.raises(DragomanError) as caught:
            await subject.ask(streamed=streamed)
        error = caught.value
        shown = [str(error), repr(error), repr(error.__dict__), repr(error.as_dict()), caplog.text]
        shown += traceback.format_exception(error)
        assert not [text for text in shown if secret in text]
        assert secret.encode() not in pickle.dumps(error)

    @pytest.mark.asyncio
    async def test_missing_secret_is_named_and_nothing_is_sent(
        self, subject: Subject, wire: ProviderSide, canaries: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in canaries:
            monkeypatch.delenv(name)
        subject.prepare(Answer(), streamed=False)
        try:
            await subject.ask()
        except SecretError as caught:
            error = caught
        else:
            needed = subject.engine.plugins.provider(subject.case.kind).credentials
            assert not any(needed.values()), "a call went out without its secret"
            return
        assert [name for name in canaries if name in str(error)], "the error names the secret"
        assert not subject.upstream.received
