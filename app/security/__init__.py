"""Secrets, identifiers, rate limits and token verification."""
