"""Sales that begin or end while nothing else happens: the stored price, by which searches filter, is renewed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.domain import Product
from engine.seams import IngestState, LedgerEntry
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff, record_hash
from ingest.run.stages import reword
from ingest.run.writer import Writer

_SETTING = "next sale change"
_PAGE = 256
_LONGEST_S = 600.0
"""Another process may have taken on a product whose sale begins sooner."""


def sale_changes(products: Iterable[Product], after: datetime) -> Iterator[datetime]:
    """The moments after another one at which prices change."""
    for product in products:
        if product.sale_start and product.sale_start > after:
            yield product.sale_start
        if product.sale_end and product.sale_end >= after:
            yield product.sale_end + timedelta(seconds=1)  # The end itself belongs to the sale.


@dataclass(frozen=True, slots=True)
class Sales:
    """Knows, in the ledger, when a price changes next; the products themselves are looked through only then."""

    parts: IngestDependencies

    def note(self, products: Iterable[Product]) -> None:
        """Take note of products whose sales begin or end later."""
        soonest = min(sale_changes(products, self.parts.now()), default=None)
        if soonest is not None and ((known := self._due()) is None or soonest < known):
            self.parts.ledger.set_setting(_SETTING, soonest.isoformat())

    def wait_s(self) -> float:
        """Seconds until it is worth asking `renew`."""
        due = self._due()
        seconds = (due - self.parts.now()).total_seconds() if due else _LONGEST_S
        return min(max(seconds, 0.0), _LONGEST_S)

    def renew(self, writer: Writer) -> int:
        """Write the prices of sales that have begun or ended since they were written; returns how many.

        Raises:
            StoreUnavailable: it is tried again later.
        """
        now, due = self.parts.now(), self._due()
        if due is None or due > now:
            return 0
        renewed, changes = 0, set[datetime]()
        for entries in self._pages():
            changes.update(sale_changes((entry.product for entry in entries), now))
            outcomes, _ = reword(self.parts, [_plan(entry, now) for entry in entries if _has_changed(entry, now)])
            renewed += len(writer.commit(outcomes)) if outcomes else 0
        self.parts.ledger.set_setting(_SETTING, min(changes).isoformat() if changes else "")
        return renewed

    def _due(self) -> datetime | None:
        known = self.parts.ledger.get_setting(_SETTING)
        return datetime.fromisoformat(known) if known else None

    def _pages(self) -> Iterator[list[LedgerEntry]]:
        after: str | None = None
        while page := self.parts.ledger.page(state=IngestState.INDEXED, after=after, limit=_PAGE):
            yield [entry for entry in page if entry.product.sale_start or entry.product.sale_end]
            after = page[-1].product.product_id


def _has_changed(entry: LedgerEntry, now: datetime) -> bool:
    return bool(entry.items) and entry.record_hash != record_hash(entry.product, entry.product.price_at(now))


def _plan(entry: LedgerEntry, now: datetime) -> ProductDiff:
    record = record_hash(entry.product, entry.product.price_at(now))
    return ProductDiff(entry.product, entry.feed, None, record, entry.content_hash, "words", entry)
