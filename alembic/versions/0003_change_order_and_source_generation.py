"""Add the order of changes within an instant, generations of changes, and the origin of deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql, sqlite

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INTEGER = sa.Integer().with_variant(sqlite.INTEGER(), "sqlite")
TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns, and a trigger that keeps `change.sequence` append-only."""
    op.add_column("change", sa.Column("sequence", TEXT, nullable=False, server_default=""))
    op.add_column("hook", sa.Column("generation", INTEGER, nullable=False, server_default="1"))
    op.add_column("delivery", sa.Column("origin", TEXT, nullable=False, server_default="hook"))
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "create trigger change_orders before update on change when old.sequence is not new.sequence "
            "begin select raise(abort, 'change is append-only'); end"
        )
        return
    op.execute(
        "create trigger change_orders before update on change for each row "
        "when (old.sequence is distinct from new.sequence) execute function append_only()"
    )


def downgrade() -> None:
    """Drop the columns and the trigger."""
    op.execute(
        "drop trigger change_orders"
        + ("" if op.get_bind().dialect.name == "sqlite" else " on change")
    )
    op.drop_column("delivery", "origin")
    op.drop_column("hook", "generation")
    op.drop_column("change", "sequence")
