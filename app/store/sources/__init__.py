"""Queries for sources, deliveries, changes and event slots."""
