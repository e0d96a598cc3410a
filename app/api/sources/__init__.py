"""Sources, inbound webhooks, deliveries and replay."""
