"""The command `ingest`: a feed taken in here, by workers, or by the server that holds the home."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from engine.errors import HomeInUse, QueryRejected
from engine.jobs import FeedRequest
from engine.system.console import plain_console
from engine.system.options import JSON
from engine.system.printing import print_json, say, spelled
from engine.vision.gate import Policy
from ingest.bootstrap import open_ingest
from ingest.jobs.archives import feed_file
from ingest.options import currency_code, feed_options, shop_address, text_encoding
from ingest.pipeline import ingest_feed
from ingest.progress import show_summary, shown_progress, summary_json
from ingest.repair import mend, salvage_files
from ingest.run.summary import FeedBrokenOff, OnProgress, Summary
from models.settings import Settings, read_settings


def _checked(check: Callable[[str], str]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """A check of an option's value, for click."""

    def checked(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        try:
            return None if value is None else check(value)
        except QueryRejected as error:
            raise click.BadParameter(error.message) from None

    return checked


@click.command()
@click.argument("feed", type=click.Path(path_type=Path))
@click.option("--policy", type=click.Choice(["strict", "prefer"]), help="Which pictures are indexed; THATLOOK_POLICY.")
@click.option("--prune", is_flag=True, help="Remove products that are no longer in the feed.")
@click.option("--prune-all", is_flag=True, help="The same, even if that is more than half of them.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after this many good rows.")
@click.option("--name", help="Name of the feed; by default its file name.")
@click.option(
    "--shop-url",
    callback=_checked(shop_address),
    help="The shop's address, for links that are paths and those of a Shopify or WooCommerce export.",
)
@click.option("--currency", callback=_checked(currency_code), help="Currency of prices that name none, such as EUR.")
@click.option(
    "--encoding", callback=_checked(text_encoding), help="Encoding of the feed, such as cp1252; UTF-8 by default."
)
@click.option("--repair", is_flag=True, help="Open a damaged home, and add what it lost.")
@click.option("--wait", is_flag=True, help="Wait until the workers have indexed all of it.")
@JSON
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
    wait: bool,
    as_json: bool,
) -> None:
    """Bring a shop's FEED (JSON, CSV, TSV, XML; Google Merchant's, Shopify's, WooCommerce's) into the catalogue.

    Run it again whenever the feed changes or a run was cut off: only what is left to do is done. Exit status 1 where
    the feed cannot be read to its end, or none of its rows could be taken; where some rows are bad, they are reported
    and the status is 0.

    Where the catalogue lies in servers, the products are queued for `thatlook worker` processes, which go on with them
    whatever becomes of this command; --wait shows how far they are.
    """
    settings = read_settings(options | ({"policy": policy} if policy else {}))
    console = plain_console()
    place = str(feed.absolute())
    request = FeedRequest(
        "path", place, name, None, settings.policy, prune, prune_all, limit, shop_url, currency, encoding
    )
    mended: list[str] = []
    with _told(console, as_json), shown_progress(console) as progress:
        try:
            summary = _ingest_here(settings, feed, request, progress, mended if repair else None, wait=wait)
        except HomeInUse as error:
            if repair:
                raise
            summary = _hand_over(error, settings, request, progress)
    for each in mended:
        say(each)
    _tell(console, summary, as_json)
    if summary.nothing_taken:
        say(f"thatlook: none of the {summary.read + summary.bad_rows} rows of {summary.feed} could be used.")
        sys.exit(1)


def _ingest_here(
    settings: Settings,
    feed: Path,
    request: FeedRequest,
    progress: OnProgress,
    mended: list[str] | None,
    *,
    wait: bool,
) -> Summary:
    """Take the feed in, here or by workers; `mended` hears what was repaired, where that is wanted."""
    repair = mended is not None
    if mended is not None:
        mended += salvage_files(settings)
    with open_ingest(settings, repairing=repair) as parts, feed_file(feed) as file:
        summary = ingest_feed(
            parts, file, settings.policy, prune=request.prune, prune_all=request.prune_all, limit=request.limit,
            name=request.name or feed.name, named=request.name is not None,
            origin=None if file == feed else spelled(str(feed.resolve().parent)), options=feed_options(request),
            progress=progress, queued=parts.work is not None and not repair, wait=wait, waits=_Waits(),
        )  # fmt: skip
        if mended is not None:
            mended += mend(parts, settings.policy, remove_strange=False).told()
    return summary


def _hand_over(error: HomeInUse, settings: Settings, request: FeedRequest, progress: OnProgress) -> Summary:
    """Let the server that holds the home take the feed."""
    from ingest.jobs.handover import hand_over
    from models.holder import in_use

    holder = in_use(error, settings.home)
    say(f"thatlook: the server at {holder.address} holds this home, so it takes the feed.")
    return hand_over(holder, request, progress)


class _Waits:
    """Says why nothing goes on, once for each reason."""

    def __init__(self) -> None:
        self._said: str | None = None

    def __call__(self, why: str | None) -> None:
        if why and why != self._said:
            say(f"Waiting: {why}")
        self._said = why


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
