"""Dragoman's plugin for any JSON-over-HTTP endpoint."""
