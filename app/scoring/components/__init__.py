"""The components of the score, one module each, and the registry that lists them."""
