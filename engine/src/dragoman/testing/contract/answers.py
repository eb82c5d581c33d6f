"""Answers, whole and streamed: what the provider said, in order, and never half."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from dragoman.errors import ConnectionFailedError, ProtocolError, ProviderError
from dragoman.events import FINISH_REASONS, Event, Finished, Response, Started, ToolCallDelta, UsageReported
from dragoman.messages import ToolCall
from dragoman.testing.case import Answer, ProviderCase, Wire
from dragoman.testing.contract.fixtures import ContractFixtures, Subject
from dragoman.testing.features import WEATHER
from dragoman.testing.upstream import HOLD, PATIENCE_S, RESET, Step

TWO_CALLS = Answer(
    pieces=(),
    tool_calls=(
        ToolCall("call_1", WEATHER.name, '{"city": "Paris"}'),
        ToolCall("call_2", WEATHER.name, '{"city": "Besançon"}'),
    ),
    finish_reason="tool_calls",
)

#: What a whole answer and a collected stream have in common; the provider's own figures may differ by the way.
COMPARED = ("message", "finish_reason", "provider_finish_reason")


class Answers(ContractFixtures):
    """What comes back is what the provider said."""

    @pytest.mark.asyncio
    async def test_answer_is_what_the_provider_said(self, subject: Subject, wire: Wire, streamed: bool) -> None:
        subject.prepare(Answer(), streamed=streamed)
        _assert_says(await subject.call(streamed=streamed), Answer())

    @pytest.mark.asyncio
    async def test_answer_cut_at_max_tokens_says_so(self, subject: Subject, wire: Wire, streamed: bool) -> None:
        answer = Answer(finish_reason="length")
        subject.prepare(answer, streamed=streamed)
        _assert_says(await subject.call(streamed=streamed), answer)

    @pytest.mark.asyncio
    async def test_tool_calls_come_through(self, subject: Subject, wire: Wire, streamed: bool) -> None:
        if "tools" not in subject.case.supports:
            pytest.skip("the case does not support tools")
        subject.prepare(TWO_CALLS, streamed=streamed)
        _assert_says(await subject.call(streamed=streamed, tools=[WEATHER]), TWO_CALLS)

    @pytest.mark.asyncio
    async def test_answer_is_complete(self, subject: Subject, streamed: bool) -> None:
        subject.prepare(Answer(), streamed=streamed)
        response = await subject.call(streamed=streamed)
        assert response.text
        assert response.finish_reason in FINISH_REASONS
        assert response.usage.source in ("provider", "estimated")
        assert response.provider == subject.case.kind

    @pytest.mark.asyncio
    async def test_collected_stream_equals_whole_answer(self, subject: Subject) -> None:
        settings = _repeatable(subject.case)
        subject.prepare(Answer(), streamed=False)
        whole = await subject.call(**settings)
        subject.prepare(Answer(), streamed=True)
        streamed = await subject.call(streamed=True, **settings)
        for name in COMPARED:
            assert getattr(streamed, name) == getattr(whole, name), name
        assert streamed.usage._replace(detail=None) == whole.usage._replace(detail=None)

    @pytest.mark.asyncio
    async def test_events_come_in_order(self, subject: Subject) -> None:
        subject.prepare(Answer(), streamed=True)
        async with subject.stream() as stream:
            _assert_order([event async for event in stream])

    @pytest.mark.asyncio
    async def test_tool_call_events_come_in_order(self, subject: Subject, wire: Wire) -> None:
        if "tools" not in subject.case.supports:
            pytest.skip("the case does not support tools")
        subject.prepare(TWO_CALLS, streamed=True)
        async with subject.stream(tools=[WEATHER]) as stream:
            events = [event async for event in stream]
        _assert_order(events)
        _assert_tool_calls_are_numbered(events)

    @pytest.mark.asyncio
    async def test_stream_may_be_cut_into_any_pieces(self, subject: Subject, codec_wire: Wire) -> None:
        reply = codec_wire.streamed(Answer())
        length = sum(len(piece) for piece in reply.body if isinstance(piece, bytes))
        for sizes in [*([cut] for cut in range(1, length)), [1] * length]:
            subject.upstream.answer(reply.regrouped(sizes))
            _assert_says(await subject.call(streamed=True), Answer())

    @pytest.mark.asyncio
    @pytest.mark.parametrize("then", [None, RESET], ids=["ended", "reset"])
    async def test_stream_that_breaks_off_is_no_answer(
        self, subject: Subject, codec_wire: Wire, then: Step | None
    ) -> None:
        reply = codec_wire.streamed(Answer())
        for pieces in range(len(reply.body)):
            subject.upstream.answer(reply.cut(pieces, then))
            outcome = await _outcome(subject)
            if isinstance(outcome, ProviderError):
                assert isinstance(outcome, ProtocolError | ConnectionFailedError)
            else:
                assert outcome.text == Answer().text, "half an answer was handed out as a whole one"
                assert outcome.finish_reason == "stop"

    @pytest.mark.asyncio
    async def test_leaving_a_stream_disconnects_the_provider(self, subject: Subject, codec_wire: Wire) -> None:
        reply = codec_wire.streamed(Answer())
        subject.upstream.answer(reply.cut(len(reply.body) - 1, HOLD))
        async with asyncio.timeout(PATIENCE_S), subject.stream() as stream:
            assert await anext(stream.text()) == Answer().pieces[0], "the first event does not wait for the last"
        assert await asyncio.to_thread(subject.upstream.wait_until_left)

    @pytest.mark.asyncio
    async def test_leaving_a_stream_leaves_nothing_running(self, subject: Subject) -> None:
        before = asyncio.all_tasks()
        subject.prepare(Answer(), streamed=True)
        async with subject.stream() as stream:
            await anext(aiter(stream))
        assert asyncio.all_tasks() == before


async def _outcome(subject: Subject) -> Response | ProviderError:
    try:
        return await subject.call(streamed=True)
    except ProviderError as error:
        return error


def _repeatable(case: ProviderCase) -> dict[str, Any]:
    """Return settings under which a provider without a wire says the same thing twice."""
    wanted = {"temperature": 0, "seed": 7}
    return {} if case.wire else {name: value for name, value in wanted.items() if name in case.supports}


def _assert_says(response: Response, answer: Answer) -> None:
    assert response.text == answer.text
    assert [_meant(call) for call in response.tool_calls] == [_meant(call) for call in answer.tool_calls]
    assert response.finish_reason == answer.finish_reason
    assert response.usage.source == "provider"
    assert (response.usage.input_tokens, response.usage.output_tokens) == (answer.input_tokens, answer.output_tokens)


def _meant(call: ToolCall) -> tuple[str, str, Any]:
    """Return a call with its arguments as values: a wire that carries an object has no text to keep."""
    return call.id, call.name, json.loads(call.arguments)


def _assert_order(events: Sequence[Event]) -> None:
    kinds = [type(event) for event in events]
    assert kinds.count(Finished) == 1, "exactly one Finished"
    assert kinds.count(UsageReported) <= 1, "usage at most once"
    assert kinds.count(Started) <= 1, "at most one Started"
    after = kinds[kinds.index(Finished) + 1 :]
    assert not [kind for kind in after if kind.__name__.endswith("Delta")], "no delta after Finished"


def _assert_tool_calls_are_numbered(events: Sequence[Event]) -> None:
    first_pieces: dict[int, ToolCallDelta] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            first_pieces.setdefault(event.position, event)
    assert list(first_pieces) == list(range(len(TWO_CALLS.tool_calls))), "numbered from 0, in order"
    assert all(piece.id and piece.name for piece in first_pieces.values()), "id and name come with the first piece"
