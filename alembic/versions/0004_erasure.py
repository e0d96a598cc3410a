"""Add erasure: the matches of erased events, and a way past the triggers for the owner only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
RAISE_APPEND_ONLY = "raise exception '% is append-only', tg_table_name;"
# The owner of a table may change append-only rows in a transaction that sets `sightline.erasing`.
# SQLite has no owners: there, the erasing transaction drops the triggers and creates them again.
ALLOW_OWNER_ERASURE = (
    "if current_setting('sightline.erasing', true) = 'on' and pg_has_role(current_user, "
    "(select relowner from pg_catalog.pg_class where oid = tg_relid), 'usage') then "
    "if tg_op = 'DELETE' then return old; end if; return new; end if; "
)
# SECURITY DEFINER: the functions run with the owner's privileges, whichever role calls them.
CREATE_ERASE_EVENTS = """
create function erase_events(organization uuid, pseudonym text, uids uuid[], prints text[], remembered text[])
returns bigint language plpgsql security definer set search_path = {schema}, pg_temp as $$
declare erased_now bigint;
begin
  if pseudonym !~ '^erased/[0-9a-f]{{32}}$' then raise exception 'not the hash of a subject'; end if;
  perform set_config('sightline.erasing', 'on', true);
  update event set subject = pseudonym, data = null, fingerprint = d.print, erased = d.rules
  from unnest(uids, prints, remembered) as d(uid, print, rules)
  where event.organization_id = organization and event.uid = d.uid and event.erased is null;
  get diagnostics erased_now = row_count;
  perform set_config('sightline.erasing', '', true);
  return erased_now;
end $$
"""
CREATE_ERASE_CHANGES = """
create function erase_changes(organization uuid, teller text, entities text[])
returns bigint language plpgsql security definer set search_path = {schema}, pg_temp as $$
declare erased_now bigint;
begin
  perform set_config('sightline.erasing', 'on', true);
  delete from change where change.organization_id = organization and change.source = teller
    and change.entity = any(entities);
  get diagnostics erased_now = row_count;
  perform set_config('sightline.erasing', '', true);
  return erased_now;
end $$
"""
FUNCTION_SIGNATURES = (
    "erase_events(uuid, text, uuid[], text[], text[])",
    "erase_changes(uuid, text, text[])",
)


def upgrade() -> None:
    """Add the column `event.erased` and, on PostgreSQL, the functions that erase append-only rows."""
    op.add_column("event", sa.Column("erased", TEXT, nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "create trigger event_erases before update on event when old.erased is not new.erased "
            "begin select raise(abort, 'event is append-only'); end"
        )
        return
    op.execute(
        "create trigger event_erases before update on event for each row "
        "when (old.erased is distinct from new.erased) execute function append_only()"
    )
    op.execute(
        "create or replace function append_only() returns trigger language plpgsql as "
        f"$$ begin {ALLOW_OWNER_ERASURE}{RAISE_APPEND_ONLY} end $$"
    )
    schema = op.get_bind().scalar(sa.text("select quote_ident(current_schema())"))
    for create_function in (CREATE_ERASE_EVENTS, CREATE_ERASE_CHANGES):
        op.execute(create_function.format(schema=schema))
    for function in FUNCTION_SIGNATURES:
        op.execute(f"revoke execute on function {function} from public")


def downgrade() -> None:
    """Drop the column and the functions; erased events stay erased."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute("drop trigger event_erases" + ("" if is_sqlite else " on event"))
    op.drop_column("event", "erased")
    if is_sqlite:
        return
    for function in FUNCTION_SIGNATURES:
        op.execute(f"drop function {function}")
    op.execute(
        f"create or replace function append_only() returns trigger language plpgsql as $$ begin {RAISE_APPEND_ONLY} end $$"
    )
