"""Add the version at the end of each day, the journal by day, and background restatement."""

from json import dumps

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql, sqlite

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
INTEGER = sa.Integer().with_variant(sqlite.INTEGER(), "sqlite")
TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
UUID_TEXT = sa.Text().with_variant(postgresql.UUID(), "postgresql")
TABLE_OPTIONS = {"sqlite_strict": True, "sqlite_with_rowid": False}
# Earlier writes that left nothing but a new version (a repeated delivery) are in no row of `closing`.
INSERT_CLOSINGS = """
insert into closing (organization_id, day, seq)
select w.organization_id, w.day, max(w.seq) from (
  select organization_id, recorded_day as day, seq from event
  union all select organization_id, recorded_day, seq from retraction
  union all select organization_id, day, seq from journal) as w
join cursor as c on c.organization_id = w.organization_id and w.day < c.recorded_day
group by w.organization_id, w.day
"""
SELECT_ARCHIVED_METRICS = "select organization_id, key from metric where archived_at is not null order by organization_id, key"
SELECT_EVENT_DAYS = (
    "select distinct day from event where organization_id = :organization order by day"
)
SELECT_LAST_RECORDED = "select recorded_us from cursor where organization_id = :organization"
INSERT_RESTATEMENT = """
insert into restatement (organization_id, metrics, days, actor, started_at)
values (:organization, :metrics, :days, 'operator', :at)
"""
ENQUEUE_RESTATEMENT = (
    "insert into directory (kind, id, organization_id) values ('restatement', :name, :organization)"
)


def schedule_restatements() -> None:
    """Schedule a restatement of the days on which archived metrics were live.

    Until this revision, roll-ups had no rows of archived metrics.
    """
    connection = op.get_bind()
    metrics_by_organization: dict[object, list[str]] = {}
    for organization, key in connection.execute(sa.text(SELECT_ARCHIVED_METRICS)):
        metrics_by_organization.setdefault(organization, []).append(key)
    for organization, metrics in metrics_by_organization.items():
        scope = {"organization": organization}
        days = [day for (day,) in connection.execute(sa.text(SELECT_EVENT_DAYS), scope)]
        recorded_us = connection.execute(sa.text(SELECT_LAST_RECORDED), scope).scalar_one()
        columns = {"metrics": dumps(dict.fromkeys(metrics)), "days": dumps(days), "at": recorded_us}
        connection.execute(sa.text(INSERT_RESTATEMENT), {**scope, **columns})
        connection.execute(sa.text(ENQUEUE_RESTATEMENT), {**scope, "name": str(organization)})


def upgrade() -> None:
    """Create the tables, close past days, and schedule the restatement of archived metrics."""
    op.add_column("cursor", sa.Column("closed_day", INTEGER, nullable=True))
    op.add_column("cursor", sa.Column("closed_seq", BIGINT, nullable=True))
    op.create_table(
        "closing",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("day", INTEGER, nullable=False),
        sa.Column("seq", BIGINT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "day", name="pk_closing"),
        **TABLE_OPTIONS,
    )
    op.create_table(
        "restatement",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("metrics", TEXT, nullable=False),
        sa.Column("days", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("started_at", BIGINT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_restatement"),
        **TABLE_OPTIONS,
    )
    op.create_table(
        "restated_day",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("day", INTEGER, nullable=False),
        sa.Column("content", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "day", name="pk_restated_day"),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_journal_organization_id_day", "journal", ["organization_id", "day"])
    op.execute(INSERT_CLOSINGS)
    schedule_restatements()


def downgrade() -> None:
    """Drop the tables, the index and the columns."""
    op.execute("delete from directory where kind = 'restatement'")
    op.drop_index("ix_journal_organization_id_day", "journal")
    op.drop_table("restated_day")
    op.drop_table("restatement")
    op.drop_table("closing")
    with op.batch_alter_table("cursor") as cursor:
        cursor.drop_column("closed_seq")
        cursor.drop_column("closed_day")
