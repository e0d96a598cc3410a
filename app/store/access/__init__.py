"""Queries for public ids, API keys and organizations' versions."""
