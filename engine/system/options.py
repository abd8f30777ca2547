"""Options that commands of every floor share."""

from __future__ import annotations

import click

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else.")
"""The command takes it as `as_json`."""
