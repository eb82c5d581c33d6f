"""The request: the adapter's own members in their place, and a dry run that is the truth."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from dragoman.engine import DryRun
from dragoman.errors import DocumentError, UnsupportedError
from dragoman.secret import MASK
from dragoman.testing.case import Answer, ProviderSide
from dragoman.testing.contract.fixtures import ContractFixtures, Subject
from dragoman.testing.upstream import Received

REFUSALS = (UnsupportedError, DocumentError)

#: What the transport adds to every request.
HEADERS_OF_HTTP = {"accept", "accept-encoding", "connection", "content-length", "host", "user-agent"}

#: A member, or a value, that no provider has.
STRANGER = "x_dragoman_stranger"


class Requests(ContractFixtures):
    """What is sent is what was written down, and what a dry run shows."""

    @pytest.mark.asyncio
    async def test_own_body_member_is_merged_or_refused(self, subject: Subject, codec_wire: ProviderSide) -> None:
        override = {"model_kwargs": {STRANGER: 1}}
        try:
            written = await subject.show(override=override)
        except REFUSALS:
            return
        body = written.body
        for member in filter(None, (subject.case.model_kwargs_in or "").split(".")):
            body = body[member]
        assert body[STRANGER] == 1

    @pytest.mark.asyncio
    async def test_own_body_member_replaces_nothing_that_the_codec_writes(
        self, subject: Subject, codec_wire: ProviderSide
    ) -> None:
        for member in (await subject.show(streamed="streamed" in self.ways)).body:
            override = {"model_kwargs": {member: STRANGER}}
            with pytest.raises(REFUSALS, match=member):
                await subject.show(streamed="streamed" in self.ways, override=override)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("header", ["Authorization", "Host", "api-key", "Cookie"])
    async def test_endpoint_kwargs_neither_authenticate_nor_redirect(
        self, subject: Subject, codec_wire: ProviderSide, header: str
    ) -> None:
        for members in ({header: STRANGER}, {"headers": {header: STRANGER}}):
            with pytest.raises(REFUSALS):
                await subject.show(override={"endpoint_kwargs": members})

    @pytest.mark.asyncio
    async def test_dry_run_equals_what_is_sent(
        self, subject: Subject, codec_wire: ProviderSide, streamed: bool
    ) -> None:
        shown = await subject.show(streamed=streamed)
        assert subject.upstream.connections == 0, "a dry run sends nothing"
        subject.prepare(Answer(), streamed=streamed)
        await subject.ask(streamed=streamed)
        assert_same(shown, subject.upstream.received[-1], subject.upstream.url)


def assert_same(shown: DryRun, sent: Received, url: str) -> None:
    """Hold a dry run to the request that followed: all of it but the credentials, and what HTTP itself adds."""
    address = urlsplit(shown.url)
    assert shown.url.startswith(url)
    assert shown.method == sent.method
    assert f"{address.path}?{address.query}".rstrip("?") == sent.target
    assert shown.body == (sent.json() if sent.body else None)
    for name, value in shown.headers.items():
        if MASK in value:
            assert MASK not in sent.headers[name.lower()]
        else:
            assert sent.headers[name.lower()] == value
    unseen = set(sent.headers) - {name.lower() for name in shown.headers} - HEADERS_OF_HTTP
    assert not unseen, f"these headers were sent and not shown: {sorted(unseen)}"
