"""The ids under which senders repeat a delivery, and the hash of the body that came under each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
IDENTITY = sa.Text().with_variant(postgresql.UUID(), "postgresql")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "message",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "source", "id", name="pk_message"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Takes it away."""
    op.drop_table("message")
