"""What the score is made of: one module per component, and the registry that lists them."""
