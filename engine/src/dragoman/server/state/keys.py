"""Keys of the gateway: made, revoked, looked up from memory, and how one is written.

A key is ``drg_<id>_<secret>``: the id is public and what a key is looked up by, the secret are 256 random bits. What
is stored is the SHA-256 of the whole text. A slow hash would add nothing: it makes guessing costly where a person
chose the password, and nobody can go through 2^256 secrets, while a fast one keeps every request's check at
microseconds. The hash itself opens nothing, because what is presented is always hashed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import ipaddress
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import RowMapping, and_, bindparam, insert, or_, select, update

from dragoman.errors import NotSavedError, StateError
from dragoman.secret import Secret
from dragoman.server.state import tables
from dragoman.server.state.audit import Actor, AuditEntry, record
from dragoman.server.state.changes import Changes, move
from dragoman.server.state.database import Database
from dragoman.server.state.key import (
    PREFIX,
    Key,
    NewKey,
    checked_expiry,
    checked_network,
    checked_roles,
    new_id,
    new_secret_key,
    plain,
)
from dragoman.server.state.repeating import Repeating
from dragoman.server.state.texts import storable

logger = logging.getLogger("dragoman.state")

TOPIC = "keys"
_MAX_PRESENTED_CHARS = 200
#: Seconds by which the time of last use may be late, so that a busy key costs one small write a minute.
USE_INTERVAL_S = 60


class _Known(NamedTuple):
    key: Key
    hash: bytes
    expires_s: float
    is_revoked: bool


_NOBODY = hashlib.sha256(b"nobody").digest()


class Keys:
    """The gateway's keys. Authentication reads memory only, which every process refreshes when a key changes."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes
        self._known: dict[str, _Known] = {}
        self._used: dict[str, float] = {}
        self._seen = -1
        self._writing_uses = Repeating("dragoman-state-keys", self._write_uses, USE_INTERVAL_S)
        changes.subscribe(TOPIC, self._refresh)

    # --- the hot path --------------------------------------------------------------------------------------------

    def authenticate(self, presented: str) -> Key | None:
        """Return the key that was presented; ``None`` where it is unknown, expired or revoked. Touches no database.

        Addresses and adapters are for the caller to ask of the key.
        """
        if len(presented) > _MAX_PRESENTED_CHARS or not presented.startswith(PREFIX):
            return None
        known = self._known.get(presented[len(PREFIX) :].partition("_")[0])
        shown = hashlib.sha256(presented.encode("utf-8", "replace")).digest()
        if not hmac.compare_digest(shown, known.hash if known else _NOBODY) or known is None:
            return None
        now = time.time()
        if known.is_revoked or known.expires_s <= now:
            return None
        self._used[known.key.id] = now
        return known.key

    # --- keeping them --------------------------------------------------------------------------------------------

    async def create(
        self,
        *,
        name: str,
        project: str,
        by: Actor | str,
        roles: Iterable[str] = ("user",),
        adapters: Iterable[str] | None = None,
        networks: Iterable[str] | None = None,
        expires_at: dt.datetime | None = None,
    ) -> NewKey:
        """Make a key and return it with its secret, which nobody can read again.

        Args:
            name: What to call it.
            project: What its calls are booked on.
            by: Who makes it.
            roles: Some of :data:`ROLES`, one at least.
            adapters: The adapters it may call; ``None``: all, empty: none.
            networks: CIDR ranges or addresses that it may come from; ``None``: all, empty: none.
            expires_at: When it ends; with a time zone.

        Raises:
            KeyRefusedError: A member does not hold.
        """
        actor = Actor.of(by)
        key = Key(
            id=new_id(),
            name=plain(name, "name"),
            project=plain(project, "project"),
            roles=checked_roles(roles),
            adapters=None if adapters is None else tuple(dict.fromkeys(plain(a, "adapters") for a in adapters)),
            networks=None if networks is None else tuple(dict.fromkeys(map(checked_network, networks))),
            created_by=storable(actor.name, 200),
            created_at=dt.datetime.now(dt.UTC),
            expires_at=checked_expiry(expires_at),
        )
        text = new_secret_key(key.id)
        values = {column: getattr(key, column) for column in Key.__slots__ if not column.startswith("_")}
        values["hash"] = hashlib.sha256(text.encode()).hexdigest()
        async with self._database.writing() as connection:
            values["change"] = await move(connection, TOPIC)
            await connection.execute(insert(tables.keys).values(values))
            await record(connection, _audited("key.create", key, actor, None))
        await self._changes.catch_up()
        return NewKey(key, Secret(text))

    async def list(self) -> Sequence[Key]:
        """Return every key, also the expired and the revoked, in the order in which they were made."""
        table = tables.keys
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(table).order_by(table.c.created_at, table.c.id))).mappings().all()
        return [self._with_use(_key(row)) for row in rows]

    async def find(self, name: str) -> Key:
        """Return the key of an id, or of a name that only one key has.

        Raises:
            NotSavedError: There is none, or several have the name.
        """
        table = tables.keys
        query = select(table).where(or_(table.c.id == name, table.c.name == name))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(table.c.created_at))).mappings().all()
        found = [_key(row) for row in rows if row["id"] == name] or [_key(row) for row in rows]
        if not found:
            raise NotSavedError(f"there is no key {name!r}", hint="`dragoman keys list` shows what there is")
        if len(found) > 1:
            ids = ", ".join(key.id for key in found)
            raise NotSavedError(f"several keys are called {name!r}", hint=f"name one by its id: {ids}")
        return self._with_use(found[0])

    async def revoke(self, id: str, *, by: Actor | str, reason: str | None = None) -> Key:
        """Revoke a key, for good; within a second no process accepts it. A revoked one stays as it is.

        Raises:
            NotSavedError: There is no key of this id.
        """
        table, actor = tables.keys, Actor.of(by)
        async with self._database.writing() as connection:
            number = await move(connection, TOPIC)
            row = (await connection.execute(select(table).where(table.c.id == id))).mappings().first()
            if row is None:
                raise NotSavedError(f"there is no key {id!r}")
            if row["revoked_at"] is None:
                values = {
                    "revoked_at": dt.datetime.now(dt.UTC),
                    "revoked_by": storable(actor.name, 200),
                    "change": number,
                }
                changed = update(table).where(table.c.id == id).values(values).returning(*table.c)
                row = (await connection.execute(changed)).mappings().one()
                await record(connection, _audited("key.revoke", _key(row), actor, reason))
        await self._changes.catch_up()
        return self._with_use(_key(row))

    # --- in the background ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Write down now and then when keys were used last."""
        self._writing_uses.start()

    async def aclose(self) -> None:
        """Write down the last uses and stop."""
        await self._writing_uses.aclose()
        await self._write_uses()

    async def flush(self) -> None:
        """Write down now when keys were used last."""
        used, self._used = self._used, {}
        if not used:
            return
        table = tables.keys
        later = or_(table.c.last_used_at.is_(None), table.c.last_used_at < bindparam("at"))
        statement = (
            update(table).where(and_(table.c.id == bindparam("key"), later)).values(last_used_at=bindparam("at"))
        )
        rows = [{"key": key_id, "at": dt.datetime.fromtimestamp(at, dt.UTC)} for key_id, at in sorted(used.items())]
        async with self._database.writing() as connection:
            await connection.execute(statement, rows)

    async def _write_uses(self) -> None:
        try:
            await self.flush()
        except StateError as error:  # a coarse figure; the next minute brings another one
            logger.warning("when keys were used last could not be written down: %s", error)

    async def _refresh(self) -> None:
        table = tables.keys
        query = select(table).where(table.c.change > self._seen).order_by(table.c.change)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        for row in rows:
            self._known[row["id"]] = _known(row)
            self._seen = row["change"]

    def _with_use(self, key: Key) -> Key:
        used = self._used.get(key.id)
        if used is None:
            return key
        return replace(key, last_used_at=dt.datetime.fromtimestamp(used, dt.UTC))


