"""Errors, fixed-point decimals, strict JSON and epoch conversions."""
