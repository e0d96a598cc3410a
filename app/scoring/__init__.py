"""What Sightline computes: playbook and evidence in, alignment out. Pure."""
