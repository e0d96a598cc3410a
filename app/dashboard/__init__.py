"""What Sightline shows: read-only pages. Empty until an issue asks for them."""
