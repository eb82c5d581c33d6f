import asyncio
import datetime as dt
import re
import sqlite3

import pytest

pytest.importorskip("sqlalchemy", reason="dragoman[server] is not installed")


def create(run, *arguments):
    made = run("keys", "create", "--name", "laptop", "--project", "search", *arguments)
    assert made.code == 0, made.err
    return made


def authenticate(deployment, secret):
    from dragoman.server.state import State
    from dragoman.settings import Settings

    async def ask():
        async with await State.open(Settings.load(deployment)) as state:
            return state.keys.authenticate(secret)

    return asyncio.run(ask())


def test_create_prints_the_secret_alone_and_it_opens(run, deployment):
    made = create(run)
    assert re.fullmatch(r"drg_[a-z2-9]{10}_[0-9A-Za-z]{43}\n", made.out)
    assert made.err.startswith("note: key ")
    key = authenticate(deployment, made.out.strip())
    assert (key.name, key.project, key.roles, key.adapters, key.networks) == ("laptop", "search", ("user",), None, None)
    assert "at the command line" in key.created_by or key.created_by == "command line"


def test_create_as_json_with_everything(run, deployment):
    limits = ("--adapter", "scripted", "--network", "10.0.0.0/8", "--expires", "90d")
    made = create(run, "--role", "admin", "--role", "user", *limits, "--json").json
    key = authenticate(deployment, made["secret"])
    assert made["id"] == key.id
    assert (key.roles, key.adapters, key.networks) == (("admin", "user"), ("scripted",), ("10.0.0.0/8",))
    assert dt.timedelta(days=89) < key.expires_at - dt.datetime.now(dt.UTC) < dt.timedelta(days=91)


def test_no_adapters_is_not_all_adapters(run, deployment):
    assert authenticate(deployment, create(run, "--no-adapters").out.strip()).adapters == ()


def test_the_secret_is_shown_once_and_kept_nowhere(run, deployment):
    secret = create(run).out.strip().rpartition("_")[2]
    for arguments in (["list"], ["list", "--json"], ["show", "laptop"], ["show", "laptop", "--json"]):
        shown = run("keys", *arguments)
        assert shown.code == 0
        assert secret not in shown.out + shown.err
    assert secret.encode() not in b"".join(p.read_bytes() for p in (deployment / "state").iterdir() if p.is_file())


def test_list_shows_active_keys_and_all_shows_the_others_too(run):
    assert run("keys", "list").out == "There are no keys; `dragoman keys create` makes one.\n"
    first = create(run, "--json").json["id"]
    second = create(run, "--json").json["id"]
    run("keys", "revoke", first)
    assert [key["id"] for key in run("keys", "list", "--json").json["keys"]] == [second]
    assert [key["state"] for key in run("keys", "list", "--all", "--json").json["keys"]] == ["revoked", "active"]
    assert run("keys", "list").out.splitlines()[0].split() == [
        "ID", "NAME", "PROJECT", "ROLES", "STATE", "EXPIRES", "LAST", "USED",
    ]  # fmt: skip


def test_show_says_what_a_key_may(run):
    create(run, "--network", "10.0.0.0/8")
    shown = run("keys", "show", "laptop").out
    rows = dict(line.split(None, 1) for line in shown.splitlines())
    assert rows["networks"] == "10.0.0.0/8"
    assert rows["adapters"] == "all"
    assert rows["state"] == "active"


def test_revoke_ends_a_key_and_says_who_did_it(run, deployment):
    secret = create(run).out.strip()
    revoked = run("keys", "revoke", "laptop", "--reason", "lost")
    assert revoked.code == 0
    assert "(laptop) was revoked by" in revoked.out
    assert authenticate(deployment, secret) is None
    rows = sqlite3.connect(deployment / "state" / "dragoman.db").execute("SELECT action, reason FROM dragoman_audit")
    assert rows.fetchall() == [("key.create", None), ("key.revoke", "lost")]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["create", "--project", "p"], 2, "Missing option '--name'"),
        (["create", "--name", "n", "--project", "p", "--role", "root"], 1, "there is no role 'root'"),
        (["create", "--name", "n", "--project", "p", "--expires", "soon"], 1, "'soon' is no time; write 2026-11-28"),
        (["create", "--name", "n", "--project", "p", "--expires", "2020-01-01"], 1, "has passed"),
        (["create", "--name", "n", "--project", "p", "--network", "x"], 1, "write for example 203.0.113.0/24"),
        (["create", "--name", "n", "--project", "p", "--adapter", "a", "--no-adapters"], 2, "contradict each other"),
        (["show", "nosuch"], 1, "there is no key 'nosuch'"),
        (["revoke", "nosuch"], 1, "there is no key 'nosuch'"),
        (["revoke"], 2, "Missing argument"),
    ],
)
def test_each_failure_is_one_clear_line(run, arguments, code, said):
    failed = run("keys", *arguments)
    assert failed.code == code
    assert failed.out == ""
    assert said in failed.err
    assert failed.err.count("\n") == 1


def test_two_keys_of_a_name_are_told_apart_by_their_ids(run):
    ids = [create(run, "--json").json["id"] for _ in range(2)]
    failed = run("keys", "revoke", "laptop")
    assert failed.code == 1
    assert all(key_id in failed.err for key_id in ids)
    assert run("keys", "revoke", ids[0]).code == 0


def test_a_database_that_cannot_be_reached_is_one_clear_line_without_the_password(run, deployment, monkeypatch):
    pytest.importorskip("asyncpg")
    (deployment / "dragoman.toml").write_text('[store]\nurl_secret = "DATABASE_URL"\n')
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:canary-7@127.0.0.1:1/d")
    failed = run("keys", "list")
    assert failed.code == 1
    assert "cannot be used" in failed.err
    assert "canary" not in failed.err
    assert failed.err.count("\n") == 1


def test_without_the_extra_it_says_what_to_install(run, monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.startswith("dragoman.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    failed = run("keys", "list")
    assert failed.code == 1
    assert "pip install 'dragoman[server]'" in failed.err
