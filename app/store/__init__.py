"""What Sightline remembers: the only SQL."""
