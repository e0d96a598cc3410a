"""Mappings: how the properties of a CRM record become events."""
