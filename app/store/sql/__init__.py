"""Connections, dialects, column types and bulk parameters."""
