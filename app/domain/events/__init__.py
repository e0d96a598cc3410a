"""Outcome events, and the metrics that match them."""
