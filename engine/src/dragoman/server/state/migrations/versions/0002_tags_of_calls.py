"""The ledger's rows get the tags of their adapter and the model behind what was called."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them; calls that were booked before have neither."""
    op.add_column("dragoman_calls", sa.Column("base_model", sa.String(300)))
    op.add_column("dragoman_calls", sa.Column("tags", sa.JSON))


def downgrade() -> None:
    """Drop them, with what they say."""
    op.drop_column("dragoman_calls", "tags")
    op.drop_column("dragoman_calls", "base_model")
