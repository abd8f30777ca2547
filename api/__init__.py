"""The HTTP API and the commands `serve` and `search`."""
