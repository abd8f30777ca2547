"""Encoders from outside: somebody else's pair of towers becomes the semantic model of a profile."""
