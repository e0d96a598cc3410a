"""API keys, access tokens and organizations."""
