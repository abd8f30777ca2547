"""Ingest on many machines: the queue, the workers that take from it, and the comparison of what is kept."""
