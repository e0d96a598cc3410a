"""Writes of the configuration, lifecycle of playbooks, configuration as of a day."""
