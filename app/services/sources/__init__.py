"""Inbound webhooks, delivery processing, reconciliation, replay and import."""
