"""What Sightline sends by itself: outgoing webhooks. Empty until an issue asks for them."""
