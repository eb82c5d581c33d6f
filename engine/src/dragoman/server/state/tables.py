"""The tables, as the newest migration leaves them; a test holds the two equal, on both databases."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
)


class Instant(TypeDecorator[dt.datetime]):
    """A moment, always in UTC and always with its time zone, also where the database stores none (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Store it in UTC."""
        return None if value is None else value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Give it back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


#: SQLite counts up by itself only in a column that is an INTEGER to the letter.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()


def _json() -> Any:
    return JSON(none_as_null=True)


#: One row for each topic that processes watch: its number grows with every change, in the change's own transaction.
changes = Table(
    "dragoman_changes",
    metadata,
    Column("topic", String(40), primary_key=True),
    Column("number", BigInteger, nullable=False),
)

#: Saved documents: every revision that there ever was. The highest number of a name is its current one.
revisions = Table(
    "dragoman_revisions",
    metadata,
    Column("kind", String(40), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("document", _json(), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("saved_by", String(200), nullable=False),
    Column("saved_at", Instant, nullable=False),
    Column("reason", Text),
    Column("restored", Integer),
    Column("change", BigInteger, nullable=False),
    Index("dragoman_revisions_change", "change"),
)

keys = Table(
    "dragoman_keys",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("project", String(200), nullable=False),
    Column("roles", _json(), nullable=False),
    Column("adapters", _json()),
    Column("networks", _json()),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_by", String(200)),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
    Column("change", BigInteger, nullable=False),
    Index("dragoman_keys_change", "change"),
)

audit = Table(
    "dragoman_audit",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("key_id", String(20)),
    Column("action", String(80), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("paths", _json(), nullable=False),
    Column("old_digest", String(64)),
    Column("new_digest", String(64)),
    Column("outcome", String(20), nullable=False),
    Column("reason", Text),
    Column("request_id", String(200)),
    Index("dragoman_audit_at", "at"),
    Index("dragoman_audit_subject", "subject", "number"),
    Index("dragoman_audit_actor", "actor", "number"),
)

#: The ledger: one row per call. ``day`` is the UTC day, ``cost_picos`` the cost in millionths of a millionth of the
#: currency's unit, ``duration_step`` a logarithmic step from which percentiles are computed.
calls = Table(
    "dragoman_calls",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("day", Date, nullable=False),
    Column("principal", String(200), nullable=False),
    Column("key_id", String(20)),
    Column("project", String(200)),
    Column("adapter", String(200)),
    Column("adapter_digest", String(64)),
    Column("upstream", String(200)),
    Column("provider", String(80)),
    Column("model", String(300)),
    Column("operation", String(20), nullable=False),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_input_tokens", BigInteger),
    Column("cache_write_input_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("usage_source", String(20), nullable=False),
    Column("cost_picos", BigInteger),
    Column("currency", String(10)),
    Column("duration_s", Float, nullable=False),
    Column("duration_step", SmallInteger, nullable=False),
    Column("first_token_s", Float),
    Column("status", SmallInteger, nullable=False),
    Column("error_code", String(80)),
    Column("attempts", SmallInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("base_model", String(300)),
    Column("tags", _json()),
    Index("dragoman_calls_at", "at"),
    Index("dragoman_calls_project", "project", "at"),
    Index("dragoman_calls_key", "key_id", "at"),
)