# --- rows --------------------------------------------------------------------------------------------------------


def _key(row: RowMapping) -> Key:
    values = {column: row[column] for column in Key.__slots__ if not column.startswith("_")}
    for name in ("roles", "adapters", "networks"):
        values[name] = None if values[name] is None else tuple(values[name])
    return Key(**values, _ranges=tuple(map(ipaddress.ip_network, values["networks"] or ())))


def _known(row: RowMapping) -> _Known:
    expires: dt.datetime | None = row["expires_at"]
    return _Known(
        key=_key(row),
        hash=bytes.fromhex(row["hash"]),
        expires_s=float("inf") if expires is None else expires.timestamp(),
        is_revoked=row["revoked_at"] is not None,
    )


def _audited(action: str, key: Key, actor: Actor, reason: str | None) -> AuditEntry:
    shown: Mapping[str, Any] = {
        "roles": key.roles, "adapters": key.adapters, "networks": key.networks, "expires_at": key.expires_at
    }  # fmt: skip
    paths = [f"{name}={_said(value)}" for name, value in shown.items() if value is not None]
    return AuditEntry(
        actor=actor.name,
        action=action,
        subject=f"key {key.id} ({key.name}, project {key.project})",
        paths=tuple(paths) if action == "key.create" else ("revoked_at",),
        key_id=actor.key_id,
        reason=reason,
        request_id=actor.request_id,
    )


def _said(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.datetime) else ",".join(value) or "none"
