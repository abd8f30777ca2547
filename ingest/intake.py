"""Single products from the API: taken on durably at once, indexed in the background."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from threading import Event, Thread

from engine.domain import Product
from engine.errors import ThatLookError, Unavailable
from engine.gate import Policy
from engine.seams import IngestState, LedgerEntry
from ingest.flow import flow_of
from ingest.look import Outcome
from ingest.parts import IngestParts
from ingest.plan import plan_products
from ingest.sources import ImageSources
from ingest.writer import Writer

API_FEED = "api"
BATCH = 32
RETRY_S = 5.0
_log = logging.getLogger(__name__)


class Intake:
    """Implements the API's intake. `pending` products in the ledger are its queue: a restart takes them up again.

    `start` begins the background thread; without it products only wait in the ledger, for a
    `thatlook worker` to index.
    """

    def __init__(self, parts: IngestParts, policy: Policy = "prefer") -> None:
        self._parts = parts
        self._policy = policy
        self._writer = Writer(parts)
        self._wake, self._stop = Event(), Event()
        self._sources = ImageSources(parts.sources)
        self._thread: Thread | None = None

    def submit(self, products: Sequence[Product]) -> None:
        """Take products on: the ledger knows them when this returns, indexing follows."""
        latest = {product.product_id: product for product in products}
        with self._writer.book:
            known = self._parts.ledger.get(list(latest))
            self._parts.ledger.put([_pending(p, known.get(p.product_id)) for p in latest.values()])
        self._wake.set()

    def delete(self, product_ids: Collection[str]) -> None:
        """Take products out: gone from searches and from the ledger when this returns."""
        self._writer.remove(product_ids)

    def work_once(self) -> int:
        """Index everything that is pending now; returns how many products were settled."""
        settled: list[Outcome] = []
        pending = self._parts.ledger.ids(feed=API_FEED, state=IngestState.PENDING)
        sources = self._sources = ImageSources(self._parts.sources)
        while not self._stop.is_set() and (ids := list(islice(pending, BATCH))):
            with flow_of(self._parts, sources, self._writer, self._policy, settled.append) as flow:
                entries = self._parts.ledger.get(ids)
                products = [e.product for e in entries.values() if e.state is IngestState.PENDING]
                flow.take(plan_products(self._parts, sources, products, API_FEED, self._policy, flow.pool))
                flow.finish()
        return len(settled)

    def start(self) -> None:
        """Begin to index in the background, what is pending from before included."""
        if self._thread is None:
            self._wake.set()
            self._thread = Thread(target=self._work, name="ingest-intake", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write what is looked at already and stop; the rest stays pending."""
        self._stop.set()
        self._sources.stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            try:
                self.work_once()
            except Unavailable as error:
                _log.warning("Pending products wait: %s", error.message)
                self._try_again_later()
            except ThatLookError as error:
                _log.error("Pending products cannot be indexed: %s", error.message)
                self._try_again_later()
            except Exception:
                _log.exception("Pending products could not be indexed")
                self._try_again_later()

    def _try_again_later(self) -> None:
        self._stop.wait(RETRY_S)
        self._wake.set()


@contextmanager
def running_intake(parts: IngestParts, policy: Policy = "prefer") -> Iterator[Intake]:
    """An intake that indexes in the background, stopped in the end."""
    intake = Intake(parts, policy)
    intake.start()
    try:
        yield intake
    finally:
        intake.close()


def _pending(product: Product, old: LedgerEntry | None) -> LedgerEntry:
    """Pending, with the rows that there are already, so that new words need no model."""
    fresh = LedgerEntry(product, IngestState.PENDING, API_FEED, "", "", datetime.now(UTC))
    if old is None:
        return fresh
    return replace(fresh, content_hash=old.content_hash, items=old.items, refusals=old.refusals)
