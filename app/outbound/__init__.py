"""What Sightline asks and sends by itself. Outgoing webhooks will live here too."""
