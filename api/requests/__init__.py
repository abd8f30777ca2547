"""Requests as they come over the wire, and what they mean to the engine."""
