"""The demo: a made-up company and its quarter, played through the public API and the hook."""
