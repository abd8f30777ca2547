"""Commands of ingest: `ingest` and `worker`."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from engine.console import plain_console
from engine.gate import Policy
from engine.printing import print_json, say
from engine.stopping import terminable
from ingest.bootstrap import open_ingest
from ingest.feeds.lines import charset
from ingest.feeds.rows import FeedOptions
from ingest.intake import Intake
from ingest.pipeline import ingest_feed
from ingest.progress import show_summary, shown_progress, summary_json
from ingest.repair import mend, salvage_files
from ingest.summary import FeedBrokenOff, Summary
from models.bootstrap import read_settings


def _address(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """The shop's address without a slash at its end."""
    if value is None:
        return None
    address = value if "://" in value else f"https://{value}"
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", address, re.IGNORECASE):
        raise click.BadParameter(f"{value!r} is not an address such as https://shop.example.")
    return address.rstrip("/")


def _currency(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[A-Za-z]{3}", value):
        raise click.BadParameter(f"{value!r} is not a currency's code such as EUR.")
    return value.upper() if value else None


def _encoding(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and charset(value) is None:
        raise click.BadParameter(f"{value!r} is not an encoding of text such as cp1252.")
    return value


@click.command()
@click.argument("feed", type=click.Path(path_type=Path))
@click.option("--policy", type=click.Choice(["strict", "prefer"]), help="Which pictures; THATLOOK_POLICY.")
@click.option("--prune", is_flag=True, help="Remove products that are no longer in the feed.")
@click.option("--prune-all", is_flag=True, help="The same, even if that is more than half of them.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many good rows.")
@click.option("--name", help="Name of the feed; by default its file name.")
@click.option("--shop-url", callback=_address, help="The shop's address, for links of a Shopify or WooCommerce export.")
@click.option("--currency", callback=_currency, help="Currency of the prices in such an export, such as EUR.")
@click.option("--encoding", callback=_encoding, help="Encoding of the feed, such as cp1252; UTF-8 by default.")
@click.option("--repair", is_flag=True, help="Open a damaged home, and add what it lost.")
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
    shop_url: str | None,
    currency: str | None,
    encoding: str | None,
    repair: bool,
    as_json: bool,
) -> None:
    """Bring a shop's FEED (JSON, CSV, TSV, XML; Google Merchant's, Shopify's, WooCommerce's) into the catalogue.

    Run it again whenever the feed changes or a run was cut off: only what is left to do is done. Exit status 1 where
    the feed cannot be read to its end, or none of its rows could be taken; some bad rows are told, with status 0.
    """
    settings = read_settings(options | ({"policy": policy} if policy else {}))
    console = plain_console()
    said = FeedOptions(shop_url, currency, encoding)
    mended = salvage_files(settings) if repair else []
    opened = open_ingest(settings, repairing=repair)
    with terminable(), _told(console, as_json), opened as parts, shown_progress(console) as progress:
        summary = ingest_feed(
            parts, feed, settings.policy, prune=prune, prune_all=prune_all, limit=limit, name=name, options=said,
            progress=progress,
        )  # fmt: skip
        if repair:
            mended += mend(parts, settings.policy, remove_strange=False).told()
    for each in mended:
        say(each)
    _tell(console, summary, as_json)
    if summary.nothing_taken:
        say(f"thatlook: none of the {summary.read + summary.bad_rows} rows of {summary.feed} could be used.")
        sys.exit(1)


@contextmanager
def _told(console: Console, as_json: bool) -> Iterator[None]:
    """A feed that breaks off in the middle is told with what was taken before."""
    try:
        yield
    except FeedBrokenOff as error:
        _tell(console, error.summary, as_json)
        raise


def _tell(console: Console, summary: Summary, as_json: bool) -> None:
    if as_json:
        print_json(summary_json(summary))
    else:
        show_summary(console, summary)


@click.command()
@click.option("--once", is_flag=True, help="Index what is pending now, then end.")
@click.option("--every", type=click.FloatRange(min=0.1), default=2.0, show_default=True, help="Seconds between looks.")
@click.pass_obj
def worker(options: dict[str, Any], once: bool, every: float) -> None:
    """Index products that the API has accepted."""
    settings = read_settings(options)
    with terminable(), open_ingest(settings) as parts:
        intake = Intake(parts, settings.policy)
        while True:
            if settled := intake.work_once():
                say(f"{settled} products settled")
            if once:
                return
            time.sleep(every)
