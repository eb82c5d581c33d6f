"""Documents in the order of their relevance: best first, each by its place in the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from dragoman.engine import DryRun
from dragoman.errors import ProtocolError
from dragoman.events import Ranked, RerankResponse
from dragoman.testing.case import Answer, ProviderCase, RerankWire
from dragoman.testing.contract.fixtures import ContractFixtures, Subject
from dragoman.testing.contract.requests import REFUSALS
from dragoman.testing.features import RERANK_FEATURES
from dragoman.testing.upstream import Received, Reply

QUERY = "Which one is relevant?"

#: Each says how relevant it is, in sixteenths; the best one is neither first nor last.
DOCUMENTS = ("relevance 4: wörld", "relevance 1: a", "relevance 14: b", "relevance 9: c")

BEST_FIRST = [2, 3, 0, 1]


def score_of(document: str) -> float:
    """Return the score that the upstream gives a document; those of ours say it."""
    return float(document.split()[1].rstrip(":")) / 16 if document.startswith("relevance ") else 0.5


@dataclass(frozen=True, slots=True)
class RerankSubject(Subject):
    """The provider under test, ranking."""

    def reply(self, sent: Received, answer: Answer, *, streamed: bool) -> Reply:
        """Return each document's score."""
        wire = self.case.wire
        assert isinstance(wire, RerankWire)
        ranked = [Ranked(index, score_of(document)) for index, document in enumerate(wire.documents(sent))]
        return wire.ranking(sorted(ranked, key=lambda r: -r.score), sent)

    async def ask(self, *, streamed: bool = False) -> RerankResponse:
        """Rank the documents."""
        return await self.rerank()

    async def show(self, *, streamed: bool = False, **rest: Any) -> DryRun:
        """Return the request that :meth:`ask` would send."""
        return await self.engine.rerank_dry_run(self.document, QUERY, DOCUMENTS, **rest)

    async def rerank(self, documents: Sequence[str] = DOCUMENTS, **rest: Any) -> RerankResponse:
        """Rank documents."""
        return await self.engine.rerank(self.document, QUERY, documents, **rest)


class Ranking(ContractFixtures):
    """The most relevant comes first, and is the document that was meant."""

    ways = ("whole",)
    wire_of = RerankWire
    subject_of = RerankSubject

    @pytest.mark.asyncio
    async def test_best_document_comes_first(self, subject: RerankSubject) -> None:
        subject.prepare(Answer(), streamed=False)
        response = await subject.rerank()
        scores = [ranked.score for ranked in response.results]
        assert scores == sorted(scores, reverse=True)
        assert sorted(ranked.index for ranked in response.results) == list(range(len(DOCUMENTS)))
        assert response.provider == subject.case.kind
        assert response.usage.source in ("provider", "estimated")

    @pytest.mark.asyncio
    async def test_score_is_the_documents_own(self, subject: RerankSubject, wire: RerankWire) -> None:
        subject.prepare(Answer(), streamed=False)
        results = (await subject.rerank()).results
        assert [ranked.index for ranked in results] == BEST_FIRST
        assert [ranked.score for ranked in results] == [score_of(DOCUMENTS[index]) for index in BEST_FIRST]

    @pytest.mark.asyncio
    async def test_top_n_are_the_best(self, subject: RerankSubject) -> None:
        subject.prepare(Answer(), streamed=False)
        every = (await subject.rerank()).results
        assert (await subject.rerank(top_n=2)).results == every[:2]

    @pytest.mark.asyncio
    async def test_order_is_one_across_requests(self, subject: RerankSubject, wire: RerankWire) -> None:
        subject.prepare(Answer(), streamed=False)
        results = (await subject.rerank(override={"limits": {"max_batch_size": 1}})).results
        assert [ranked.index for ranked in results] == BEST_FIRST
        assert len(subject.upstream.received) == len(DOCUMENTS)

    @pytest.mark.asyncio
    async def test_no_request_holds_more_than_the_provider_takes(
        self, subject: RerankSubject, wire: RerankWire
    ) -> None:
        if (limit := wire.max_documents) is None:
            pytest.skip("the provider takes any number")
        subject.prepare(Answer(), streamed=False)
        documents = [f"relevance {number % 17}: x" for number in range(limit + 1)]
        assert len((await subject.rerank(documents)).results) == len(documents)
        assert sorted(len(wire.documents(sent)) for sent in subject.upstream.received) == [1, limit]

    @pytest.mark.asyncio
    async def test_document_that_nobody_sent_is_a_protocol_error(
        self, subject: RerankSubject, wire: RerankWire
    ) -> None:
        subject.upstream.answer(lambda sent: wire.ranking([Ranked(len(DOCUMENTS), 0.5)], sent))
        with pytest.raises(ProtocolError):
            await subject.rerank()

    def test_case_names_known_features(self, case: ProviderCase) -> None:
        known = set(RERANK_FEATURES)
        assert {*case.supports, *case.values} <= known, f"there are {sorted(known)}"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", RERANK_FEATURES)
    async def test_feature_is_sent_or_refused(self, subject: RerankSubject, name: str) -> None:
        setting = {name: subject.case.values.get(name, RERANK_FEATURES[name])}
        if name not in subject.case.supports:
            with pytest.raises(REFUSALS, match=name):
                await subject.rerank(**setting)
            assert not subject.upstream.received
        elif subject.case.wire is None:
            assert (await subject.rerank(**setting)).results
        else:
            assert (await subject.show(**setting)).body != (await subject.show()).body
