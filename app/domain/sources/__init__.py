"""Sources of events: their settings, their silence, and imported records."""
