"""What a provider tells beside calls: the steps of its check, its lists of models, its policies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from dragoman.errors import DragomanError, PluginError, UnsupportedError
from dragoman.inspection import Permissions
from dragoman.listing import Listed
from dragoman.provider import Provider, ProviderDescription
from dragoman.sessions import import_provider
from dragoman.testing.case import ProviderSide
from dragoman.testing.contract.fixtures import ContractFixtures, Subject
from dragoman.testing.upstream import Reply

_NEEDED = "the provider lists models: say with the case's `beside` what it answers"


class Inspection(ContractFixtures):
    """The doctor finds an adapter well; a list says what can be called, or why it says nothing; policies are JSON."""

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

    def test_policies_are_described_where_there_are_some(self, description: ProviderDescription) -> None:
        shows_some = type(import_provider(description)).permissions is not Provider.permissions
        assert shows_some == bool(description.permission_purposes), "permission_purposes say what they are asked for"

    @pytest.mark.asyncio
    async def test_policies_for_a_call_are_json_and_tell_no_secret(
        self, subject: Subject, description: ProviderDescription, canaries: Mapping[str, str]
    ) -> None:
        if not description.permission_purposes:
            with pytest.raises(UnsupportedError):
                await subject.engine.permissions(subject.document)
            return
        found = await subject.engine.permissions(subject.document)
        assert found.permissions, "where there is nothing to allow, an error says so"
        answers = [found, *[await _permissions(subject, one) for one in description.permission_purposes]]
        for answer in filter(None, answers):
            assert json.loads(json.dumps(answer.as_dict())) == answer.as_dict()
        assert not [name for name, value in canaries.items() if value in repr(answers)]

    @pytest.mark.asyncio
    async def test_policies_for_what_nobody_knows_are_refused_with_what_is_known(
        self, subject: Subject, description: ProviderDescription
    ) -> None:
        with pytest.raises(UnsupportedError) as refused:
            await subject.engine.permissions(subject.document, purposes=["no_such_purpose"])
        assert not [known for known in description.permission_purposes if known not in str(refused.value)]


async def _permissions(subject: Subject, purpose: str) -> Permissions | None:
    """Return the policies for a purpose; ``None`` where the provider says that there is nothing to allow."""
    try:
        return await subject.engine.permissions(subject.document, purposes=[purpose])
    except PluginError:
        raise
    except DragomanError:
        return None


def _failures(listed: Listed) -> Sequence[str]:
    """Return what each source says; all of them have failed."""
    assert listed.lists
    assert not [found.source for found in listed.lists if found.failure is None]
    return [f"{found.failure}{found.failure!r}{found.failure.as_dict()}" for found in listed.lists if found.failure]
