"""Doing the queue's jobs, so that nothing is lost and nothing doubled whoever else works, writes or dies.

A job is done at least once. What it writes is compared and set in the ledger last; a product that was changed or taken
out meanwhile, by anybody, has its rows put right: written anew from the newer words, or removed. A job that was lost
with its worker is first made good in the same way, then looked at product by product.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event

from engine.domain import Product
from engine.errors import ContractBroken, ThatLookError
from engine.generations.record import GenerationChanged
from engine.ledger.queue_worker import Claim, TryLater
from engine.ledger.work import SharedWork
from engine.seams import IngestState, Job, LedgerEntry
from engine.system.tracing import span
from ingest.crashes import DEATHS
from ingest.images.sources import ImageSources
from ingest.queue.work_orders import LAST, Order, job_of, read_order, words_of
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff, diff_products
from ingest.run.failures import ATTEMPTS, apart, attempts_of, due, mark, models_answer, stores_answer, told
from ingest.run.stage_runner import stage_runner
from ingest.run.stages import Outcome
from ingest.run.writer import Writer
from ingest.scale.rows_made_good import RowsMadeGood
from ingest.scale.turns import JobStop, Turns
from ingest.upkeep.pruning import folder_of

PAUSE_S = (1.0, 30.0)
"""Between tries while Milvus or S3 is away."""
LEDGER_AWAY_S = 5.0
CHANGED_S = 1.0
"""After so long this worker, too, works with the models that serve since."""
FOLDER_AWAY_S, FOLDER_TRIES = 30.0, 20
_log = logging.getLogger(__name__)


class JobWorker:
    """Does one job after the other. Safe to call from several threads.

    `settled` is told of every product that is done with; `paused` says why nothing goes on at present, or None.
    `current` gives the parts of the generation that serves: each job is done with one generation's.
    """

    def __init__(
        self,
        parts: IngestDependencies,
        stopping: Event,
        settled: Callable[[Outcome], None] | None = None,
        current: Callable[[], IngestDependencies] | None = None,
    ) -> None:
        if parts.work is None:
            raise ContractBroken("There is no queue to work on; it needs a ledger in PostgreSQL.")
        self._parts, self._stopping = parts, stopping
        self._work: SharedWork = parts.work
        self._settled = settled or (lambda _outcome: None)
        self._turns = Turns()
        self._current = current or (lambda: parts)
        self._pauses: list[str | None] = [None]

    @property
    def paused(self) -> str | None:
        """Why nothing goes on at present."""
        return self._pauses[0]

    def do(self, claim: Claim) -> None:
        """Do a job to its end.

        Raises:
            TryLater: the ledger is away, or the worker is stopping.
            ContractBroken: nobody can do this job.
        """
        pinned = copy(self)  # It shares everything with us but the parts.
        pinned._parts = self._current()
        pinned._do_pinned(claim)

    def _do_pinned(self, claim: Claim) -> None:
        order = read_order(claim.payload)
        suspect = claim.losses > 0 and len(order.products) == 1
        with self._turns.taken(alone=suspect), span("job", {"thatlook.products": len(order.products)}):
            if suspect:
                self._do_alone(claim, order, next(iter(order.products)))
            else:
                self._do(claim, order)

    def _do_alone(self, claim: Claim, order: Order, product_id: str) -> None:
        """A product at which a worker died, or beside one: noted for as long as it is worked on, and by itself."""
        noted = f"deaths:{product_id}"
        try:
            deaths = int(self._parts.ledger.get_setting(noted) or 0)
            self._parts.ledger.set_setting(noted, str(deaths + 1))
            known = self._parts.ledger.get([product_id]).get(product_id)
            if deaths >= DEATHS and known and _is_meant(known, order):
                self._fail(product_id, RuntimeError("the program ended each time that it was indexed"), given_up=True)
        except ThatLookError as error:
            raise TryLater(LEDGER_AWAY_S, error.message) from error
        try:
            if deaths < DEATHS:
                self._do(claim, order)
        finally:
            with suppress(ThatLookError):
                self._parts.ledger.set_setting(noted, "0")

    def _do(self, claim: Claim, order: Order) -> None:
        try:
            entries = self._parts.ledger.get(list(order.products))
            if claim.losses and not self._made_good(order, entries):
                return
            meant = [i for i, entry in entries.items() if _is_meant(entry, order)]
        except ThatLookError as error:
            raise TryLater(LEDGER_AWAY_S, error.message) from error
        if meant:
            self._with_patience(claim, order, meant)

    def _made_good(self, order: Order, entries: dict[str, LedgerEntry]) -> bool:
        """Put right what a lost worker may have left; whether this job is still to be done as it is."""
        others = [i for i, words in order.products.items() if i not in entries or words_of(entries[i].product) != words]
        RowsMadeGood(self._parts, order.policy)(others)
        if len(order.products) == 1:
            return True
        meant = [i for i, entry in entries.items() if _is_meant(entry, order)]
        alone = [replace_products(order, {i: order.products[i]}) for i in meant]
        self._work.enqueue([job_of(one, entries[i].feed, priority=LAST) for i, one in zip(meant, alone, strict=True)])
        return False

    def _with_patience(self, claim: Claim, order: Order, ids: Sequence[str]) -> None:
        """Index; while a store is away, wait for it with the job in hand."""
        wait_s = PAUSE_S[0]
        while True:
            sources = partial(self._sources, claim, order)
            sources()  # A folder that is not there is told before anything is tried.
            try:
                self._index_or_fail(sources, order, ids)
                self._pauses[0] = None
                break
            except GenerationChanged as error:
                raise TryLater(CHANGED_S, error.message) from error
            except ThatLookError as error:
                self._pauses[0] = error.message
                if not self._ledger_answers():
                    raise TryLater(LEDGER_AWAY_S, error.message) from error
                _log.warning("Indexing waits: %s", error.message)
            if self._stopping.wait(wait_s):
                break
            wait_s = min(2 * wait_s, PAUSE_S[1])
        if self._stopping.is_set():
            raise TryLater(0.0, "the worker is stopping")

    def _index_or_fail(self, sources: Callable[[], ImageSources], order: Order, ids: Sequence[str]) -> None:
        """Index together; where that fails although every part answers, find out on whose account.

        Every try has sources of its own: those of one that failed are stopped, and then products are left undone.
        """

        def index(some: Sequence[str]) -> list[str]:
            return self._index(sources(), order, some)

        try:
            index(ids)
            return
        except ThatLookError:
            if not (stores_answer(self._parts) and models_answer(self._parts)):
                raise
        except Exception:
            _log.debug("Trying %d products apart", len(ids), exc_info=True)
        _, lost = apart(ids, index)
        for product_id, error in lost:
            if isinstance(error, ThatLookError) and not (stores_answer(self._parts) and models_answer(self._parts)):
                raise error
            self._fail(product_id, error)

    def _index(self, sources: ImageSources, order: Order, ids: Sequence[str]) -> list[str]:
        writer = Writer(self._parts, RowsMadeGood(self._parts, order.policy), partial(self._retries, order))
        entries = [entry for entry in self._parts.ledger.get(ids).values() if _is_meant(entry, order)]
        with stage_runner(self._parts, sources, writer, order.policy, self._settled) as runner:
            for feed in sorted({entry.feed for entry in entries}):
                products = [entry.product for entry in entries if entry.feed == feed]
                runner.take(self._planned(sources, products, feed, order, runner.pool))
            runner.finish()
        return list(ids)

    def _planned(
        self, sources: ImageSources, products: Sequence[Product], feed: str, order: Order, pool: Executor
    ) -> list[ProductDiff]:
        diffs = diff_products(self._parts, sources, products, feed, order.policy, pool)
        anew = ("unchanged", "given up")  # It waits, so somebody wants it to be looked at, whatever was before.
        return [replace(diff, kind="everything") if diff.kind in anew else diff for diff in diffs]

    def _sources(self, claim: Claim, order: Order) -> ImageSources:
        """Where the pictures come from.

        Raises:
            TryLater: the feed's folder is not there; another worker may have it.
            ContractBroken: the same, after many tries.
        """
        rules = self._parts.sources
        if order.root is None:
            return ImageSources(rules, JobStop(self._stopping))
        if Path(order.root).is_dir():
            return ImageSources(replace(rules, root=Path(order.root)), JobStop(self._stopping))
        said = f"The feed's folder {order.root} is not there on this worker; every worker needs it at the same place."
        if claim.tries < FOLDER_TRIES:
            _log.warning(said)
            raise TryLater(FOLDER_AWAY_S, said)
        raise ContractBroken(said)

    def _retries(self, order: Order, entries: Sequence[LedgerEntry]) -> list[Job]:
        """Jobs for products that failed and are to be tried again, those of one moment together."""
        now = datetime.now(UTC)
        waits: dict[tuple[str, int], dict[str, str]] = {}
        for entry in entries:
            if moment := due(entry):
                key = entry.feed, max(0, round((moment - now).total_seconds()))
                waits.setdefault(key, {})[entry.product.product_id] = words_of(entry.product)
        return [
            job_of(Order(some, order.policy, order.root, again=True), feed, delay_s=seconds)
            for (feed, seconds), some in waits.items()
        ]

    def _fail(self, product_id: str, error: BaseException, *, given_up: bool = False) -> None:
        """The last resort for a product on which something failed that nothing below had expected."""
        reason = told("Indexing", error)
        _log.error("The product %r could not be indexed: %s", product_id, reason)
        for entry in self._parts.ledger.get([product_id]).values():
            marked = mark(ATTEMPTS if given_up else attempts_of(entry) + 1, "")
            lost = replace(
                entry, state=IngestState.FAILED, reason=reason, content_hash=marked, updated=datetime.now(UTC)
            )
            self._parts.ledger.replace([lost], {product_id: entry.updated}, jobs=partial(self._retry, lost))

    def _retry(self, lost: LedgerEntry, written: frozenset[str]) -> list[Job]:
        root = folder_of(self._parts.ledger, lost.feed)
        return self._retries(Order({}, root=root), [lost] if written else [])

    def _ledger_answers(self) -> bool:
        try:
            self._parts.ledger.get_setting("probe")
        except ThatLookError:
            return False
        return True


def replace_products(order: Order, products: dict[str, str]) -> Order:
    """The same order for some of its products."""
    return Order(products, order.policy, order.root, order.again)


def _is_meant(entry: LedgerEntry, order: Order) -> bool:
    """Whether a product still waits for this very job."""
    if words_of(entry.product) != order.products[entry.product.product_id]:
        return False
    return entry.state is IngestState.PENDING or (order.again and attempts_of(entry) > 0)
