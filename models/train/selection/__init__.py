"""Choosing the photos that are worth a person's look."""
