"""Persistence: all SQL of the service."""
