"""Add the message ids of deliveries, each with the hash of its body."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
UUID_TEXT = sa.Text().with_variant(postgresql.UUID(), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "message",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "source", "id", name="pk_message"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("message")
