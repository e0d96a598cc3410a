"""Queries that record, retract and list events, and maintain their roll-ups."""
