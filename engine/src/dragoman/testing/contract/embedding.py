"""Texts into vectors: each text its own, in order, in requests that the provider takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from dragoman.engine import DryRun
from dragoman.errors import InvalidRequestError, ProtocolError
from dragoman.events import EmbedResponse
from dragoman.testing.case import Answer, EmbedWire, ProviderCase
from dragoman.testing.contract.fixtures import ContractFixtures, Subject
from dragoman.testing.contract.requests import REFUSALS
from dragoman.testing.features import EMBED_FEATURES, PURPOSE
from dragoman.testing.upstream import Received, Reply

TEXTS = tuple(f"text {number}: wörld" for number in range(5))

TOKENS_A_TEXT = 3

#: More than any provider is known to take at once would need; a provider without a limit gets them in one request.
MANY = 100


def vector_of(text: str) -> list[float]:
    """Return the vector that the upstream gives a text: exact in 32 bits, and another one for each text of ours."""
    number = float(text.split()[1].rstrip(":")) if text.startswith("text ") else 0.5
    return [number, number / 2, -number, 1.0]


@dataclass(frozen=True, slots=True)
class EmbedSubject(Subject):
    """The provider under test, embedding."""

    def reply(self, sent: Received, answer: Answer, *, streamed: bool) -> Reply:
        """Return each text's vector."""
        wire = self.case.wire
        assert isinstance(wire, EmbedWire)
        texts = wire.texts(sent)
        return wire.vectors([vector_of(text) for text in texts], TOKENS_A_TEXT * len(texts), sent)

    async def ask(self, *, streamed: bool = False) -> EmbedResponse:
        """Embed one text."""
        return await self.embed(TEXTS[:1])

    async def show(self, *, streamed: bool = False, **rest: Any) -> DryRun:
        """Return the request that :meth:`ask` would send."""
        return await self.engine.embed_dry_run(self.document, TEXTS[:1], **rest)

    async def embed(self, texts: Sequence[str] = TEXTS, **rest: Any) -> EmbedResponse:
        """Embed texts."""
        return await self.engine.embed(self.document, texts, **rest)


class Embedding(ContractFixtures):
    """A text's vector is its own."""

    ways = ("whole",)
    wire_of = EmbedWire
    subject_of = EmbedSubject

    @pytest.mark.asyncio
    async def test_each_text_gets_its_vector(self, subject: EmbedSubject, wire: EmbedWire) -> None:
        subject.prepare(Answer(), streamed=False)
        response = await subject.embed()
        assert response.complete() == [vector_of(text) for text in TEXTS]
        assert not response.failures
        assert response.provider == subject.case.kind

    @pytest.mark.asyncio
    async def test_texts_get_the_same_vectors_together_and_alone(self, subject: EmbedSubject) -> None:
        subject.prepare(Answer(), streamed=False)
        together = (await subject.embed()).complete()
        alone = [(await subject.embed([text])).complete()[0] for text in TEXTS]
        assert together == alone
        assert len({len(vector) for vector in together}) == 1, "vectors of one length"

    @pytest.mark.asyncio
    async def test_order_is_kept_across_requests(self, subject: EmbedSubject, wire: EmbedWire) -> None:
        subject.prepare(Answer(), streamed=False)
        response = await subject.embed(override={"limits": {"max_batch_size": 1}})
        assert response.complete() == [vector_of(text) for text in TEXTS]
        assert len(subject.upstream.received) == len(TEXTS)

    @pytest.mark.asyncio
    async def test_no_request_holds_more_than_the_provider_takes(self, subject: EmbedSubject, wire: EmbedWire) -> None:
        subject.prepare(Answer(), streamed=False)
        limit = wire.max_texts
        texts = [f"text {number}:" for number in range(MANY if limit is None else 2 * limit + 1)]
        response = await subject.embed(texts)
        assert response.complete() == [vector_of(text) for text in texts]
        sizes = sorted(len(wire.texts(sent)) for sent in subject.upstream.received)
        assert sizes == ([len(texts)] if limit is None else [1, limit, limit])

    @pytest.mark.asyncio
    async def test_usage_is_summed_or_estimated(self, subject: EmbedSubject, wire: EmbedWire) -> None:
        subject.prepare(Answer(), streamed=False)
        for size in (len(TEXTS), 1):
            usage = (await subject.embed(override={"limits": {"max_batch_size": size}})).usage
            if subject.case.reports_usage:
                assert usage.source == "provider"
                assert usage.input_tokens == TOKENS_A_TEXT * len(TEXTS)
            else:
                assert usage.source == "estimated"

    @pytest.mark.asyncio
    async def test_failed_request_names_its_texts_and_leaves_the_others(
        self, subject: EmbedSubject, wire: EmbedWire
    ) -> None:
        def refuse_one(sent: Received) -> Reply:
            return (
                wire.error(400, "told so")
                if TEXTS[2] in wire.texts(sent)
                else subject.reply(sent, Answer(), streamed=False)
            )

        subject.upstream.answer(refuse_one)
        response = await subject.embed(override={"limits": {"max_batch_size": 1}})
        assert [index for index, vector in enumerate(response.vectors) if vector is None] == [2]
        assert isinstance(response.failures[2], InvalidRequestError)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("change", [-1, 1], ids=["one less", "one more"])
    async def test_wrong_number_of_vectors_is_a_protocol_error(
        self, subject: EmbedSubject, wire: EmbedWire, change: int
    ) -> None:
        def miscount(sent: Received) -> Reply:
            numbers = range(len(wire.texts(sent)) + change)
            return wire.vectors([vector_of(f"text {number}") for number in numbers], TOKENS_A_TEXT, sent)

        subject.upstream.answer(miscount)
        with pytest.raises(ProtocolError):
            await subject.embed(TEXTS[: wire.max_texts or len(TEXTS)])

    def test_case_names_known_features(self, case: ProviderCase) -> None:
        known = {*EMBED_FEATURES, PURPOSE}
        assert {*case.supports, *case.values} <= known, f"there are {sorted(known)}"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", EMBED_FEATURES)
    async def test_feature_is_sent_or_refused(self, subject: EmbedSubject, name: str) -> None:
        setting = {name: subject.case.values.get(name, EMBED_FEATURES[name])}
        if name not in subject.case.supports:
            with pytest.raises(REFUSALS, match=name):
                await subject.embed(TEXTS[:1], **setting)
            assert not subject.upstream.received
        elif subject.case.wire is None:
            assert (await subject.embed(TEXTS[:1], **setting)).complete()
        else:
            assert (await subject.show(**setting)).body != (await subject.show()).body

    @pytest.mark.asyncio
    async def test_purpose_makes_a_difference_where_the_case_says_so(
        self, subject: EmbedSubject, wire: EmbedWire
    ) -> None:
        query, document = [(await subject.show(purpose=purpose)).body for purpose in ("query", "document")]
        assert (query != document) == (PURPOSE in subject.case.supports)
