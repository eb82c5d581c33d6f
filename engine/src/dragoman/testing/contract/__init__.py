"""The contract of a provider as a class of tests: subclass it, give one fixture, run pytest.

    class TestAcme(ProviderContract):
        @pytest.fixture
        def case(self) -> ProviderCase:
            return ProviderCase(
                kind="acme",
                document={"model": "one", "connection": {"base_url": "{upstream}"}},
                wire=AcmeWire(),
                supports={"temperature", "max_tokens", "system"},
            )

The tests drive the installed plugin through the engine, against a scripted upstream. A test that cannot hold for a
provider is overridden in the subclass, marked ``pytest.mark.xfail(strict=True, reason=...)``; without that mark the
override is refused.
"""

from __future__ import annotations

from typing import Any

from dragoman.testing.case import UPSTREAM, Answer, EmbedWire, ProviderCase, RerankWire, Wire
from dragoman.testing.contract.answers import Answers
from dragoman.testing.contract.description import Description, Lightness
from dragoman.testing.contract.embedding import Embedding
from dragoman.testing.contract.expression import Expression
from dragoman.testing.contract.faults import Faults
from dragoman.testing.contract.inspection import Inspection
from dragoman.testing.contract.overrides import refuse_overrides
from dragoman.testing.contract.ranking import Ranking
from dragoman.testing.contract.release import Release
from dragoman.testing.contract.requests import Requests
from dragoman.testing.contract.secrecy import Secrecy
from dragoman.testing.upstream import HOLD, RESET, Received, Reply, Upstream

__all__ = [
    "CONTRACTS",
    "EmbedContract",
    "EmbedWire",
    "HOLD",
    "RESET",
    "UPSTREAM",
    "Answer",
    "Description",
    "Lightness",
    "ProviderCase",
    "ProviderContract",
    "Received",
    "Reply",
    "RerankContract",
    "RerankWire",
    "Upstream",
    "Wire",
]


class _EveryContract(Description, Requests, Faults, Release, Secrecy, Inspection):
    """What is kept whatever the operation."""

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        contract = next((kind for kind in CONTRACTS.values() if issubclass(cls, kind)), None)
        if contract is not None:
            refuse_overrides(cls, contract)


#: Operation -> what its providers keep.
CONTRACTS: dict[str, type[_EveryContract]] = {}


class ProviderContract(Answers, Expression, _EveryContract):
    """What every provider that answers conversations keeps. The fixture ``case`` is the author's."""


class EmbedContract(Embedding, _EveryContract):
    """What every provider that embeds keeps: a case with ``operation: embed`` and an :class:`EmbedWire`."""


class RerankContract(Ranking, _EveryContract):
    """What every provider that ranks documents keeps: a case with ``operation: rerank`` and a :class:`RerankWire`."""


CONTRACTS |= {"chat": ProviderContract, "embed": EmbedContract, "rerank": RerankContract}
