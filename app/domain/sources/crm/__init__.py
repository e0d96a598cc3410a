"""CRM records: their changes, timelines and links, and the events that they imply.

A deal, an activity or a line item has a projection. Reconciliation compares a projection with the
recorded events.
"""
