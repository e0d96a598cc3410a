"""The demo: a fictional company's quarter, played through the public API and an inbound webhook."""
