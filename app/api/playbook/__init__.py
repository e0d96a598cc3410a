"""The playbook's resources."""
