"""Erasure, retention, and the check of roll-ups."""
