"""Labelled people for the pose model."""
