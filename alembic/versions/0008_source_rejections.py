"""Add the time of a hook's last rejection, to tell a wrong secret from a silent CRM."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    """Add the column."""
    op.add_column("hook", sa.Column("refused_at", BIGINT, nullable=True))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("hook", "refused_at")
