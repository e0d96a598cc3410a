"""Actors and scopes."""
