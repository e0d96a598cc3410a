"""Recording, retraction and listing of events, and their roll-ups."""
