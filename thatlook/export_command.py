"""The command `export`: the catalogue as a feed or as Parquet."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import click

from engine.domain import Space
from engine.errors import QueryRejected
from engine.system.printing import say
from engine.system.refusals import refusal
from thatlook.calls import saved

_FORMS = ("jsonl", "csv", "xml", "parquet")


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(_FORMS), help="What to write; TARGET's ending says so by itself.")
@click.option("--embeddings", metavar="SUPERCATEGORY", help="The embeddings of these garments instead, as Parquet.")
@click.option(
    "--space",
    type=click.Choice(["visual", "semantic"]),
    default="visual",
    show_default=True,
    help="Which of the two embeddings.",
)
@click.option(
    "--state", type=click.Choice(["pending", "indexed", "refused", "failed"]), help="Only products in this state."
)
@click.pass_obj
def export(
    settings: Mapping[str, Any], target: Path, form: str | None, embeddings: str | None, space: str, state: str | None
) -> None:
    """Write the catalogue to TARGET (`-`: stdout): a feed that `thatlook ingest` takes back, or a Parquet table.

    Products can be exported while a server holds the home. Embeddings need the home itself; ask the server for them:
    GET /v1/export/embeddings.
    """
    chosen = "parquet" if embeddings else form or target.suffix.lstrip(".").casefold()
    if chosen not in _FORMS:
        raise QueryRejected(f"Name the format with --format: {', '.join(_FORMS)}.")
    with _parts(settings, embeddings, cast(Space, space), chosen, state) as parts, _opened(target) as file:
        size = sum(file.write(part) for part in parts)
    say(f"{size:,} bytes were written to {target}.")


@contextmanager
def _parts(
    settings: Mapping[str, Any], embeddings: str | None, space: Space, form: str, state: str | None
) -> Iterator[Iterator[bytes]]:
    from engine.export.feeds import FEEDS
    from engine.seams import IngestState
    from models.bootstrap import open_ledger, open_parts
    from models.settings import read_settings

    read, wanted = read_settings(settings), IngestState(state) if state else None
    if embeddings:
        from engine.export.parquet import embeddings_table

        with open_parts(read) as parts:
            name = parts.pipeline.taxonomy.require_supercategory(embeddings)
            model = parts.pipeline.visual if space == "visual" else parts.pipeline.semantic
            yield embeddings_table(parts.ledger, parts.store, name, space, model.dim, model.fingerprint)
        return
    ledger = open_ledger(read)
    try:
        if form == "parquet":
            from engine.export.parquet import products_table

            yield products_table(ledger, wanted)
        else:
            yield FEEDS[form](ledger, wanted)
    finally:
        ledger.close()


@contextmanager
def _opened(target: Path) -> Iterator[IO[bytes]]:
    """Where the export goes; a file is there when it is whole, and not before."""
    if str(target) == "-":
        yield sys.stdout.buffer
        return
    try:
        with saved(target) as file:
            yield file
    except OSError as error:
        raise refusal(error, "The export cannot be written", target) from error
