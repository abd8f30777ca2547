"""Feeds that are sent to the server: how they are read, described and answered."""
