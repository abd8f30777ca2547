"""The command `queue`: what waits for the workers, and trying again what failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table

from engine.errors import QueryRejected
from engine.ledger.work import SharedWork
from engine.seams import IngestState, Ledger
from engine.system.console import plain_console
from engine.system.options import JSON
from engine.system.printing import print_json, say
from engine.vision.gate import Policy
from ingest.queue.taken_on import pending, replace_all
from ingest.queue.work_orders import jobs_of
from ingest.upkeep.pruning import folder_of
from models.bootstrap import open_ledger
from models.settings import read_settings

SHOWN = 20
"""Reasons of failures, the most frequent."""
_PAGE = 500
_NO_QUEUE = "THATLOOK_LEDGER_URL names no PostgreSQL; only there is a queue, for several workers."


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def queue(context: click.Context, as_json: bool) -> None:
    """Show what waits for the workers, what is under way, and what failed and why."""
    if context.invoked_subcommand:
        return
    with _shared(context.obj) as (ledger, work):
        lanes, counts, reasons = work.lanes(30.0), ledger.counts(), ledger.failure_counts()
    if as_json:
        products = {state.value: n for state, n in counts.items()}
        print_json({"lanes": [asdict(lane) for lane in lanes], "products": products, "failed": dict(reasons)})
        return
    console = plain_console()
    table = Table("lane", "waiting", "under way", "lost", "given up", "oldest", box=None)
    for lane in lanes:
        numbers = (lane.queued, lane.picked, lane.stale, lane.dead)
        table.add_row(lane.lane, *map(str, numbers), f"{lane.oldest_s:.0f} s")
    console.print(table if lanes else "No job waits.")
    console.print(" · ".join(f"{n:,} {state.value}" for state, n in counts.items()), markup=False)
    failed = Table("reason", "products", title="Failed; `thatlook queue retry` tries them again")
    for reason, n in list(reasons.items())[:SHOWN]:
        failed.add_row(reason, str(n))
    if reasons:
        console.print(failed)


@queue.command()
@click.argument("product_ids", nargs=-1)
@click.option("--reason", help="Only products whose reason contains this.")
@click.pass_obj
def retry(options: dict[str, Any], product_ids: tuple[str, ...], reason: str | None) -> None:
    """Try products that failed again, all or those named, and jobs that were given up."""
    settings = read_settings(options)
    with _shared(options) as (ledger, work):
        tried = sum(_again(ledger, settings.policy, some) for some in _failed(ledger, product_ids, reason))
        jobs = work.revive() if not (product_ids or reason) else 0
    say(f"{tried:,} products and {jobs:,} jobs are queued again.")


def _failed(ledger: Ledger, product_ids: tuple[str, ...], reason: str | None) -> Iterator[list[str]]:
    after: str | None = None
    while page := ledger.page(state=IngestState.FAILED, after=after, limit=_PAGE):
        after = page[-1].product.product_id
        yield [
            entry.product.product_id
            for entry in page
            if (not product_ids or entry.product.product_id in product_ids)
            and (reason is None or reason.casefold() in (entry.reason or "").casefold())
        ]


def _again(ledger: Ledger, policy: Policy, product_ids: list[str]) -> int:
    made = {}

    def anew(product_id: str, old: Any) -> Any:
        if old is None or old.state is not IngestState.FAILED:
            return None
        made[product_id] = pending(old.product, old.feed, old)
        return made[product_id]

    def jobs(written: frozenset[str]) -> Any:
        return jobs_of([made[i] for i in sorted(written)], policy, lambda feed: folder_of(ledger, feed))

    replace_all(ledger, product_ids, anew, jobs)
    return len(made)


@contextmanager
def _shared(options: dict[str, Any]) -> Iterator[tuple[Ledger, SharedWork]]:
    """The ledger with its queue.

    Raises:
        QueryRejected: the settings name no PostgreSQL.
    """
    from engine.ledger.sql import SqlLedger

    settings = read_settings(options)
    if settings.ledger_url is None:
        raise QueryRejected(_NO_QUEUE)
    ledger = open_ledger(settings)
    try:
        if not isinstance(ledger, SqlLedger) or not ledger.has_queue:
            raise QueryRejected(_NO_QUEUE)
        yield ledger, ledger.work()
    finally:
        ledger.close()
