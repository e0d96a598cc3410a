"""The domain: pure values and rules on the standard library."""
