"""How fast: `thatlook bench`."""
