"""The alignment score, its history, comparisons and what-if."""
