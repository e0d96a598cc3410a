"""Add source health: won deals without an amount, and an index of stored raw bodies.

Number 0005 was never released: this revision follows 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None

HAS_BODY = sa.text("body is not null")
INSERT_WINS_WITHOUT_AMOUNT = """
insert into unmapped (organization_id, source, entity, property, value)
select distinct e.organization_id, e.source, 'deal:' || substr(e.subject, 6), '', 'won' from event as e
where e.type = 'deal.won' and e.value is null and e.subject like 'deal/%' and e.id like 'deal/%/won/%'
and not exists (select 1 from retraction as r where r.organization_id = e.organization_id and r.uid = e.uid)
"""


def upgrade() -> None:
    """Record the won deals without an amount, and create the index.

    Match sets contain a currency from this revision on: run `sightline db rebuild`.
    """
    op.execute(INSERT_WINS_WITHOUT_AMOUNT)
    op.create_index(
        "ix_delivery_kept",
        "delivery",
        ["organization_id", "received_at"],
        sqlite_where=HAS_BODY,
        postgresql_where=HAS_BODY,
    )


def downgrade() -> None:
    """Drop the index and delete the recorded deals."""
    op.drop_index("ix_delivery_kept", "delivery")
    op.execute("delete from unmapped where property = ''")
