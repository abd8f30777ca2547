"""The commands `embed` and `load`: a very large feed through a Ray cluster, and into the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from engine.generations.fingerprint import models_fingerprint
from engine.system.console import plain_console
from engine.system.options import JSON
from engine.system.printing import print_json, say, spelled
from engine.taxonomy import load_taxonomy
from engine.vision.gate import Policy
from ingest.bootstrap import open_live_ingest
from ingest.bulk.job import Cluster, embed_parts, part_feed
from ingest.bulk.load import load_parts
from ingest.bulk.part_embedder import EmbedJob
from ingest.bulk.place import open_place
from ingest.run.dependencies import IngestDependencies
from models.bootstrap import build_pipeline
from models.settings import read_settings

_TOLD_EVERY = 20


@click.command()
@click.argument("feed", type=click.Path(path_type=Path))
@click.argument("place")
@click.option("--address", help="A running Ray cluster; without it, Ray is started on this machine.")
@click.option(
    "--actors", type=click.IntRange(min=1), default=1, show_default=True, help="Number of processes with models."
)
@click.option(
    "--cpus", type=click.FloatRange(min=0.1), default=1.0, show_default=True, help="Processors for each of them."
)
@click.option("--gpus", type=click.FloatRange(min=0.0), default=0.0, show_default=True, help="GPUs for each of them.")
@click.option("--policy", type=click.Choice(["strict", "prefer"]), help="Which pictures are indexed; THATLOOK_POLICY.")
@click.option("--name", help="Name of the feed; by default its file name.")
@JSON
@click.pass_obj
def embed(
    options: dict[str, Any],
    feed: Path,
    place: str,
    address: str | None,
    actors: int,
    cpus: float,
    gpus: float,
    policy: Policy | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Bring a very large FEED through the models on a Ray cluster.

    PLACE takes what comes of it: a folder that every machine sees, or s3://bucket/prefix in the S3 of the settings.
    Pictures go into the object store of the settings, the rest into Parquet files of 256 products each. Run again after
    whatever cut it off: files that are there are kept. `thatlook load PLACE` then brings them into the catalogue.
    """
    settings = read_settings(options | ({"policy": policy} if policy else {}))
    where = place if place.startswith("s3://") else str(Path(place).resolve())
    root = spelled(str(feed.resolve().parent))
    job = EmbedJob(settings, where, spelled(name or feed.name), settings.policy, root)
    pipeline, _ = build_pipeline(settings)
    opened = open_place(where, settings)
    manifest = part_feed(feed, opened, job, models_fingerprint(pipeline), load_taxonomy(settings.taxonomy))
    del pipeline
    summary = embed_parts(job, opened, manifest, Cluster(address, actors, cpus, gpus), _told("embedded"))
    _show(asdict(summary), f"{manifest.feed}: {summary.parts} parts in {summary.seconds:.1f} s", as_json)


@click.command()
@click.argument("place")
@JSON
@click.pass_obj
def load(options: dict[str, Any], place: str, as_json: bool) -> None:
    """Bring what `thatlook embed` left in PLACE into the catalogue.

    Products that are there already, from the same words and pictures, are left as they are; so are those that were
    changed after the feed was read. Run again after a kill: what is left is written.
    """
    settings = read_settings(options)
    with open_live_ingest(settings) as live:

        def current() -> IngestDependencies:
            live.live.look()
            return live()

        summary = load_parts(current, open_place(place, settings), _told("loaded"), _waits)
    _show(asdict(summary), f"{summary.products} products in {summary.seconds:.1f} s", as_json)


def _told(doing: str) -> Callable[[int, int], None]:
    """Say how far it is, twenty times in all."""
    shown = -1

    def progress(done: int, of: int) -> None:
        nonlocal shown
        if (now := done * _TOLD_EVERY // max(of, 1)) != shown:
            shown = now
            say(f"{done} of {of} parts {doing}")

    return progress


def _waits(why: str | None) -> None:
    if why:
        say(f"Waiting: {why}")


def _show(document: dict[str, Any], title: str, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    table = Table("product", "count", title=title)
    for name in ("products", "bad_rows", "unchanged", "newer"):
        if document.get(name):
            table.add_row(name.replace("_", " "), str(document[name]))
    for state, count in document["states"].items():
        table.add_row(state, str(count))
    plain_console().print(table)
