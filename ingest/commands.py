"""Commands of ingest: `ingest` and `worker`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from engine.console import plain_console
from engine.gate import Policy
from engine.printing import print_json, say
from engine.stopping import terminable
from ingest.bootstrap import open_ingest
from ingest.intake import Intake
from ingest.pipeline import ingest_feed
from ingest.progress import show_summary, shown_progress, summary_json
from models.bootstrap import read_settings


@click.command()
@click.argument("feed", type=click.Path(path_type=Path))
@click.option("--policy", type=click.Choice(["strict", "prefer"]), help="Which pictures; THATLOOK_POLICY.")
@click.option("--prune", is_flag=True, help="Take out products that left the feed.")
@click.option("--prune-all", is_flag=True, help="The same, also where that is more than half of them.")
@click.option("--limit", type=click.IntRange(min=1), help="End after so many good rows.")
@click.option("--name", help="What to call the feed; its file name where not given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_obj
def ingest(
    options: dict[str, Any],
    feed: Path,
    policy: Policy | None,
    prune: bool,
    prune_all: bool,
    limit: int | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Bring a shop's FEED (JSONL, CSV, TSV, XML; Google Merchant's names) into the catalogue.

    Run it again whenever the feed changes or a run was cut off: only what is left to do is done.
    """
    settings = read_settings(options | ({"policy": policy} if policy else {}))
    console = plain_console()
    with terminable(), open_ingest(settings) as parts, shown_progress(console) as progress:
        summary = ingest_feed(
            parts, feed, settings.policy, prune=prune, prune_all=prune_all, limit=limit, name=name, progress=progress
        )
    if as_json:
        print_json(summary_json(summary))
    else:
        show_summary(console, summary)


@click.command()
@click.option("--once", is_flag=True, help="Index what is pending now, then end.")
@click.option("--every", type=click.FloatRange(min=0.1), default=2.0, show_default=True, help="Seconds between looks.")
@click.pass_obj
def worker(options: dict[str, Any], once: bool, every: float) -> None:
    """Index products that the API has taken on."""
    settings = read_settings(options)
    with terminable(), open_ingest(settings) as parts:
        intake = Intake(parts, settings.policy)
        while True:
            if settled := intake.work_once():
                say(f"{settled} products settled")
            if once:
                return
            time.sleep(every)
