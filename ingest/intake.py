"""Single products from the API: taken on durably at once, indexed in the background."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, islice
from threading import Event, Thread

from engine.domain import Product
from engine.errors import ThatLookError, Unavailable
from engine.generations.record import GenerationChanged
from engine.seams import IngestState, Precondition
from engine.vision.gate import Policy
from ingest.crashes import DEATHS, AtWork
from ingest.images.sources import ImageSources
from ingest.queue.taken_on import take_on
from ingest.retries import Retries
from ingest.run.dependencies import API_FEED, IngestDependencies
from ingest.run.diff import diff_products
from ingest.run.failures import apart, attempts_of, mark, stores_answer, told
from ingest.run.stage_runner import stage_runner
from ingest.run.stages import Outcome
from ingest.run.writer import Writer
from ingest.upkeep.sales import Sales
from ingest.upkeep.updates import Change, update

BATCH = 32
RETRY_S = 5.0
_log = logging.getLogger(__name__)


class Intake:
    """Implements the API's intake. `pending` products in the ledger are its queue: a restart takes them up again.

    `start` begins the background thread; without it products only wait in the ledger, for a
    `thatlook worker` to index. `current` gives the parts of the generation that serves, anew for each batch.
    """

    def __init__(
        self,
        parts: IngestDependencies,
        policy: Policy = "prefer",
        current: Callable[[], IngestDependencies] | None = None,
    ) -> None:
        self._current = current or (lambda: parts)
        self._policy = policy
        self._first_writer = Writer(parts)
        self._wake, self._stop = Event(), Event()
        self._sources = ImageSources(parts.sources)
        self._retries = Retries(parts.ledger, API_FEED)
        self._settled = 0
        self._at_work: AtWork | None = None
        self._left: dict[str, int] | None = None
        self._problem: str | None = None
        self._thread: Thread | None = None

    @property
    def writer(self) -> Writer:
        """This process's writer, for whoever else writes products here; of the generation that serves now."""
        return self._writer_of(self._current())

    def _writer_of(self, parts: IngestDependencies) -> Writer:
        return replace(self._first_writer, parts=parts)

    @property
    def _parts(self) -> IngestDependencies:
        return self._current()

    def submit(self, products: Sequence[Product], expected: Precondition | None = None) -> None:
        """Take products on: the ledger knows them when this returns, indexing follows."""
        latest = take_on(self._parts.ledger, products, expected=expected)
        Sales(self._parts).note(latest)
        self._wake.set()

    def update(self, changes: Sequence[Change]) -> frozenset[str]:
        """Write new words of products that are there; returns the ids of those that nobody else changed meanwhile."""
        parts = self._current()
        done = update(parts, self._writer_of(parts), changes)
        Sales(self._parts).note([product for _, product in changes])
        self._wake.set()
        return done

    def delete(self, product_ids: Collection[str], expected: Precondition | None = None) -> None:
        """Take products out: gone from searches and from the ledger when this returns."""
        self.writer.remove(product_ids, expected)

    def work_once(self) -> int:
        """Index everything that is pending now, and what failed and is due again; returns how many were settled.

        Stored prices are renewed where a sale has begun or ended since.

        Raises:
            ThatLookError: a part does not answer, whatever product it is asked about.
        """
        self._settled = 0
        if self._at_work is not None:
            self._take_up(self._at_work)
        self._work_through()
        parts = self._current()
        Sales(parts).renew(self._writer_of(parts))
        return self._settled

    def _take_up(self, at_work: AtWork) -> None:
        """Index by themselves the products at which the program ended before, in whatever way it did."""
        left, self._left = (at_work.left() if self._left is None else self._left), {}
        for product_id, deaths in left.items():
            if deaths < DEATHS:
                self._work_on([product_id], deaths + 1)
            else:
                self._failed(product_id, RuntimeError("the program ended each time that it was indexed"))
                at_work.clear()

    def _work_through(self) -> None:
        pending = self._parts.ledger.ids(feed=API_FEED, state=IngestState.PENDING)
        ids = chain(pending, self._retries.ready())
        while not self._stop.is_set() and (some := list(islice(ids, BATCH))):
            self._work_on(some)

    def _work_on(self, ids: list[str], times: int = 0) -> None:
        with self._at_work.noted(ids, times) if self._at_work else nullcontext():
            done, lost = self._apart(ids)
        for product_id, error in lost:
            if isinstance(error, ThatLookError) and not done:
                raise error
            self._failed(product_id, error)

    def _apart(self, ids: list[str]) -> tuple[list[str], list[tuple[str, BaseException]]]:
        """Index together; where that fails although every part answers, find out on whose account."""
        try:
            return self._index(ids), []
        except GenerationChanged:
            return self._apart(ids)  # With the models that serve now.
        except ThatLookError:
            if len(ids) == 1 or not stores_answer(self._parts):
                raise
        except Exception:
            _log.debug("Trying %d products apart", len(ids), exc_info=True)
        return apart(ids, self._index)

    def _index(self, ids: Sequence[str]) -> list[str]:
        parts = self._current()
        sources = self._sources = ImageSources(parts.sources)
        if self._stop.is_set():
            sources.stopping.set()
        with stage_runner(
            parts, sources, replace(self._first_writer, parts=parts), self._policy, self._written
        ) as runner:
            entries = parts.ledger.get(ids)
            due = set(self._retries.ready())
            products = [e.product for i, e in entries.items() if e.state is IngestState.PENDING or i in due]
            for gone in set(ids) - set(entries):
                self._retries.forget(gone)
            diffs = diff_products(parts, sources, products, API_FEED, self._policy, runner.pool)
            runner.take([diff for diff in diffs if diff.kind not in ("unchanged", "given up")])
            for diff in diffs:
                if diff.kind in ("unchanged", "given up"):
                    self._retries.forget(diff.product.product_id)
            runner.finish()
        return list(ids)

    def _written(self, outcome: Outcome) -> None:
        self._settled += 1
        product_id = outcome.diff.product.product_id
        if outcome.reason and outcome.state is not IngestState.REFUSED and not outcome.rows:
            _log.warning("The product %r was not indexed: %s", product_id, outcome.reason)
        for entry in self._parts.ledger.get([product_id]).values():
            self._retries.note(entry)

    def _failed(self, product_id: str, error: BaseException) -> None:
        """The last resort for a product on which something failed that nothing below had expected."""
        reason = told("Indexing", error)
        _log.error("The product %r could not be indexed: %s", product_id, reason, exc_info=error)
        for entry in self._parts.ledger.get([product_id]).values():
            marked = mark(attempts_of(entry) + 1, "")
            lost = replace(
                entry, state=IngestState.FAILED, reason=reason, content_hash=marked, updated=datetime.now(UTC)
            )
            if self._parts.ledger.replace([lost], {product_id: entry.updated}):
                self._retries.note(lost)
                self._settled += 1

    def problem(self) -> str | None:
        """Why nothing at all is indexed at present; None where all is well."""
        return None if self._problem is None else f"Products wait to be indexed: {self._problem}"

    def start(self) -> None:
        """Begin to index in the background, what is pending from before included."""
        if self._thread is None:
            self._wake.set()
            self._at_work = AtWork(self._parts.ledger)
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
            try:
                self._wake.wait(self._wait_s())
                self._wake.clear()
                self.work_once()
                self._problem = None
            except GenerationChanged:
                self._wake.set()
            except Unavailable as error:
                _log.warning("Pending products wait: %s", error.message)
                self._try_again_later(error.message)
            except ThatLookError as error:
                _log.error("Pending products cannot be indexed: %s", error.message)
                self._try_again_later(error.message)
            except Exception as error:
                _log.exception("Pending products could not be indexed")
                self._try_again_later(f"{type(error).__name__}: {error}")

    def _wait_s(self) -> float:
        """Seconds until there may be work that nobody brings; soon, where the ledger does not tell."""
        try:
            return min(self._retries.wait_s(), Sales(self._parts).wait_s())
        except Exception:
            return RETRY_S

    def _try_again_later(self, problem: str) -> None:
        self._problem = problem
        self._stop.wait(RETRY_S)
        self._wake.set()


@contextmanager
def running_intake(
    parts: IngestDependencies, policy: Policy = "prefer", current: Callable[[], IngestDependencies] | None = None
) -> Iterator[Intake]:
    """An intake that indexes in the background, stopped in the end."""
    intake = Intake(parts, policy, current)
    intake.start()
    try:
        yield intake
    finally:
        intake.close()
