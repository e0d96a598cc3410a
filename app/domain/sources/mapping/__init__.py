"""Mappings: rules, their parsers, and the conversion of values.

A mapping converts the properties of a CRM's record, of a generic record or of a CloudEvent.
"""
