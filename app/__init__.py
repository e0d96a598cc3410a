"""Sightline: how aligned an organization is, from what was observed."""
