"""The command `index`: how the embedded home's derived indexes stand, building them anew, changing generations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table

from engine.errors import QueryRejected
from engine.generations.names import FIRST, read_name
from engine.stores.lite.store import LiteStore
from engine.system.console import plain_console, words
from engine.system.options import JSON
from engine.system.printing import print_json, say
from engine.system.refusals import refusal
from ingest.generations.commands import generations_command, swap_command
from models.bootstrap import hold_home, open_embedded_store
from models.settings import read_settings


@click.group()
def index() -> None:
    """Show or rebuild indexes; change models while the catalogue serves."""


index.add_command(swap_command)
index.add_command(generations_command)


@index.command()
@JSON
@click.pass_obj
def status(options: dict[str, Any], as_json: bool) -> None:
    """Every collection: its rows, what its index covers, and which kind of search answers."""
    with _embedded_store(options) as store:
        rows = [asdict(row) for row in store.status()]
    if as_json:
        print_json(rows)
        return
    table = Table("collection", "rows", "indexed", "dead", "answers by", "MB", box=None)
    for row in rows:
        size = f"{row['size_bytes'] / 1e6:.1f}"
        table.add_row(row["name"], str(row["rows"]), str(row["indexed"]), str(row["dead"]), row["kind"], size)
    plain_console().print(table)
    if any(read_name(row["name"])[1] != FIRST for row in rows):
        say("Names with _g and a number are of later generations; `thatlook index generations` says which one serves.")


@index.command()
@click.argument("names", nargs=-1)
@click.pass_obj
def rebuild(options: dict[str, Any], names: tuple[str, ...]) -> None:
    """Build the indexes of these collections (of all, if none is named) anew from the stored rows."""
    with _embedded_store(options) as store:
        for name in names or store.collections():
            try:
                with plain_console().status(words(f"Building {name} …")):
                    store.rebuild(name)
            except OSError as error:
                raise refusal(error, f"The index of {name} cannot be built", read_settings(options).home) from error
            say(f"{name}: built")


@contextmanager
def _embedded_store(options: dict[str, Any]) -> Iterator[LiteStore]:
    """The store of an embedded home, held for this process.

    Raises:
        QueryRejected: the settings name a Milvus server, which keeps its own indexes.
    """
    settings = read_settings(options)
    if settings.milvus_uri is not None:
        raise QueryRejected("THATLOOK_MILVUS_URI names a server, which keeps its own indexes; this is for a home.")
    with hold_home(settings.home):
        store = open_embedded_store(settings)
        try:
            yield store
        finally:
            store.close()
