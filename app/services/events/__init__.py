"""Ingest and retraction of events, and restatement of metrics."""
