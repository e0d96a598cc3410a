"""Queries for the configuration and its journal."""
