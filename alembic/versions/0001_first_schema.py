"""First schema: every table of the configuration, the events and the roll-ups."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql, sqlite

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIGINT = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
INTEGER = sa.Integer().with_variant(sqlite.INTEGER(), "sqlite")
TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
UUID_TEXT = sa.Text().with_variant(postgresql.UUID(), "postgresql")
BINARY = sa.LargeBinary()
TABLE_OPTIONS = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    """Create the tables, and the triggers that keep the append-only tables append-only."""
    for create_table in TABLE_CREATORS:
        create_table()
    create_append_only_triggers()


def make_api_key() -> None:
    """Create the table `api_key`."""
    op.create_table(
        "api_key",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("pepper", TEXT, nullable=False),
        sa.Column("last_four", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("source", TEXT, nullable=True),
        sa.Column("created_at", BIGINT, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("expires_at", BIGINT, nullable=True),
        sa.Column("revoked_at", BIGINT, nullable=True),
        sa.Column("last_used_at", BIGINT, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_api_key"),
        **TABLE_OPTIONS,
    )


def make_attention() -> None:
    """Create the table `attention`."""
    op.create_table(
        "attention",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("matching", TEXT, nullable=False),
        sa.Column("objective", TEXT, nullable=False),
        sa.Column("day", INTEGER, nullable=False),
        sa.Column("recorded_day", INTEGER, nullable=False),
        sa.Column("events", BIGINT, nullable=False),
        sa.Column("effort", BIGINT, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "team",
            "kind",
            "matching",
            "objective",
            "day",
            "recorded_day",
            name="pk_attention",
        ),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_attention_organization_id_day", "attention", ["organization_id", "day"])


def make_change() -> None:
    """Create the table `change`."""
    op.create_table(
        "change",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("generation", INTEGER, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("other", TEXT, nullable=True),
        sa.Column("at", BIGINT, nullable=False),
        sa.Column("verb", TEXT, nullable=False),
        sa.Column("fields", TEXT, nullable=False),
        sa.Column("delivery", UUID_TEXT, nullable=False),
        sa.Column("seq", BIGINT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "source", "generation", "key", name="pk_change"),
        **TABLE_OPTIONS,
    )
    op.create_index(
        "ix_change_organization_id_source_entity", "change", ["organization_id", "source", "entity"]
    )
    op.create_index(
        "ix_change_organization_id_source_other", "change", ["organization_id", "source", "other"]
    )


def make_cursor() -> None:
    """Create the table `cursor`."""
    op.create_table(
        "cursor",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("seq", BIGINT, nullable=False),
        sa.Column("catalogue", BIGINT, nullable=False),
        sa.Column("recorded_us", BIGINT, nullable=False),
        sa.Column("recorded_day", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_cursor"),
        **TABLE_OPTIONS,
    )


def make_delivery() -> None:
    """Create the table `delivery`."""
    op.create_table(
        "delivery",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("uid", UUID_TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("received_at", BIGINT, nullable=False),
        sa.Column("content_type", TEXT, nullable=False),
        sa.Column("headers", TEXT, nullable=False),
        sa.Column("body", BINARY, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("problem", TEXT, nullable=True),
        sa.Column("rejects", TEXT, nullable=False),
        sa.Column("changes", INTEGER, nullable=False),
        sa.Column("recorded", INTEGER, nullable=False),
        sa.Column("retracted", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "uid", name="pk_delivery"),
        **TABLE_OPTIONS,
    )
    op.create_index(
        "ix_delivery_organization_id_source_received_at_uid",
        "delivery",
        ["organization_id", "source", "received_at", "uid"],
    )


def make_directory() -> None:
    """Create the table `directory`."""
    op.create_table(
        "directory",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name="pk_directory"),
        **TABLE_OPTIONS,
    )


def make_event() -> None:
    """Create the table `event`."""
    op.create_table(
        "event",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("uid", UUID_TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("time_us", BIGINT, nullable=False),
        sa.Column("day", INTEGER, nullable=False),
        sa.Column("recorded_us", BIGINT, nullable=False),
        sa.Column("recorded_day", INTEGER, nullable=False),
        sa.Column("seq", BIGINT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("value", BIGINT, nullable=True),
        sa.Column("unit", TEXT, nullable=True),
        sa.Column("effort", BIGINT, nullable=True),
        sa.Column("subject", TEXT, nullable=True),
        sa.Column("objective", TEXT, nullable=True),
        sa.Column("offerings", TEXT, nullable=True),
        sa.Column("data", TEXT, nullable=True),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("matching", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "uid", name="pk_event"),
        sa.UniqueConstraint(
            "organization_id", "source", "id", name="uq_event_organization_id_source_id"
        ),
        **TABLE_OPTIONS,
    )
    op.create_index(
        "ix_event_organization_id_time_us_uid", "event", ["organization_id", "time_us", "uid"]
    )


def make_journal() -> None:
    """Create the table `journal`."""
    op.create_table(
        "journal",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("seq", BIGINT, nullable=False),
        sa.Column("position", INTEGER, nullable=False),
        sa.Column("at", BIGINT, nullable=False),
        sa.Column("day", INTEGER, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("before", TEXT, nullable=True),
        sa.Column("after", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "seq", "position", name="pk_journal"),
        **TABLE_OPTIONS,
    )
    op.create_index(
        "ix_journal_organization_id_kind_key", "journal", ["organization_id", "kind", "key"]
    )


def make_matching() -> None:
    """Create the table `matching`."""
    op.create_table(
        "matching",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("metrics", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_matching"),
        **TABLE_OPTIONS,
    )


def make_measure() -> None:
    """Create the table `measure`."""
    op.create_table(
        "measure",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("metric", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("day", INTEGER, nullable=False),
        sa.Column("recorded_day", INTEGER, nullable=False),
        sa.Column("matched", BIGINT, nullable=False),
        sa.Column("counted", BIGINT, nullable=False),
        sa.Column("other_unit", BIGINT, nullable=False),
        sa.Column("no_value", BIGINT, nullable=False),
        sa.Column("total", BIGINT, nullable=False),
        sa.Column("low", BIGINT, nullable=True),
        sa.Column("high", BIGINT, nullable=True),
        sa.Column("last_us", BIGINT, nullable=True),
        sa.Column("last_id", TEXT, nullable=True),
        sa.Column("last_value", BIGINT, nullable=True),
        sa.Column("reset", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "metric", "source", "day", "recorded_day", name="pk_measure"
        ),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_measure_organization_id_day", "measure", ["organization_id", "day"])


def make_metric() -> None:
    """Create the table `metric`."""
    op.create_table(
        "metric",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("unit", TEXT, nullable=True),
        sa.Column("events", TEXT, nullable=False),
        sa.Column("activities", TEXT, nullable=False),
        sa.Column("where", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("aggregation", TEXT, nullable=False),
        sa.Column("canonical_source", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_metric"),
        **TABLE_OPTIONS,
    )


def make_organization() -> None:
    """Create the table `organization`."""
    op.create_table(
        "organization",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("time_zone", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_organization"),
        **TABLE_OPTIONS,
    )


def make_playbook() -> None:
    """Create the table `playbook`."""
    op.create_table(
        "playbook",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("narrative", TEXT, nullable=False),
        sa.Column("starts_on", INTEGER, nullable=False),
        sa.Column("ends_on", INTEGER, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("revision", INTEGER, nullable=False),
        sa.Column("published_at", BIGINT, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_playbook"),
        **TABLE_OPTIONS,
    )


def make_policy() -> None:
    """Create the table `policy`."""
    op.create_table(
        "policy",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("weights", TEXT, nullable=False),
        sa.Column("focus_days", INTEGER, nullable=False),
        sa.Column("minimum_events", INTEGER, nullable=False),
        sa.Column("required_functions", INTEGER, nullable=False),
        sa.Column("half_life_days", BIGINT, nullable=False),
        sa.Column("minimum_coverage", BIGINT, nullable=False),
        sa.Column("unit", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", name="pk_policy"),
        **TABLE_OPTIONS,
    )


def make_retraction() -> None:
    """Create the table `retraction`."""
    op.create_table(
        "retraction",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("uid", UUID_TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("recorded_us", BIGINT, nullable=False),
        sa.Column("recorded_day", INTEGER, nullable=False),
        sa.Column("seq", BIGINT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "uid", name="pk_retraction"),
        **TABLE_OPTIONS,
    )


def make_sold() -> None:
    """Create the table `sold`."""
    op.create_table(
        "sold",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("offering", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("day", INTEGER, nullable=False),
        sa.Column("recorded_day", INTEGER, nullable=False),
        sa.Column("items", BIGINT, nullable=False),
        sa.Column("value", BIGINT, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "offering", "team", "unit", "day", "recorded_day", name="pk_sold"
        ),
        **TABLE_OPTIONS,
    )
    op.create_index("ix_sold_organization_id_day", "sold", ["organization_id", "day"])


def make_team() -> None:
    """Create the table `team`."""
    op.create_table(
        "team",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("function", TEXT, nullable=False),
        sa.Column("size", BIGINT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_team"),
        **TABLE_OPTIONS,
    )


def make_unmapped() -> None:
    """Create the table `unmapped`."""
    op.create_table(
        "unmapped",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("entity", TEXT, nullable=False),
        sa.Column("property", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "source", "entity", "property", "value", name="pk_unmapped"
        ),
        **TABLE_OPTIONS,
    )


def make_contribution() -> None:
    """Create the table `contribution`."""
    op.create_table(
        "contribution",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("playbook", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "playbook", "team", name="pk_contribution"),
        sa.ForeignKeyConstraint(
            ["organization_id", "playbook"],
            ["playbook.organization_id", "playbook.key"],
            name="fk_contribution_playbook",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team"],
            ["team.organization_id", "team.key"],
            name="fk_contribution_team",
        ),
        **TABLE_OPTIONS,
    )


def make_objective() -> None:
    """Create the table `objective`."""
    op.create_table(
        "objective",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("playbook", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("priority", BIGINT, nullable=False),
        sa.Column("parent", TEXT, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_objective"),
        sa.ForeignKeyConstraint(
            ["organization_id", "playbook"],
            ["playbook.organization_id", "playbook.key"],
            name="fk_objective_playbook",
        ),
        **TABLE_OPTIONS,
    )


def make_offering() -> None:
    """Create the table `offering`."""
    op.create_table(
        "offering",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("available_from", INTEGER, nullable=False),
        sa.Column("retired_on", INTEGER, nullable=True),
        sa.Column("team", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_offering"),
        sa.ForeignKeyConstraint(
            ["organization_id", "team"],
            ["team.organization_id", "team.key"],
            name="fk_offering_team",
        ),
        **TABLE_OPTIONS,
    )


def make_revision() -> None:
    """Create the table `revision`."""
    op.create_table(
        "revision",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("playbook", TEXT, nullable=False),
        sa.Column("revision", INTEGER, nullable=False),
        sa.Column("content", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "playbook", "revision", name="pk_revision"),
        sa.ForeignKeyConstraint(
            ["organization_id", "playbook"],
            ["playbook.organization_id", "playbook.key"],
            name="fk_revision_playbook",
        ),
        **TABLE_OPTIONS,
    )


def make_signoff() -> None:
    """Create the table `signoff`."""
    op.create_table(
        "signoff",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("playbook", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("revision", INTEGER, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "playbook", "team", name="pk_signoff"),
        sa.ForeignKeyConstraint(
            ["organization_id", "playbook"],
            ["playbook.organization_id", "playbook.key"],
            name="fk_signoff_playbook",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team"],
            ["team.organization_id", "team.key"],
            name="fk_signoff_team",
        ),
        **TABLE_OPTIONS,
    )


def make_source() -> None:
    """Create the table `source`."""
    op.create_table(
        "source",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("connector", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=True),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("mapping", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_source"),
        sa.ForeignKeyConstraint(
            ["organization_id", "team"], ["team.organization_id", "team.key"], name="fk_source_team"
        ),
        **TABLE_OPTIONS,
    )


def make_hook() -> None:
    """Create the table `hook`."""
    op.create_table(
        "hook",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("hook_id", TEXT, nullable=False),
        sa.Column("secrets", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "source", name="pk_hook"),
        sa.ForeignKeyConstraint(
            ["organization_id", "source"],
            ["source.organization_id", "source.key"],
            name="fk_hook_source",
        ),
        **TABLE_OPTIONS,
    )


def make_key_result() -> None:
    """Create the table `key_result`."""
    op.create_table(
        "key_result",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("objective", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("metric", TEXT, nullable=False),
        sa.Column("baseline", BIGINT, nullable=False),
        sa.Column("target", BIGINT, nullable=False),
        sa.Column("weight", BIGINT, nullable=False),
        sa.Column("cadence_days", INTEGER, nullable=False),
        sa.Column("starts_on", INTEGER, nullable=True),
        sa.Column("ends_on", INTEGER, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_key_result"),
        sa.ForeignKeyConstraint(
            ["organization_id", "metric"],
            ["metric.organization_id", "metric.key"],
            name="fk_key_result_metric",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "objective"],
            ["objective.organization_id", "objective.key"],
            name="fk_key_result_objective",
        ),
        **TABLE_OPTIONS,
    )


def make_responsibility() -> None:
    """Create the table `responsibility`."""
    op.create_table(
        "responsibility",
        sa.Column("organization_id", UUID_TEXT, nullable=False),
        sa.Column("changed", BIGINT, nullable=False),
        sa.Column("archived_at", BIGINT, nullable=True),
        sa.Column("objective", TEXT, nullable=False),
        sa.Column("team", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("share", BIGINT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "objective", "team", name="pk_responsibility"),
        sa.ForeignKeyConstraint(
            ["organization_id", "objective"],
            ["objective.organization_id", "objective.key"],
            name="fk_responsibility_objective",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "team"],
            ["team.organization_id", "team.key"],
            name="fk_responsibility_team",
        ),
        **TABLE_OPTIONS,
    )


def create_append_only_triggers() -> None:
    """Create triggers that reject changes and deletions of append-only rows.

    The one column that may change is `event.matching`, which is derived.
    """
    if op.get_bind().dialect.name == "sqlite":
        for table, columns in APPEND_ONLY_COLUMNS.items():
            is_changed = " or ".join(f"old.{name} is not new.{name}" for name in columns)
            raise_error = f"begin select raise(abort, '{table} is append-only'); end"
            op.execute(
                f"create trigger {table}_keeps before update on {table} when {is_changed} {raise_error}"
            )
            op.execute(f"create trigger {table}_stays before delete on {table} {raise_error}")
        return
    op.execute(
        "create function append_only() returns trigger language plpgsql as "
        "$$ begin raise exception '% is append-only', tg_table_name; end $$"
    )
    for table, columns in APPEND_ONLY_COLUMNS.items():
        is_changed = " or ".join(f"old.{name} is distinct from new.{name}" for name in columns)
        execute = "execute function append_only()"
        op.execute(
            f"create trigger {table}_keeps before update on {table} for each row when ({is_changed}) {execute}"
        )
        op.execute(f"create trigger {table}_stays before delete on {table} for each row {execute}")


def downgrade() -> None:
    """Drop all tables."""
    for create_table in reversed(TABLE_CREATORS):
        op.drop_table(create_table.__name__.removeprefix("make_"))
    if op.get_bind().dialect.name != "sqlite":
        op.execute("drop function append_only()")


TABLE_CREATORS = (
    make_api_key,
    make_attention,
    make_change,
    make_cursor,
    make_delivery,
    make_directory,
    make_event,
    make_journal,
    make_matching,
    make_measure,
    make_metric,
    make_organization,
    make_playbook,
    make_policy,
    make_retraction,
    make_sold,
    make_team,
    make_unmapped,
    make_contribution,
    make_objective,
    make_offering,
    make_revision,
    make_signoff,
    make_source,
    make_hook,
    make_key_result,
    make_responsibility,
)
APPEND_ONLY_COLUMNS = {
    "event": [
        "organization_id",
        "uid",
        "source",
        "id",
        "type",
        "time_us",
        "day",
        "recorded_us",
        "recorded_day",
        "seq",
        "team",
        "kind",
        "value",
        "unit",
        "effort",
        "subject",
        "objective",
        "offerings",
        "data",
        "fingerprint",
    ],
    "retraction": [
        "organization_id",
        "uid",
        "reason",
        "actor",
        "recorded_us",
        "recorded_day",
        "seq",
    ],
    "journal": [
        "organization_id",
        "seq",
        "position",
        "at",
        "day",
        "actor",
        "kind",
        "key",
        "action",
        "before",
        "after",
    ],
    "change": [
        "organization_id",
        "source",
        "generation",
        "key",
        "entity",
        "other",
        "at",
        "verb",
        "fields",
        "delivery",
        "seq",
    ],
}
