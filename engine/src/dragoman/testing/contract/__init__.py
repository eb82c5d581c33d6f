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

from collections.abc import Mapping
from typing import Any

from dragoman.testing.case import UPSTREAM, Answer, ProviderCase, Wire
from dragoman.testing.contract.answers import Answers
from dragoman.testing.contract.description import Description, Lightness
from dragoman.testing.contract.expression import Expression
from dragoman.testing.contract.faults import Faults
from dragoman.testing.contract.overrides import refuse_overrides
from dragoman.testing.contract.release import Release
from dragoman.testing.contract.secrecy import Secrecy
from dragoman.testing.upstream import HOLD, RESET, Received, Reply, Upstream

__all__ = [
    "CONTRACTS",
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
    "Upstream",
    "Wire",
]


class ProviderContract(Description, Answers, Expression, Faults, Release, Secrecy):
    """What every provider that answers conversations keeps. The fixture ``case`` is the author's."""

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        refuse_overrides(cls, ProviderContract)


#: Operation -> what its providers keep.
CONTRACTS: Mapping[str, type] = {"chat": ProviderContract}
