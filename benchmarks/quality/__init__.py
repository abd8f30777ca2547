"""How good: `thatlook eval`."""
