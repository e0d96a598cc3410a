"""The HTTP API: one folder per capability, schemas above the routes in each module."""
