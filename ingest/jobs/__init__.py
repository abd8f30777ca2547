"""Feeds taken while a server answers: jobs, archives and addresses, and a feed that is watched."""
