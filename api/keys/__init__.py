"""Callers: their keys and scopes, the owner of a home, and the command `keys`."""
