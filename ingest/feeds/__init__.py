"""Readers of shop feeds. A bad row is a value with its line and reason, and never stops the rest."""
