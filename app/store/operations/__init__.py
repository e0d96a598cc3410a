"""Queries for erasure, deletion, privileges and migrations."""
