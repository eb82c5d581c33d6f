"""The first tables: what processes watch, saved documents, keys, the audit log, the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)
BIG_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create them."""
    changes = op.create_table(
        "dragoman_changes",
        sa.Column("topic", sa.String(40), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(changes, [{"topic": "documents", "number": 0}, {"topic": "keys", "number": 0}])
    op.create_table(
        "dragoman_revisions",
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("saved_by", sa.String(200), nullable=False),
        sa.Column("saved_at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("restored", sa.Integer),
        sa.Column("change", sa.BigInteger, nullable=False),
    )
    op.create_index("dragoman_revisions_change", "dragoman_revisions", ["change"])
    _create_keys()
    _create_audit()
    _create_calls()


def _create_keys() -> None:
    op.create_table(
        "dragoman_keys",
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("adapters", sa.JSON),
        sa.Column("networks", sa.JSON),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("revoked_by", sa.String(200)),
        sa.Column("revoked_at", INSTANT),
        sa.Column("last_used_at", INSTANT),
        sa.Column("change", sa.BigInteger, nullable=False),
    )
    op.create_index("dragoman_keys_change", "dragoman_keys", ["change"])


def _create_audit() -> None:
    op.create_table(
        "dragoman_audit",
        sa.Column("number", BIG_NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("key_id", sa.String(20)),
        sa.Column("action", sa.String(80), nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("paths", sa.JSON, nullable=False),
        sa.Column("old_digest", sa.String(64)),
        sa.Column("new_digest", sa.String(64)),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("request_id", sa.String(200)),
    )
    op.create_index("dragoman_audit_at", "dragoman_audit", ["at"])
    op.create_index("dragoman_audit_subject", "dragoman_audit", ["subject", "number"])
    op.create_index("dragoman_audit_actor", "dragoman_audit", ["actor", "number"])


def _create_calls() -> None:
    op.create_table(
        "dragoman_calls",
        sa.Column("call_id", sa.String(64), primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("principal", sa.String(200), nullable=False),
        sa.Column("key_id", sa.String(20)),
        sa.Column("project", sa.String(200)),
        sa.Column("adapter", sa.String(200)),
        sa.Column("adapter_digest", sa.String(64)),
        sa.Column("upstream", sa.String(200)),
        sa.Column("provider", sa.String(80)),
        sa.Column("model", sa.String(300)),
        sa.Column("operation", sa.String(20), nullable=False),
        sa.Column("input_tokens", sa.BigInteger),
        sa.Column("output_tokens", sa.BigInteger),
        sa.Column("cached_input_tokens", sa.BigInteger),
        sa.Column("cache_write_input_tokens", sa.BigInteger),
        sa.Column("reasoning_tokens", sa.BigInteger),
        sa.Column("usage_source", sa.String(20), nullable=False),
        sa.Column("cost_picos", sa.BigInteger),
        sa.Column("currency", sa.String(10)),
        sa.Column("duration_s", sa.Float, nullable=False),
        sa.Column("duration_step", sa.SmallInteger, nullable=False),
        sa.Column("first_token_s", sa.Float),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("error_code", sa.String(80)),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        sa.Column("bytes_in", sa.BigInteger, nullable=False),
        sa.Column("bytes_out", sa.BigInteger, nullable=False),
    )
    op.create_index("dragoman_calls_at", "dragoman_calls", ["at"])
    op.create_index("dragoman_calls_project", "dragoman_calls", ["project", "at"])
    op.create_index("dragoman_calls_key", "dragoman_calls", ["key_id", "at"])


def downgrade() -> None:
    """Drop them, with all that they hold."""
    for table in ("calls", "audit", "keys", "revisions", "changes"):
        op.drop_table(f"dragoman_{table}")
