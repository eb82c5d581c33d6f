import asyncio
import csv
import datetime as dt
import io
import time
from decimal import Decimal

import pytest

pytest.importorskip("sqlalchemy", reason="dragoman[server] is not installed")


@pytest.fixture
def used(deployment):
    """Book five calls of this deployment."""
    from dragoman.events import Usage
    from dragoman.server.state import CallRecord, State
    from dragoman.settings import Settings

    async def book():
        async with await State.open(Settings.load(deployment)) as state:
            for number in range(5):
                state.ledger.append(
                    CallRecord(
                        call_id=f"c{number}",
                        at=time.time() - 86400 * 10 * (number == 4),
                        principal="alice",
                        project=("search", "=cmd()")[number % 2],
                        adapter="scripted",
                        operation="chat",
                        duration_s=0.5,
                        status=200 if number else 502,
                        usage=Usage(100, 10, source="provider"),
                        tags={"team": "a"} if number == 0 else None,
                        cost=Decimal("0.001") if number != 3 else None,
                        currency=("USD", "EUR")[number == 2] if number != 3 else None,
                    )
                )

    asyncio.run(book())


def test_the_command_knows_what_the_ledger_knows():
    from dragoman.cli import usage as command
    from dragoman.server.state.ledger import usage

    assert command.DIMENSIONS == usage.DIMENSIONS


def test_usage_by_tag(run, used):
    lines = run("usage", "--by", "project", "--by", "tag:team").out.splitlines()
    assert lines[0].split()[:2] == ["PROJECT", "TAG:TEAM"]
    assert [line.split()[:2] for line in lines[2:4]] == [["search", "a"], ["search", "-"]]


def test_the_table_has_a_line_for_each_group_and_the_total(run, used):
    lines = run("usage", "--by", "project").out.splitlines()
    assert lines[0].split() == ["PROJECT", "CALLS", "ERRORS", "IN", "OUT", "COST", "UNPRICED", "P50", "S", "P95", "S"]
    assert lines[1].split()[:7] == ["=cmd()", "2", "0", "200", "20", "0.001000", "USD"]
    assert lines[2].split()[:6] == ["search", "3", "1", "300", "30", "0.001000"]
    assert "0.001000 EUR + 0.002000 USD" in lines[2]
    assert lines[3].split()[:4] == ["TOTAL", "5", "1", "500"]


def test_json_has_exact_costs(run, used):
    shown = run("usage", "--by", "adapter", "--json").json
    assert shown["by"] == ["adapter"]
    assert shown["groups"][0]["adapter"] == "scripted"
    assert shown["total"]["costs"] == {"EUR": "0.001", "USD": "0.003"}
    assert shown["total"]["requests"] == 5


def test_csv_can_be_summed_and_holds_no_formula(run, used):
    rows = list(csv.DictReader(io.StringIO(run("usage", "--by", "project", "--csv").out)))
    assert [(row["project"], row["requests"], row["currency"], row["cost"]) for row in rows] == [
        ("'=cmd()", "2", "USD", "0.001"),
        ("search", "3", "EUR", "0.001"),
        ("search", "", "USD", "0.002"),
    ]


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        ([], 5),
        (["--since", "7d"], 4),
        (["--since", "12h"], 4),
        (["--until", "7d"], 1),
        (["--only", "project=search"], 3),
        (["--only", "project=search", "--only", "adapter=scripted", "--since", "7d"], 2),
        (["--only", "tag:team=a"], 1),
        (["--only", f"day={dt.datetime.now(dt.UTC):%Y-%m-%d}", "--since", "2020-01-01"], 4),
        (["--since", "2020-01-01T00:00:00+01:00", "--until", "2021-01-01"], 0),
    ],
)
def test_only_what_was_asked_for_counts(run, used, arguments, calls):
    assert run("usage", *arguments, "--json").json["total"]["requests"] == calls


def test_nothing_used_is_said(run):
    assert run("usage").out == "Nothing was used.\n"
    assert run("usage", "--json").json["groups"] == []
    assert run("usage", "--csv").out.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--by", "nosuch"], 1, "'nosuch' is not one of"),
        (["--since", "yesterday"], 1, "'yesterday' is no time"),
        (["--since", "99999999w"], 1, "is no time"),
        (["--by", "tag:"], 1, "'tag:' is not one of"),
        (["--only", "project"], 1, "'project' has no value"),
        (["--only", "team=x"], 1, "'team' is not one of day, project"),
        (["--only", "day=monday"], 1, "'monday' is no day"),
        (["--csv", "--json"], 2, "contradict each other"),
    ],
)
def test_each_failure_is_one_clear_line(run, arguments, code, said):
    failed = run("usage", *arguments)
    assert failed.code == code
    assert said in failed.err
    assert failed.err.count("\n") == 1
