"""The organization's playbook: its values, their validation, and their history."""
