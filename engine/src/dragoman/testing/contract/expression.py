"""What a provider can express is sent; what it cannot is refused or reported, never dropped in silence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from dragoman.errors import ProviderError, UnsupportedError
from dragoman.events import Report
from dragoman.testing.case import Answer, ProviderCase
from dragoman.testing.contract.fixtures import ContractFixtures, Subject
from dragoman.testing.contract.requests import REFUSALS
from dragoman.testing.features import FEATURES, QUESTION, Feature


class Expression(ContractFixtures):
    """Declared works, undeclared is refused."""

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
    except ProviderError:  # a LangChain class refuses in its own words, before it sends anything
        if subject.is_langchain:
            return
        raise
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
