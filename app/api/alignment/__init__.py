"""The alignment score and its views."""
