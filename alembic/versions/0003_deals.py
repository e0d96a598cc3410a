"""What a deal's life needs: the order within an instant, generations of changes, and where a delivery came from."""

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
    """Adds the columns, and refuses changes of the one that is append-only."""
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
    """Takes the columns away."""
    op.execute(
        "drop trigger change_orders"
        + ("" if op.get_bind().dialect.name == "sqlite" else " on change")
    )
    op.drop_column("delivery", "origin")
    op.drop_column("hook", "generation")
    op.drop_column("change", "sequence")
