"""CRM records: changes, deals, activities, line items, and the events they imply."""
