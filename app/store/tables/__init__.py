"""The database tables: flat rows without relationships. Rows never leave `app.store`.

The package imports all its modules, so `Row.metadata` is complete as soon as one is imported.
"""

from app.store.tables import access, base, events, organizations, playbook, rollups, sources

__all__ = ("access", "base", "events", "organizations", "playbook", "rollups", "sources")
