"""Events: submission, listing and export."""
