"""Single products from the API where workers of other machines index them: taken on durably, and queued with that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

from engine.domain import Product
from engine.seams import Job, Precondition
from engine.vision.gate import Policy
from ingest.queue.taken_on import take_on
from ingest.queue.work_orders import Order, job_of, parted, words_of
from ingest.run.dependencies import API_FEED, IngestDependencies
from ingest.run.writer import Writer
from ingest.upkeep.sales import Sales
from ingest.upkeep.updates import Change, update


class QueuedIntake:
    """Implements the API's intake over the queue. Safe to call from several threads and in several processes."""

    def __init__(
        self,
        parts: IngestDependencies,
        policy: Policy = "prefer",
        current: Callable[[], IngestDependencies] | None = None,
    ) -> None:
        self._current, self._policy = current or (lambda: parts), policy
        self._ledger, self._sales = parts.ledger, Sales(parts)

    def submit(self, products: Sequence[Product], expected: Precondition | None = None) -> None:
        """Take products on: ledger and queue know them when this returns, indexing follows."""
        latest = {product.product_id: product for product in products}
        self._sales.note(take_on(self._ledger, products, partial(self._jobs, latest), expected))

    def update(self, changes: Sequence[Change]) -> frozenset[str]:
        """Write new words of products that are there; returns the ids of those that nobody else changed meanwhile."""
        parts = self._current()
        done = update(parts, Writer(parts), changes, self._policy)
        self._sales.note([product for _, product in changes])
        return done

    def delete(self, product_ids: Collection[str], expected: Precondition | None = None) -> None:
        """Take products out: gone from searches and from the ledger when this returns."""
        Writer(self._current()).remove(product_ids, expected)

    def problem(self) -> str | None:
        """Nothing that this process could know of; see `thatlook queue`."""
        return None

    def _jobs(self, latest: dict[str, Product], written: frozenset[str]) -> list[Job]:
        products = [latest[product_id] for product_id in sorted(written)]
        return [
            job_of(Order({product.product_id: words_of(product) for product in some}, self._policy), API_FEED)
            for some in parted(products)
        ]
