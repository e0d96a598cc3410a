"""The past: the version at the end of each day, the journal by day, and restatements in the background."""

from json import dumps

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql, sqlite

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
COUNT = sa.Integer().with_variant(sqlite.INTEGER(), "sqlite")
WORDS = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
IDENTITY = sa.Text().with_variant(postgresql.UUID(), "postgresql")
STRICT = {"sqlite_strict": True, "sqlite_with_rowid": False}
# What was written before this revision and left no trace but a version (a repeated delivery) is in no day's closing.
CLOSINGS = """
insert into closing (organization_id, day, seq)
select w.organization_id, w.day, max(w.seq) from (
  select organization_id, recorded_day as day, seq from event
  union all select organization_id, recorded_day, seq from retraction
  union all select organization_id, day, seq from journal) as w
join cursor as c on c.organization_id = w.organization_id and w.day < c.recorded_day
group by w.organization_id, w.day
"""


ARCHIVED = "select organization_id, key from metric where archived_at is not null order by organization_id, key"
DAYS = "select distinct day from event where organization_id = :organization order by day"
CLOCK = "select recorded_us from cursor where organization_id = :organization"
BEGIN = """
insert into restatement (organization_id, metrics, days, actor, started_at)
values (:organization, :metrics, :days, 'operator', :at)
"""
QUEUE = (
    "insert into directory (kind, id, organization_id) values ('restatement', :name, :organization)"
)


def restate_archived() -> None:
    """Archived metrics match again, for the days on which they were live: until now nothing was kept of them."""
    database = op.get_bind()
    archived: dict[object, list[str]] = {}
    for organization, key in database.execute(sa.text(ARCHIVED)):
        archived.setdefault(organization, []).append(key)
    for organization, metrics in archived.items():
        one = {"organization": organization}
        days = [day for (day,) in database.execute(sa.text(DAYS), one)]
        at = database.execute(sa.text(CLOCK), one).scalar_one()
        values = {"metrics": dumps(dict.fromkeys(metrics)), "days": dumps(days), "at": at}
        database.execute(sa.text(BEGIN), {**one, **values})
        database.execute(sa.text(QUEUE), {**one, "name": str(organization)})


def upgrade() -> None:
    """Makes the tables, closes the days that are over, and has the history of archived metrics restated."""
    op.add_column("cursor", sa.Column("closed_day", COUNT, nullable=True))
    op.add_column("cursor", sa.Column("closed_seq", WHOLE, nullable=True))
    op.create_table(
        "closing",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("day", COUNT, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "day", name="pk_closing"),
        **STRICT,
    )
    op.create_table(
        "restatement",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("metrics", WORDS, nullable=False),
        sa.Column("days", WORDS, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("started_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_restatement"),
        **STRICT,
    )
    op.create_table(
        "restated_day",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("day", COUNT, nullable=False),
        sa.Column("content", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "day", name="pk_restated_day"),
        **STRICT,
    )
    op.create_index("ix_journal_organization_id_day", "journal", ["organization_id", "day"])
    op.execute(CLOSINGS)
    restate_archived()


def downgrade() -> None:
    """Takes them away again."""
    op.execute("delete from directory where kind = 'restatement'")
    op.drop_index("ix_journal_organization_id_day", "journal")
    op.drop_table("restated_day")
    op.drop_table("restatement")
    op.drop_table("closing")
    with op.batch_alter_table("cursor") as cursor:
        cursor.drop_column("closed_seq")
        cursor.drop_column("closed_day")
