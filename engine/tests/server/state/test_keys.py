import asyncio
import datetime as dt
import hashlib
from contextlib import aclosing

import pytest
from dragoman.errors import KeyRefusedError, NotSavedError
from dragoman.server.state import Actor, State
from dragoman.server.state.database import Database
from sqlalchemy import text

HOUR = dt.timedelta(hours=1)


def in_an_hour():
    return dt.datetime.now(dt.UTC) + HOUR


async def rows_of(database: Database, table="dragoman_keys"):
    async with database.reading() as connection:
        return (await connection.execute(text(f"SELECT * FROM {table}"))).mappings().all()  # noqa: S608


async def test_a_new_key_opens_and_says_who_it_is(state):
    key, secret = await state.keys.create(
        name="laptop",
        project="search",
        by="root",
        roles=["developer", "user"],
        adapters=["my-model"],
        networks=["10.0.0.0/8", "192.0.2.7"],
        expires_at=in_an_hour(),
    )
    found = state.keys.authenticate(secret.reveal())
    assert found == key
    assert (found.name, found.project, found.roles) == ("laptop", "search", ("developer", "user"))
    assert found.networks == ("10.0.0.0/8", "192.0.2.7/32")
    assert secret.reveal().startswith(f"drg_{key.id}_")
    assert found.state == "active"


async def test_secrets_are_long_different_and_stored_nowhere(state):
    made = [await state.keys.create(name="k", project="p", by="root") for _ in range(3)]
    secrets = [new.secret.reveal() for new in made]
    assert len(set(secrets)) == 3
    assert all(len(secret.split("_", 2)[2]) == 43 for secret in secrets)
    stored = repr(await rows_of(state.database)) + repr(await rows_of(state.database, "dragoman_audit"))
    for secret in secrets:
        assert secret not in stored
        assert secret.split("_", 2)[2] not in stored
        assert hashlib.sha256(secret.encode()).hexdigest() in stored
    assert secrets[0] not in repr(made)


async def test_what_is_no_key_opens_nothing(state):
    key, secret = await state.keys.create(name="k", project="p", by="root")
    right = secret.reveal()
    stored = hashlib.sha256(right.encode()).hexdigest()
    wrong = [
        "",
        "drg_",
        f"drg_{key.id}",
        f"drg_{key.id}_",
        right[:-1],
        right + "x",
        right.upper(),
        f" {right}",
        "x" * 10**6,
        right[:-1] + ("a" if right[-1] != "a" else "b"),
        stored,
        f"drg_{key.id}_{stored}",
        "drg_\ud800_x",
        right[4:],
    ]
    assert [text for text in wrong if state.keys.authenticate(text)] == []
    assert state.keys.authenticate(right) == key


async def test_an_expired_key_opens_nothing(state, monkeypatch):
    key, secret = await state.keys.create(name="k", project="p", by="root", expires_at=in_an_hour())
    at = key.expires_at.timestamp()
    monkeypatch.setattr("time.time", lambda: at - 0.01)
    assert state.keys.authenticate(secret.reveal())
    monkeypatch.setattr("time.time", lambda: at)
    assert state.keys.authenticate(secret.reveal()) is None


async def test_a_revoked_key_opens_nothing_at_once_here_and_soon_elsewhere(state, other):
    key, secret = await state.keys.create(name="k", project="p", by="root")
    async with asyncio.timeout(10), aclosing(other.changes.watch("keys")) as changes:
        async for _ in changes:
            if other.keys.authenticate(secret.reveal()):
                break
        revoked = await state.keys.revoke(key.id, by="root", reason="lost")
        assert state.keys.authenticate(secret.reveal()) is None
        async for _ in changes:
            if other.keys.authenticate(secret.reveal()) is None:
                break
    assert (revoked.state, revoked.revoked_by) == ("revoked", "root")
    again = await other.keys.revoke(key.id, by="somebody")
    assert (again.revoked_by, again.revoked_at) == ("root", revoked.revoked_at)
    with pytest.raises(NotSavedError):
        await state.keys.revoke("nosuch", by="root")


async def test_a_key_opens_after_a_restart_and_without_a_database(settings, state):
    _, secret = await state.keys.create(name="k", project="p", by="root")
    async with await State.open(settings) as again:
        await again.database.aclose()
        await again.changes.aclose()
        assert again.keys.authenticate(secret.reveal())


