"""What Sightline understands: a CRM's raw delivery in, changes out."""
