"""Replace the index of changes by `other` with a partial one: most changes have no `other`."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEX_COLUMNS = ["organization_id", "source", "other"]
HAS_OTHER_ENTITY = sa.text("other is not null")


def upgrade() -> None:
    """Create the partial index and drop the full one."""
    op.create_index(
        "ix_change_links",
        "change",
        INDEX_COLUMNS,
        sqlite_where=HAS_OTHER_ENTITY,
        postgresql_where=HAS_OTHER_ENTITY,
    )
    op.drop_index("ix_change_organization_id_source_other", "change")


def downgrade() -> None:
    """Create the full index and drop the partial one."""
    op.create_index("ix_change_organization_id_source_other", "change", INDEX_COLUMNS)
    op.drop_index("ix_change_links", "change")
