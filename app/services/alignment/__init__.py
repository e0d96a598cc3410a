"""Alignment now and in the past, comparisons and what-if."""
