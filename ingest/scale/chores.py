"""What one of all workers does beside the jobs: work that nobody queued, sales that begin or end, the slow sweep."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from engine.errors import ThatLookError
from engine.ledger.work import SharedWork
from engine.seams import IngestState
from engine.vision.gate import Policy
from ingest.queue.work_orders import jobs_of
from ingest.run.dependencies import IngestDependencies
from ingest.run.failures import check_generation
from ingest.run.writer import Writer
from ingest.scale.drift import PAGE, Drift, Kind, of_entries, of_rows, rows_of
from ingest.scale.put_right import PutRight
from ingest.upkeep.pruning import folder_of
from ingest.upkeep.sales import Sales

EVERY_S = 15.0
LEASE_S = 30.0
HISTORY_DAYS = 2.0
_SWEPT = "sweep"
_log = logging.getLogger(__name__)


class Chores:
    """`found` is told of drift that was put right, by kind; `current` gives the parts of the generation that serves."""

    def __init__(
        self,
        parts: IngestDependencies,
        work: SharedWork,
        policy: Policy,
        found: Callable[[Counter[Kind]], None],
        current: Callable[[], IngestDependencies] | None = None,
    ):
        self._parts, self._work, self._policy, self._found = parts, work, policy, found
        self._current = current or (lambda: parts)
        self._rows: Iterator[list[Drift]] = iter(())

    def once(self) -> None:
        """Everything once, a page of the sweep included; nothing where another worker is at it.

        Raises:
            ThatLookError: a part does not answer; it is done the next time.
        """
        with self._work.alone("chores") as mine:
            if mine:
                self._turn()
                self._queue_what_nobody_queued()
                Sales(self._parts).renew(Writer(self._parts))
                self._work.forget_history(HISTORY_DAYS)
                self._sweep()

    def _turn(self) -> None:
        """Work on the generation that serves now; its rows are swept from the first one on."""
        now = self._current()
        check_generation(now)
        if now.generation != self._parts.generation:
            self._rows = iter(())
        self._parts = now

    def _queue_what_nobody_queued(self) -> None:
        """Products that wait while there is no job: a former version took them on, or jobs were removed by hand.

        Jobs that were given up are jobs, too: their products wait for `thatlook queue retry`.
        """
        if any(lane.queued + lane.picked + lane.dead for lane in self._work.lanes(LEASE_S)):
            return
        after: str | None = None
        while entries := self._parts.ledger.page(state=IngestState.PENDING, after=after, limit=PAGE):
            self._work.enqueue(jobs_of(entries, self._policy, lambda feed: folder_of(self._parts.ledger, feed)))
            after = entries[-1].product.product_id

    def _sweep(self) -> None:
        """One page of the ledger, from where the last one ended, and one of some collection's rows."""
        entries = self._parts.ledger.page(after=self._parts.ledger.get_setting(_SWEPT) or None, limit=PAGE)
        drifts = [*of_entries(self._parts, entries), *next(self._rows, [])]
        if drifts:
            _log.warning(
                "The sweep found %d things that are not as the ledger says, such as %s", len(drifts), drifts[0]
            )
            self._found(PutRight(self._parts, self._policy)(drifts))
        if not entries:
            self._rows = self._strange_rows()
        self._parts.ledger.set_setting(_SWEPT, entries[-1].product.product_id if entries else "")

    def _strange_rows(self) -> Iterator[list[Drift]]:
        for name in self._parts.store.collections():
            for product_ids in rows_of(self._parts.store, name):
                yield of_rows(self._parts.ledger, name, product_ids)


@contextmanager
def doing_chores(chores: Chores, stopping: Event, every_s: float = EVERY_S) -> Iterator[None]:
    """Do them now and then on a thread of their own, which is gone in the end."""

    def do() -> None:
        while not stopping.wait(every_s):
            try:
                chores.once()
            except ThatLookError as error:
                _log.warning("Chores wait: %s", error.message)
            except Exception:
                _log.exception("Chores failed")

    thread = Thread(target=do, name="chores", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