async def test_keys_are_found_by_id_and_by_a_name_that_one_has(state):
    one, _ = await state.keys.create(name="one", project="p", by="root")
    two, _ = await state.keys.create(name="twin", project="p", by="root")
    three, _ = await state.keys.create(name="twin", project="q", by="root")
    assert await state.keys.find("one") == one
    assert await state.keys.find(three.id) == three
    with pytest.raises(NotSavedError, match=f"{two.id}, {three.id}"):
        await state.keys.find("twin")
    with pytest.raises(NotSavedError, match="there is no key 'four'"):
        await state.keys.find("four")
    assert [key.id for key in await state.keys.list()] == [one.id, two.id, three.id]


async def test_when_a_key_was_used_last_is_known_and_written_down(settings, state):
    key, secret = await state.keys.create(name="k", project="p", by="root")
    assert key.last_used_at is None
    state.keys.authenticate(secret.reveal())
    seen = (await state.keys.find(key.id)).last_used_at
    assert seen is not None
    await state.keys.flush()
    async with await State.open(settings, serve=False) as again:
        assert (await again.keys.find(key.id)).last_used_at == seen


async def test_an_older_use_never_overwrites_a_later_one(state, other, monkeypatch):
    key, secret = await state.keys.create(name="k", project="p", by="root")
    await other.changes.look()
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    state.keys.authenticate(secret.reveal())
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
    other.keys.authenticate(secret.reveal())
    await state.keys.flush()
    await other.keys.flush()
    assert (await state.keys.find(key.id)).last_used_at.timestamp() == 2_000_000_000.0


# --- what a key may ----------------------------------------------------------------------------------------------


async def test_adapters_absent_are_all_and_empty_are_none(state):
    free, _ = await state.keys.create(name="k", project="p", by="root")
    none, _ = await state.keys.create(name="k", project="p", by="root", adapters=[])
    some, _ = await state.keys.create(name="k", project="p", by="root", adapters=["a", "b"])
    assert [key.allows_adapter("a") for key in (free, none, some)] == [True, False, True]
    assert not some.allows_adapter("A")


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        (None, "203.0.113.9", True),
        (None, "what", True),
        ([], "203.0.113.9", False),
        (["203.0.113.0/24"], "203.0.113.9", True),
        (["203.0.113.0/24"], "203.0.114.9", False),
        (["203.0.113.0/24"], "::ffff:203.0.113.9", True),
        (["203.0.113.0/24"], "2001:db8::1", False),
        (["2001:db8::/32", "10.0.0.1"], "2001:db8::1", True),
        (["2001:db8::/32", "10.0.0.1"], "10.0.0.1", True),
        (["0.0.0.0/0"], "", False),
        (["0.0.0.0/0"], "unix:", False),
    ],
)
async def test_addresses(state, networks, address, allowed):
    _, secret = await state.keys.create(name="k", project="p", by="root", networks=networks)
    assert state.keys.authenticate(secret.reveal()).allows_address(address) is allowed


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"name": ""}, "name: is not plain text"),
        ({"name": "a\x00"}, "name: is not plain text"),
        ({"project": " "}, "project: is not plain text"),
        ({"roles": []}, "roles: one at least is needed"),
        ({"roles": ["root"]}, "there is no role 'root'"),
        ({"adapters": [""]}, "adapters: is not plain text"),
        ({"networks": ["10.0.0.1/8"]}, "networks: 10.0.0.1/8 has host bits set"),
        ({"networks": ["here"]}, "write for example 203.0.113.0/24"),
        ({"expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "has passed"),
        ({"expires_at": dt.datetime(2220, 1, 1)}, "has no time zone"),  # noqa: DTZ001
    ],
)
async def test_a_member_that_does_not_hold_is_refused_by_its_name(state, members, said):
    with pytest.raises(KeyRefusedError, match=said):
        await state.keys.create(**{"name": "k", "project": "p", "by": "root", **members})
    assert await state.keys.list() == []


async def test_keys_are_in_the_audit_log_without_their_secret(state):
    admin = Actor("root", key_id="k0", request_id="r1")
    key, _ = await state.keys.create(name="k", project="p", by=admin, roles=["admin"], adapters=[])
    await state.keys.revoke(key.id, by=admin, reason="lost")
    await state.keys.revoke(key.id, by=admin)
    revoked, created = (await state.audit.query()).entries
    assert (created.action, created.subject) == ("key.create", f"key {key.id} (k, project p)")
    assert created.paths == ("roles=admin", "adapters=none")
    assert (revoked.action, revoked.reason, revoked.key_id, revoked.request_id) == ("key.revoke", "lost", "k0", "r1")
