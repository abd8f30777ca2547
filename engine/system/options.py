"""Options that commands of every floor share."""

from __future__ import annotations

import click

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else.")
"""The command takes it as `as_json`."""


def typed(words: str) -> str:
    """Words of the command line as they were typed, also where the locale is ASCII's and Python kept their bytes."""
    try:
        return words.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        return words
