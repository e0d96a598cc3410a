"""Queries for the evidence that a score is computed from."""
