"""Sources of events: their settings, silence, imported records, CRM records and mappings."""
