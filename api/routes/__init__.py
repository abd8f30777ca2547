"""Handlers by subject; they translate and nothing else."""
