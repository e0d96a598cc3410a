"""What Sightline thinks: values and rules on the standard library alone."""
