"""What Sightline says over HTTP: one file a noun, wire shapes above routes."""
