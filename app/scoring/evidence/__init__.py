"""Evidence of a score: its accumulation, its days, and the lists that show it."""
