"""Health and erasure."""
