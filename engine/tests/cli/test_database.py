import sqlite3

import pytest

pytest.importorskip("sqlalchemy", reason="dragoman[server] is not installed")


def tables_of(deployment):
    found = sqlite3.connect(deployment / "state" / "dragoman.db").execute("SELECT name FROM sqlite_master")
    return {name for (name,) in found if name.startswith("dragoman_")}


def test_status_upgrade_and_downgrade(run, deployment):
    before = run("database", "status", "--json").json
    assert (before["version"], before["current"]) == (None, False)
    assert before["database"] == str(deployment / "state" / "dragoman.db")
    assert "dragoman database upgrade" in run("database", "status").out
    assert run("database", "upgrade").out == f"version: {before['newest']}; it was empty\n"
    assert run("database", "upgrade").out == f"version: {before['newest']}, as before\n"
    assert run("database", "status").out.endswith("up to date\n")
    assert "dragoman_calls" in tables_of(deployment)
    assert run("database", "downgrade", "base", "--yes").out == "version: none, it is empty\n"
    assert "dragoman_calls" not in tables_of(deployment)


def test_going_back_needs_a_yes_and_a_version_that_there_is(run):
    run("database", "upgrade")
    assert run("database", "downgrade", "base").code == 2
    failed = run("database", "downgrade", "nosuch", "--yes")
    assert failed.code == 1
    assert failed.err.startswith("error: the database cannot go back to 'nosuch'")
    assert failed.err.count("\n") == 1


@pytest.fixture
def old_call(deployment):
    """Book a call of forty days ago, and one of today."""
    import asyncio
    import time

    from dragoman.server.state import CallRecord, State
    from dragoman.settings import Settings

    async def book():
        async with await State.open(Settings.load(deployment)) as state:
            for days in (0, 40):
                record = CallRecord(
                    call_id=f"{days}", at=time.time() - 86400 * days, principal="a", operation="chat", duration_s=1,
                    status=200,
                )  # fmt: skip
                state.ledger.append(record)

    asyncio.run(book())


def test_pruning_shows_its_plan_and_asks(run, old_call):
    shown = run("database", "prune", "--ledger-days", "30", "--dry-run").out.splitlines()
    assert shown[0].split() == ["WHAT", "BEFORE", "ROWS"]
    assert shown[1].split()[::2] == ["ledger", "1"]
    assert shown[2] == "removed: 0 rows"
    assert run("database", "prune", "--ledger-days", "30").code == 130  # nobody said yes
    assert run("usage", "--since", "2020-01-01", "--json").json["total"]["requests"] == 2
    done = run("database", "prune", "--ledger-days", "30", "--audit-days", "30", "--yes", "--json").json
    assert [(one["what"], one["rows"]) for one in done["removed"]] == [("ledger", 1), ("audit", 0)]
    assert run("usage", "--since", "2020-01-01", "--json").json["total"]["requests"] == 1


def test_a_report_that_reaches_further_back_than_calls_are_kept_says_so(run, old_call, monkeypatch):
    monkeypatch.setenv("DRAGOMAN_STORE__LEDGER_DAYS", "3")
    assert "are not kept (store.ledger_days)" in run("usage").err
    assert "are not kept" not in run("usage", "--since", "2d").err
    assert run("database", "prune", "--dry-run", "--json").json["planned"][0]["rows"] == 1


def test_without_a_time_to_keep_there_is_nothing_to_prune(run):
    failed = run("database", "prune")
    assert failed.code == 2
    assert "--ledger-days" in failed.err
