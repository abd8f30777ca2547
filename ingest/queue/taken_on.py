"""Products taken on: pending in the ledger, with the rows that they have already, so that new words need no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from engine.domain import Product
from engine.seams import IngestState, JobsFor, Ledger, LedgerEntry, Precondition
from ingest.run.dependencies import API_FEED
from ingest.run.failures import attempts_of


def take_on(
    ledger: Ledger, products: Sequence[Product], jobs: JobsFor | None = None, expected: Precondition | None = None
) -> list[Product]:
    """Write products as pending; of equal ids the last counts. Whoever else changes one meanwhile goes before or after.

    Args:
        jobs: what is queued for those that were written, in the same transaction.
        expected: asked of each entry that is replaced, anew where somebody else was quicker.
    """
    latest = {product.product_id: product for product in products}

    def taken_on(product_id: str, old: LedgerEntry | None) -> LedgerEntry:
        if expected is not None:
            expected(old)
        return pending(latest[product_id], API_FEED, old)

    replace_all(ledger, list(latest), taken_on, jobs)
    return list(latest.values())


def replace_all(
    ledger: Ledger,
    product_ids: Sequence[str],
    made: Callable[[str, LedgerEntry | None], LedgerEntry | None],
    jobs: JobsFor | None = None,
) -> None:
    """Replace entries by what is made of each as it is at the time; None leaves it."""
    left = list(product_ids)
    while left:
        known = ledger.get(left)
        entries = {i: entry for i in left if (entry := made(i, known.get(i))) is not None}
        moments = {i: known[i].updated if i in known else None for i in entries}
        written = ledger.replace(list(entries.values()), moments, jobs=jobs) if entries else frozenset()
        left = [i for i in entries if i not in written]


def pending(product: Product, feed: str, old: LedgerEntry | None) -> LedgerEntry:
    """An entry of a product that waits for its turn."""
    fresh = LedgerEntry(product, IngestState.PENDING, feed, "", "", datetime.now(UTC))
    if old is None:
        return fresh
    content = "" if attempts_of(old) else old.content_hash  # Whoever writes it again wants it to be tried again.
    return replace(fresh, content_hash=content, items=old.items, refusals=old.refusals)
