"""What a provider tells beside calls: the steps of its check, and its lists of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from dragoman.errors import UnsupportedError
from dragoman.listing import Listed
from dragoman.testing.case import ProviderSide
from dragoman.testing.contract.fixtures import ContractFixtures, Subject
from dragoman.testing.upstream import Reply

_NEEDED = "the provider lists models: say with the case's `beside` what it answers"


class Inspection(ContractFixtures):
    """The doctor finds an adapter well, and a list says what can be called, or why it says nothing."""

    @pytest.mark.asyncio
    async def test_check_ends_with_an_answer_and_tells_no_secret(
        self, subject: Subject, canaries: Mapping[str, str]
    ) -> None:
        subject.prepare_all(streamed="streamed" in self.ways)
        steps = [step async for step in subject.engine.check(subject.document)]
        assert not [name for name, value in canaries.items() if value in repr(steps)]
        assert (steps[-1].name, steps[-1].state) == ("call", "ok"), str(steps[-1])

    @pytest.mark.asyncio
    async def test_rows_of_a_list_become_adapters_that_hold(
        self, subject: Subject, canaries: Mapping[str, str]
    ) -> None:
        subject.prepare_all(streamed=False)
        (listed,) = await subject.engine.models([subject.document])
        if subject.case.beside is None and subject.case.wire is not None:
            assert all(isinstance(found.failure, UnsupportedError) for found in listed.lists), _NEEDED
            return
        rows = [row for found in listed.lists for row in found.models]
        assert rows, [str(found.failure) for found in listed.lists]
        assert not [row for row in rows if row.can_invoke is False and not row.why_not], "each says why not"
        for row in rows:
            if row.can_invoke is not False:
                assert (await subject.engine.resolve(listed.adapter_for(row, "listed"))).name == "listed"
        assert not [name for name, value in canaries.items() if value in repr(listed)]

    @pytest.mark.asyncio
    async def test_list_that_is_refused_says_so_and_tells_no_secret(
        self, subject: Subject, wire: ProviderSide, canaries: Mapping[str, str]
    ) -> None:
        subject.upstream.answer(wire.error(401, f"incorrect key {next(iter(canaries.values()), '')} given"))
        (listed,) = await subject.engine.models([subject.document])
        said = "".join(_failures(listed))
        assert not [name for name, value in canaries.items() if value in said]

    @pytest.mark.asyncio
    async def test_list_that_is_none_says_so(self, subject: Subject, wire: ProviderSide) -> None:
        subject.upstream.answer(Reply.text("<html>Welcome</html>"))
        (listed,) = await subject.engine.models([subject.document])
        assert not [said for said in _failures(listed) if " broke: " in said], "the plugin's own errors are meant"


def _failures(listed: Listed) -> Sequence[str]:
    """Return what each source says; all of them have failed."""
    assert listed.lists
    assert not [found.source for found in listed.lists if found.failure is None]
    return [f"{found.failure}{found.failure!r}{found.failure.as_dict()}" for found in listed.lists if found.failure]
