"""A feed's products into the queue, for workers of whatever machine; and how far they have come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from engine.seams import IngestState, Job, LedgerEntry
from engine.vision.gate import Policy
from ingest.queue.patient import Waits, patiently
from ingest.queue.taken_on import pending, replace_all
from ingest.queue.work_orders import FEED, JOB_PRODUCTS, Order, job_of, words_of
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff
from ingest.run.stages import Outcome, failed
from ingest.run.writer import Writer

if TYPE_CHECKING:
    from engine.ledger.work import SharedWork

MOST_JOBS = 4096
"""Jobs of feeds that may wait before whoever reads a feed waits, too."""
LOOK_S = 2.0


@dataclass(slots=True)
class FeedQueue:
    """Stands where a `StageRunner` stands: takes diffs, and queues what is to be done instead of doing it.

    `waits` is told why nothing goes on at present, None when it does again.
    """

    parts: IngestDependencies
    work: SharedWork
    policy: Policy
    root: str | None
    pool: ThreadPoolExecutor
    written: Callable[[Outcome], None]
    waits: Waits
    queued: int = 0
    words: int = 0
    _plans: list[ProductDiff] = field(default_factory=list)

    def take(self, diffs: Sequence[ProductDiff]) -> None:
        """Take on diffs that are not `unchanged`; returns when there is room in the queue."""
        unplanned = [failed(diff, diff.reason or "") for diff in diffs if diff.kind == "failed"]
        written = patiently(lambda: Writer(self.parts).commit(unplanned), self.waits) if unplanned else []
        for outcome in written:
            self.written(outcome)
        self._plans += [diff for diff in diffs if diff.kind != "failed"]
        while len(self._plans) >= JOB_PRODUCTS:
            self._queue(self._plans[:JOB_PRODUCTS])
            del self._plans[:JOB_PRODUCTS]

    def finish(self) -> None:
        """Queue the rest."""
        if self._plans:
            self._queue(self._plans)
        self._plans = []

    def _queue(self, diffs: Sequence[ProductDiff]) -> None:
        self._wait_for_room()
        by_id = {diff.product.product_id: diff for diff in diffs}
        feed = diffs[0].feed

        def made(product_id: str, old: LedgerEntry | None) -> LedgerEntry | None:
            product = by_id[product_id].product
            if old and old.state is IngestState.PENDING and (old.product, old.feed) == (product, feed):
                return None  # It waits already, in another job of the same words.
            return pending(product, feed, old)

        def jobs(written: frozenset[str]) -> list[Job]:
            some = {i: words_of(by_id[i].product) for i in by_id if i in written}
            return [job_of(Order(some, self.policy, self.root), feed)] if some else []

        replace_all(self.parts.ledger, list(by_id), made, jobs)
        self.queued += len(by_id)
        self.words += sum(diff.kind == "words" for diff in by_id.values())

    def _wait_for_room(self) -> None:
        while patiently(lambda: self.work.waiting(FEED), self.waits) >= MOST_JOBS:
            self.waits(f"{MOST_JOBS:,} jobs wait for workers (`thatlook worker`); reading goes on when they are fewer.")
            time.sleep(LOOK_S)
        self.waits(None)


@contextmanager
def feed_queue(
    parts: IngestDependencies,
    work: SharedWork,
    policy: Policy,
    written: Callable[[Outcome], None],
    waits: Waits,
) -> Iterator[FeedQueue]:
    """A queue with the threads that ask after pictures."""
    with ThreadPoolExecutor(parts.threads, "ingest-diff") as pool:
        root = None if parts.sources.root is None else str(parts.sources.root)
        yield FeedQueue(parts, work, policy, root, pool, written, waits)


def settled(work: SharedWork, feed: str, since: datetime, waits: Waits) -> Iterator[dict[IngestState, int]]:
    """How a feed's products stand, now and then, until none of those written since then waits any more."""
    while True:
        begun = time.monotonic()
        states = patiently(lambda: work.states(feed, since), waits)
        yield states
        if not states.get(IngestState.PENDING):
            return
        time.sleep(max(LOOK_S / 4, min(30.0, 10 * (time.monotonic() - begun))))


def counts_of(states: Mapping[IngestState, int], words: int) -> dict[str, int]:
    """The counts of a summary: of the products that are indexed, as many were `updated` as had new words alone."""
    indexed = states.get(IngestState.INDEXED, 0)
    updated = min(words, indexed)
    return {
        "indexed": indexed - updated,
        "updated": updated,
        "refused": states.get(IngestState.REFUSED, 0),
        "failed": states.get(IngestState.FAILED, 0),
    }
