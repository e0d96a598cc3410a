"""Queries for organizations' versions and API keys."""
