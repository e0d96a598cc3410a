"""Ingest of events, and restatement of metrics."""
