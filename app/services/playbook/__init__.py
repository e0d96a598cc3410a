"""Configuration, its history, and the use cases of playbooks."""
