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
