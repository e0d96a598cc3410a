"""The first schema: every table of the playbook and of the evidence."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql, sqlite

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
COUNT = sa.Integer().with_variant(sqlite.INTEGER(), "sqlite")
WORDS = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
IDENTITY = sa.Text().with_variant(postgresql.UUID(), "postgresql")
BYTES = sa.LargeBinary()
STRICT = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    """Makes the tables, and refuses changes of what is append-only."""
    for make in MAKE:
        make()
    refuse_changes()


def make_api_key() -> None:
    """The table api_key."""
    op.create_table(
        "api_key",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("pepper", WORDS, nullable=False),
        sa.Column("last_four", WORDS, nullable=False),
        sa.Column("scopes", WORDS, nullable=False),
        sa.Column("team", WORDS, nullable=True),
        sa.Column("source", WORDS, nullable=True),
        sa.Column("created_at", WHOLE, nullable=False),
        sa.Column("created_by", WORDS, nullable=False),
        sa.Column("expires_at", WHOLE, nullable=True),
        sa.Column("revoked_at", WHOLE, nullable=True),
        sa.Column("last_used_at", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_api_key"),
        **STRICT,
    )


def make_attention() -> None:
    """The table attention."""
    op.create_table(
        "attention",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("team", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("matching", WORDS, nullable=False),
        sa.Column("objective", WORDS, nullable=False),
        sa.Column("day", COUNT, nullable=False),
        sa.Column("recorded_day", COUNT, nullable=False),
        sa.Column("events", WHOLE, nullable=False),
        sa.Column("effort", WHOLE, nullable=False),
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
        **STRICT,
    )
    op.create_index("ix_attention_organization_id_day", "attention", ["organization_id", "day"])


def make_change() -> None:
    """The table change."""
    op.create_table(
        "change",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("generation", COUNT, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("entity", WORDS, nullable=False),
        sa.Column("other", WORDS, nullable=True),
        sa.Column("at", WHOLE, nullable=False),
        sa.Column("verb", WORDS, nullable=False),
        sa.Column("fields", WORDS, nullable=False),
        sa.Column("delivery", IDENTITY, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "source", "generation", "key", name="pk_change"),
        **STRICT,
    )
    op.create_index(
        "ix_change_organization_id_source_entity", "change", ["organization_id", "source", "entity"]
    )
    op.create_index(
        "ix_change_organization_id_source_other", "change", ["organization_id", "source", "other"]
    )


def make_cursor() -> None:
    """The table cursor."""
    op.create_table(
        "cursor",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("catalogue", WHOLE, nullable=False),
        sa.Column("recorded_us", WHOLE, nullable=False),
        sa.Column("recorded_day", COUNT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_cursor"),
        **STRICT,
    )


def make_delivery() -> None:
    """The table delivery."""
    op.create_table(
        "delivery",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("uid", IDENTITY, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("received_at", WHOLE, nullable=False),
        sa.Column("content_type", WORDS, nullable=False),
        sa.Column("headers", WORDS, nullable=False),
        sa.Column("body", BYTES, nullable=True),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("problem", WORDS, nullable=True),
        sa.Column("rejects", WORDS, nullable=False),
        sa.Column("changes", COUNT, nullable=False),
        sa.Column("recorded", COUNT, nullable=False),
        sa.Column("retracted", COUNT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "uid", name="pk_delivery"),
        **STRICT,
    )
    op.create_index(
        "ix_delivery_organization_id_source_received_at_uid",
        "delivery",
        ["organization_id", "source", "received_at", "uid"],
    )


def make_directory() -> None:
    """The table directory."""
    op.create_table(
        "directory",
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name="pk_directory"),
        **STRICT,
    )


def make_event() -> None:
    """The table event."""
    op.create_table(
        "event",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("uid", IDENTITY, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("type", WORDS, nullable=False),
        sa.Column("time_us", WHOLE, nullable=False),
        sa.Column("day", COUNT, nullable=False),
        sa.Column("recorded_us", WHOLE, nullable=False),
        sa.Column("recorded_day", COUNT, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("team", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("value", WHOLE, nullable=True),
        sa.Column("unit", WORDS, nullable=True),
        sa.Column("effort", WHOLE, nullable=True),
        sa.Column("subject", WORDS, nullable=True),
        sa.Column("objective", WORDS, nullable=True),
        sa.Column("offerings", WORDS, nullable=True),
        sa.Column("data", WORDS, nullable=True),
        sa.Column("fingerprint", WORDS, nullable=False),
        sa.Column("matching", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "uid", name="pk_event"),
        sa.UniqueConstraint(
            "organization_id", "source", "id", name="uq_event_organization_id_source_id"
        ),
        **STRICT,
    )
    op.create_index(
        "ix_event_organization_id_time_us_uid", "event", ["organization_id", "time_us", "uid"]
    )


def make_journal() -> None:
    """The table journal."""
    op.create_table(
        "journal",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("position", COUNT, nullable=False),
        sa.Column("at", WHOLE, nullable=False),
        sa.Column("day", COUNT, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("action", WORDS, nullable=False),
        sa.Column("before", WORDS, nullable=True),
        sa.Column("after", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "seq", "position", name="pk_journal"),
        **STRICT,
    )
    op.create_index(
        "ix_journal_organization_id_kind_key", "journal", ["organization_id", "kind", "key"]
    )


def make_matching() -> None:
    """The table matching."""
    op.create_table(
        "matching",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.Column("metrics", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "id", name="pk_matching"),
        **STRICT,
    )


def make_measure() -> None:
    """The table measure."""
    op.create_table(
        "measure",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("metric", WORDS, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("day", COUNT, nullable=False),
        sa.Column("recorded_day", COUNT, nullable=False),
        sa.Column("matched", WHOLE, nullable=False),
        sa.Column("counted", WHOLE, nullable=False),
        sa.Column("other_unit", WHOLE, nullable=False),
        sa.Column("no_value", WHOLE, nullable=False),
        sa.Column("total", WHOLE, nullable=False),
        sa.Column("low", WHOLE, nullable=True),
        sa.Column("high", WHOLE, nullable=True),
        sa.Column("last_us", WHOLE, nullable=True),
        sa.Column("last_id", WORDS, nullable=True),
        sa.Column("last_value", WHOLE, nullable=True),
        sa.Column("reset", COUNT, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "metric", "source", "day", "recorded_day", name="pk_measure"
        ),
        **STRICT,
    )
    op.create_index("ix_measure_organization_id_day", "measure", ["organization_id", "day"])


def make_metric() -> None:
    """The table metric."""
    op.create_table(
        "metric",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("unit", WORDS, nullable=True),
        sa.Column("events", WORDS, nullable=False),
        sa.Column("activities", WORDS, nullable=False),
        sa.Column("where", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.Column("aggregation", WORDS, nullable=False),
        sa.Column("canonical_source", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_metric"),
        **STRICT,
    )


def make_organization() -> None:
    """The table organization."""
    op.create_table(
        "organization",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("time_zone", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_organization"),
        **STRICT,
    )


def make_playbook() -> None:
    """The table playbook."""
    op.create_table(
        "playbook",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("title", WORDS, nullable=False),
        sa.Column("narrative", WORDS, nullable=False),
        sa.Column("starts_on", COUNT, nullable=False),
        sa.Column("ends_on", COUNT, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.Column("published_at", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_playbook"),
        **STRICT,
    )


def make_policy() -> None:
    """The table policy."""
    op.create_table(
        "policy",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("weights", WORDS, nullable=False),
        sa.Column("focus_days", COUNT, nullable=False),
        sa.Column("minimum_events", COUNT, nullable=False),
        sa.Column("required_functions", COUNT, nullable=False),
        sa.Column("half_life_days", WHOLE, nullable=False),
        sa.Column("minimum_coverage", WHOLE, nullable=False),
        sa.Column("unit", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", name="pk_policy"),
        **STRICT,
    )


def make_retraction() -> None:
    """The table retraction."""
    op.create_table(
        "retraction",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("uid", IDENTITY, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("recorded_us", WHOLE, nullable=False),
        sa.Column("recorded_day", COUNT, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "uid", name="pk_retraction"),
        **STRICT,
    )


def make_sold() -> None:
    """The table sold."""
    op.create_table(
        "sold",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("offering", WORDS, nullable=False),
        sa.Column("team", WORDS, nullable=False),
        sa.Column("unit", WORDS, nullable=False),
        sa.Column("day", COUNT, nullable=False),
        sa.Column("recorded_day", COUNT, nullable=False),
        sa.Column("items", WHOLE, nullable=False),
        sa.Column("value", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "offering", "team", "unit", "day", "recorded_day", name="pk_sold"
        ),
        **STRICT,
    )
    op.create_index("ix_sold_organization_id_day", "sold", ["organization_id", "day"])


def make_team() -> None:
    """The table team."""
    op.create_table(
        "team",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("function", WORDS, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_team"),
        **STRICT,
    )


def make_unmapped() -> None:
    """The table unmapped."""
    op.create_table(
        "unmapped",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("entity", WORDS, nullable=False),
        sa.Column("property", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "source", "entity", "property", "value", name="pk_unmapped"
        ),
        **STRICT,
    )


def make_contribution() -> None:
    """The table contribution."""
    op.create_table(
        "contribution",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("playbook", WORDS, nullable=False),
        sa.Column("team", WORDS, nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("note", WORDS, nullable=False),
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
        **STRICT,
    )


def make_objective() -> None:
    """The table objective."""
    op.create_table(
        "objective",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("playbook", WORDS, nullable=False),
        sa.Column("title", WORDS, nullable=False),
        sa.Column("description", WORDS, nullable=False),
        sa.Column("priority", WHOLE, nullable=False),
        sa.Column("parent", WORDS, nullable=True),
        sa.Column("state", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_objective"),
        sa.ForeignKeyConstraint(
            ["organization_id", "playbook"],
            ["playbook.organization_id", "playbook.key"],
            name="fk_objective_playbook",
        ),
        **STRICT,
    )


def make_offering() -> None:
    """The table offering."""
    op.create_table(
        "offering",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("available_from", COUNT, nullable=False),
        sa.Column("retired_on", COUNT, nullable=True),
        sa.Column("team", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_offering"),
        sa.ForeignKeyConstraint(
            ["organization_id", "team"],
            ["team.organization_id", "team.key"],
            name="fk_offering_team",
        ),
        **STRICT,
    )


def make_revision() -> None:
    """The table revision."""
    op.create_table(
        "revision",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("playbook", WORDS, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.Column("content", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "playbook", "revision", name="pk_revision"),
        sa.ForeignKeyConstraint(
            ["organization_id", "playbook"],
            ["playbook.organization_id", "playbook.key"],
            name="fk_revision_playbook",
        ),
        **STRICT,
    )


def make_signoff() -> None:
    """The table signoff."""
    op.create_table(
        "signoff",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("playbook", WORDS, nullable=False),
        sa.Column("team", WORDS, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.Column("by", WORDS, nullable=False),
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
        **STRICT,
    )


def make_source() -> None:
    """The table source."""
    op.create_table(
        "source",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("connector", WORDS, nullable=False),
        sa.Column("account", WORDS, nullable=True),
        sa.Column("team", WORDS, nullable=True),
        sa.Column("mapping", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "key", name="pk_source"),
        sa.ForeignKeyConstraint(
            ["organization_id", "team"], ["team.organization_id", "team.key"], name="fk_source_team"
        ),
        **STRICT,
    )


def make_hook() -> None:
    """The table hook."""
    op.create_table(
        "hook",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("hook_id", WORDS, nullable=False),
        sa.Column("secrets", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "source", name="pk_hook"),
        sa.ForeignKeyConstraint(
            ["organization_id", "source"],
            ["source.organization_id", "source.key"],
            name="fk_hook_source",
        ),
        **STRICT,
    )


def make_key_result() -> None:
    """The table key_result."""
    op.create_table(
        "key_result",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("objective", WORDS, nullable=False),
        sa.Column("title", WORDS, nullable=False),
        sa.Column("metric", WORDS, nullable=False),
        sa.Column("baseline", WHOLE, nullable=False),
        sa.Column("target", WHOLE, nullable=False),
        sa.Column("weight", WHOLE, nullable=False),
        sa.Column("cadence_days", COUNT, nullable=False),
        sa.Column("starts_on", COUNT, nullable=True),
        sa.Column("ends_on", COUNT, nullable=True),
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
        **STRICT,
    )


def make_responsibility() -> None:
    """The table responsibility."""
    op.create_table(
        "responsibility",
        sa.Column("organization_id", IDENTITY, nullable=False),
        sa.Column("changed", WHOLE, nullable=False),
        sa.Column("archived_at", WHOLE, nullable=True),
        sa.Column("objective", WORDS, nullable=False),
        sa.Column("team", WORDS, nullable=False),
        sa.Column("role", WORDS, nullable=False),
        sa.Column("share", WHOLE, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("by", WORDS, nullable=False),
        sa.Column("note", WORDS, nullable=False),
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
        **STRICT,
    )


def refuse_changes() -> None:
    """An event may change in `matching` alone.

    An event, a retraction, a journal entry and a change are never deleted.
    """
    if op.get_bind().dialect.name == "sqlite":
        for table, columns in APPEND_ONLY.items():
            changed = " or ".join(f"old.{name} is not new.{name}" for name in columns)
            refuse = f"begin select raise(abort, '{table} is append-only'); end"
            op.execute(
                f"create trigger {table}_keeps before update on {table} when {changed} {refuse}"
            )
            op.execute(f"create trigger {table}_stays before delete on {table} {refuse}")
        return
    op.execute(
        "create function append_only() returns trigger language plpgsql as "
        "$$ begin raise exception '% is append-only', tg_table_name; end $$"
    )
    for table, columns in APPEND_ONLY.items():
        changed = " or ".join(f"old.{name} is distinct from new.{name}" for name in columns)
        execute = "execute function append_only()"
        op.execute(
            f"create trigger {table}_keeps before update on {table} for each row when ({changed}) {execute}"
        )
        op.execute(f"create trigger {table}_stays before delete on {table} for each row {execute}")


def downgrade() -> None:
    """Drops everything."""
    for make in reversed(MAKE):
        op.drop_table(make.__name__.removeprefix("make_"))
    if op.get_bind().dialect.name != "sqlite":
        op.execute("drop function append_only()")


MAKE = (
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
APPEND_ONLY = {
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
