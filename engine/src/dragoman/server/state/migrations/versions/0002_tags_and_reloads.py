"""The ledger's rows get their adapter's tags and the model behind; a reload becomes something that processes watch."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

CHANGES = sa.table("dragoman_changes", sa.column("topic", sa.String), sa.column("number", sa.BigInteger))


def upgrade() -> None:
    """Add them; calls that were booked before have neither."""
    op.add_column("dragoman_calls", sa.Column("base_model", sa.String(300)))
    op.add_column("dragoman_calls", sa.Column("tags", sa.JSON))
    op.bulk_insert(CHANGES, [{"topic": "reload", "number": 0}])


def downgrade() -> None:
    """Drop them, with what they say."""
    op.execute(CHANGES.delete().where(CHANGES.c.topic == "reload"))
    op.drop_column("dragoman_calls", "tags")
    op.drop_column("dragoman_calls", "base_model")
