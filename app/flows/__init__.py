"""What Sightline does: one function a write, one transaction each."""
