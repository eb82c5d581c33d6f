import datetime as dt
from decimal import Decimal

import pytest
from dragoman.events import NO_USAGE, Usage
from dragoman.server.state import UsageQuery
from dragoman.server.state.ledger.usage import DIMENSIONS

START = dt.datetime(2026, 11, 1, 23, 30, tzinfo=dt.UTC)


@pytest.fixture
async def filled(state, call):
    """Return a state with six calls of two days."""
    calls = [
        call(at=START.timestamp(), project="search", cost=Decimal("0.1"), key_id="k1"),
        call(at=START.timestamp() + 3600, project="search", cost=Decimal("0.2"), key_id="k1"),
        call(at=START.timestamp() + 3600, project="chat", cost=Decimal("0.3"), currency="EUR"),
        call(at=START.timestamp() + 3600, project="chat", cost=None, currency=None, usage=NO_USAGE, status=502,
             error_code="server", first_token_s=None),
        call(at=START.timestamp() + 3600, project=None, cost=None, currency=None, status=499, first_token_s=None,
             usage=Usage(5, 1, source="estimated")),
        call(at=START.timestamp() + 3600, project="chat", model="quiet", cost=Decimal("0.000000000001"), duration_s=10,
             usage=Usage(1000, 10, 1010, 600, 100, 4, "provider")),
    ]  # fmt: skip
    for one in calls:
        state.ledger.append(one)
    await state.ledger.flush()
    return state


async def usage(state, *by, **rest):
    return await state.ledger.usage(UsageQuery(by=by, **rest))


async def test_groups_hold_what_their_calls_sum_up_to(filled):
    report = await usage(filled, "day", "project")
    shown = [(group.key["day"], group.key["project"], group.requests) for group in report.groups]
    assert shown == [
        ("2026-11-01", "search", 1),
        ("2026-11-02", "chat", 3),
        ("2026-11-02", "search", 1),
        ("2026-11-02", None, 1),
    ]
    chat = report.groups[1]
    assert chat.costs == {"EUR": Decimal("0.3"), "USD": Decimal("0.000000000001")}
    assert (chat.errors, chat.cancelled, chat.unpriced, chat.estimated) == (1, 0, 1, 0)
    assert (chat.input_tokens, chat.output_tokens) == (1100, 30)
    assert (chat.cached_input_tokens, chat.cache_write_input_tokens, chat.reasoning_tokens) == (600, 100, 4)
    assert (chat.bytes_in, chat.bytes_out) == (900, 2700)
    assert chat.duration_s == pytest.approx(3.5)
    assert chat.first_token_s == pytest.approx(0.05)
    assert (report.groups[3].cancelled, report.groups[3].errors, report.groups[3].estimated) == (1, 0, 1)


async def test_the_total_is_the_sum_of_the_groups_whatever_they_are(filled):
    totals = [(await usage(filled, *by)).total.as_dict() for by in ((), *((name,) for name in DIMENSIONS))]
    assert all(total == totals[0] for total in totals)
    assert totals[0]["requests"] == 6
    assert totals[0]["costs"] == {"EUR": "0.3", "USD": "0.300000000001"}


async def test_percentiles_are_right_to_five_percent(state, call):
    for number in range(1, 101):
        state.ledger.append(call(duration_s=number / 10))
    await state.ledger.flush()
    total = (await usage(state)).total
    for share, seconds in ((0.5, 5.0), (0.95, 9.5), (0.99, 9.9)):
        assert total.percentile_s(share) == pytest.approx(seconds, rel=0.05)


@pytest.mark.parametrize(
    ("rest", "requests"),
    [
        ({"since": START + dt.timedelta(hours=1)}, 5),
        ({"until": START + dt.timedelta(hours=1)}, 1),
        ({"since": START, "until": START + dt.timedelta(hours=2)}, 6),
        ({"only": {"project": "search"}}, 2),
        ({"only": {"project": "search", "day": "2026-11-01"}}, 1),
        ({"only": {"key": "k1"}}, 2),
        ({"only": {"model": "nosuch"}}, 0),
    ],
)
async def test_only_the_calls_that_were_asked_for_count(filled, rest, requests):
    assert (await usage(filled, "model", **rest)).total.requests == requests


async def test_calls_are_grouped_by_what_was_called_and_by_their_tags(state, call):
    profile = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/x"
    tagged = {"model": profile, "base_model": "nova"}
    for tags in ({"team": "a", "cost center": "7"}, {"team": "a"}, {"team": "b"}):
        state.ledger.append(call(**tagged, tags=tags, cost=Decimal("0.5")))
    state.ledger.append(call(tags=None))
    await state.ledger.flush()
    by_team = await usage(state, "model", "tag:team")
    shown = [(group.key["model"], group.key["tag:team"], group.requests) for group in by_team.groups]
    assert shown == [(profile, "a", 2), (profile, "b", 1), ("loud", None, 1)]
    assert by_team.groups[0].costs == {"USD": Decimal(1)}
    assert [g.key["tag:cost center"] for g in (await usage(state, "tag:cost center")).groups] == ["7", None]
    assert (await usage(state, only={"tag:team": "a"})).total.requests == 2
    assert (await usage(state, only={"tag:team": "a", "base_model": "nova"})).total.requests == 2
    assert (await usage(state, only={"tag:team": None})).total.requests == 1


async def test_a_tag_of_any_text_does_no_harm(state, call):
    strange = {"a.b/c:d=e+f-g@h": "half \ud800 a character", "n": "nul\x00", "long": "x" * 1000}
    state.ledger.append(call(tags=strange))
    await state.ledger.flush()
    (group,) = (await usage(state, "tag:a.b/c:d=e+f-g@h", "tag:long")).groups
    assert group.key["tag:a.b/c:d=e+f-g@h"].startswith("half ")
    assert len(group.key["tag:long"]) == 256
    assert state.ledger.damaged_lines == 0


async def test_nothing_used_is_an_answer(state):
    report = await usage(state, "day")
    assert report.groups == ()
    assert report.as_dict()["total"]["requests"] == 0
    assert report.as_dict()["total"]["duration_p99_s"] is None


async def test_millions_of_expensive_calls_do_not_overflow(state, call):
    for _ in range(3):
        state.ledger.append(call(cost=Decimal(9000000), usage=Usage(2**62, 1, source="provider")))
    await state.ledger.flush()
    assert (await usage(state)).total.costs == {"USD": Decimal(27000000)}
