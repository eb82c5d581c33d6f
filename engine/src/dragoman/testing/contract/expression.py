"""What a provider can express is sent; what it cannot is refused or reported, never dropped in silence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from dragoman.engine import DryRun
from dragoman.errors import DocumentError, UnsupportedError
from dragoman.events import Report
from dragoman.secret import MASK
from dragoman.testing.case import Answer, ProviderCase, Wire
from dragoman.testing.contract.fixtures import ContractFixtures, Subject
from dragoman.testing.features import FEATURES, QUESTION, Feature
from dragoman.testing.upstream import Received

REFUSALS = (UnsupportedError, DocumentError)

#: What the transport adds to every request.
HEADERS_OF_HTTP = {"accept", "accept-encoding", "connection", "content-length", "host", "user-agent"}

#: A member, or a value, that no provider has.
STRANGER = "x_dragoman_stranger"


class Expression(ContractFixtures):
    """Declared works, undeclared is refused; a dry run is the truth."""

    def test_case_names_known_features(self, case: ProviderCase) -> None:
        assert set(case.supports) <= set(FEATURES), f"there are {sorted(FEATURES)}"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", FEATURES)
    async def test_feature_is_sent_or_refused(self, subject: Subject, name: str) -> None:
        feature = FEATURES[name]
        if name not in subject.case.supports:
            await _assert_not_silent(subject, feature)
            assert not subject.upstream.received
        elif subject.case.wire is None:
            await _reports(subject, feature)
        else:
            await _assert_written(subject, feature)

    @pytest.mark.asyncio
    async def test_own_body_member_is_merged_or_refused(self, subject: Subject, codec_wire: Wire) -> None:
        override = {"model_kwargs": {STRANGER: 1}}
        try:
            written = await subject.dry_run(override=override)
        except REFUSALS:
            return
        member = subject.case.model_kwargs_in
        assert (written.body if member is None else written.body[member])[STRANGER] == 1

    @pytest.mark.asyncio
    async def test_own_body_member_replaces_nothing_that_the_codec_writes(
        self, subject: Subject, codec_wire: Wire
    ) -> None:
        for member in (await subject.dry_run(stream=True)).body:
            override = {"model_kwargs": {member: STRANGER}}
            with pytest.raises(REFUSALS, match=member):
                await subject.dry_run(override=override, stream=True)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("header", ["Authorization", "Host", "api-key", "Cookie"])
    async def test_endpoint_kwargs_neither_authenticate_nor_redirect(
        self, subject: Subject, codec_wire: Wire, header: str
    ) -> None:
        for members in ({header: STRANGER}, {"headers": {header: STRANGER}}):
            with pytest.raises(REFUSALS):
                await subject.dry_run(override={"endpoint_kwargs": members})

    @pytest.mark.asyncio
    async def test_dry_run_equals_what_is_sent(self, subject: Subject, codec_wire: Wire, streamed: bool) -> None:
        shown = await subject.dry_run(stream=streamed)
        assert subject.upstream.connections == 0, "a dry run sends nothing"
        subject.prepare(Answer(), streamed=streamed)
        await subject.call(streamed=streamed)
        assert_same(shown, subject.upstream.received[-1], subject.upstream.url)

    @pytest.mark.asyncio
    async def test_dry_run_without_a_wire_is_refused_or_shows_the_question(self, subject: Subject) -> None:
        if subject.case.wire is not None:
            pytest.skip("this provider has a wire")
        try:
            shown = await subject.dry_run()
        except UnsupportedError:
            return
        assert QUESTION.text in json.dumps(shown.body)

    @pytest.mark.asyncio
    async def test_langchain_door_opens_or_says_why_not(self, subject: Subject) -> None:
        try:
            model = await subject.engine.langchain_model(subject.document)
        except UnsupportedError:
            return
        assert hasattr(model, "ainvoke"), "it is no LangChain chat model"


async def _assert_not_silent(subject: Subject, feature: Feature) -> None:
    try:
        reports = await _reports(subject, feature)
    except REFUSALS:
        return
    told = [report for report in reports if report.path and report.path.startswith(feature.path)]
    assert told, "it was neither refused nor reported, and the case does not say that it works"


async def _assert_written(subject: Subject, feature: Feature) -> None:
    body = await _written(subject, feature)
    if feature.marker is not None:
        assert feature.marker in json.dumps(body, ensure_ascii=False)
        return
    plain = await _written(subject, replace(feature, inference={}, tool_choice=None))
    assert body != plain, "the case says that it works, and the request is the same without it"


async def _written(subject: Subject, feature: Feature) -> Any:
    """Return the body of a request with the feature: from a dry run, or as a LangChain class has sent it."""
    if not subject.is_langchain:
        return (await subject.dry_run(feature.messages, **_asked(feature))).body
    subject.prepare(Answer(), streamed=False)
    await subject.call(feature.messages, **_asked(feature))
    return subject.upstream.received[-1].json()


async def _reports(subject: Subject, feature: Feature) -> Sequence[Report]:
    """Return what the engine reports about a request with the feature: of a dry run, where there is none of a call."""
    if subject.case.wire is None or subject.is_langchain:
        return (await subject.call(feature.messages, **_asked(feature))).reports
    return (await subject.dry_run(feature.messages, **_asked(feature))).reports


def _asked(feature: Feature) -> dict[str, Any]:
    return {"tools": feature.tools, "tool_choice": feature.tool_choice, **feature.inference}


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
