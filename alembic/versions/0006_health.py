"""How sources do: wins without an amount are noted with their deal, and raw bodies that are still kept are found."""

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
    """Notes the wins, and adds the index. Sets of matches name a currency from now on: `sightline db rebuild`."""
    op.execute(INSERT_WINS_WITHOUT_AMOUNT)
    op.create_index(
        "ix_delivery_kept",
        "delivery",
        ["organization_id", "received_at"],
        sqlite_where=HAS_BODY,
        postgresql_where=HAS_BODY,
    )


def downgrade() -> None:
    """Takes both away."""
    op.drop_index("ix_delivery_kept", "delivery")
    op.execute("delete from unmapped where property = ''")
