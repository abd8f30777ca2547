"""Writing outcomes so that a kill at any moment loses nothing and leaves nothing twice.

What is about to be in the vector store is first named in the ledger (an intent), then written, and
the ledger says `indexed` last. A product that was cut off in between is done again by the next run,
over the same row ids; rows that it no longer has are known from the intent, and removed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import RLock
from typing import TypeVar

from engine.errors import ThatLookError
from engine.generations.record import GenerationChanged, read_generations
from engine.products.stored import picture_prefix
from engine.seams import IngestState, Job, JobsFor, LedgerEntry, Precondition, moment_of
from engine.stores.generations import view_of
from engine.taxonomy import collection_name
from ingest.run.dependencies import API_FEED, IngestDependencies
from ingest.run.failures import apart, attempts_of, mark, stores_answer, told
from ingest.run.row_changes import at_once, change_rows, changes_of
from ingest.run.stages import Outcome, Row, failed

T = TypeVar("T")
R = TypeVar("R")
QUICK_S = 3.0
"""A store that takes longer to refuse a batch is in trouble itself; it is not asked again product by product."""
LEAVING = "It was being removed when the run was interrupted."
_Pairs = tuple[tuple[str, str], ...]


def ignored(_product_ids: Sequence[str]) -> None:
    """Nothing needs to be done: the one process that writes comes to the newer words later, over the same rows."""


def for_serving(parts: IngestDependencies) -> IngestDependencies:
    """The same parts over the collections that serve at present: for work that asks no model."""
    serving = read_generations(parts.ledger).serving
    return replace(parts, store=view_of(parts.store, serving), generation=serving)


@dataclass(frozen=True, slots=True, eq=False)
class Writer:
    """The one writer of a process: Milvus Lite loses rows under two.

    Entries are replaced by compare and set: whoever changed a product meanwhile, in this process or in another, keeps
    what they wrote. `overtaken` is told of products whose rows were written all the same. `retries` are the jobs,
    queued with the entries, by which what failed is tried again; without them the intake or the next run does so.
    """

    parts: IngestDependencies
    overtaken: Callable[[Sequence[str]], None] = ignored
    retries: Callable[[Sequence[LedgerEntry]], Sequence[Job]] | None = None
    _lock: RLock = field(default_factory=RLock)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Within the block nothing is written; what wants to be waits."""
        with self._lock:
            yield

    def commit(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Write outcomes; returns those that were, without products that somebody changed meanwhile."""
        with self._lock:
            moments, lost = self._announce(outcomes)
            told_of = [failed(o.diff, lost[_id(o)]) for o in outcomes if _id(o) in lost]
            return self._settle(self._written([o for o in outcomes if _id(o) in moments]), moments) + told_of

    def remove(self, product_ids: Collection[str], expected: Precondition | None = None) -> int:
        """Take products out: rows first, the ledger last; returns how many there were.

        Args:
            expected: asked of each entry that is there; what it raises leaves the products where they are.
        """
        try:
            return self._removed(product_ids, expected)
        except GenerationChanged:
            return replace(self, parts=for_serving(self.parts)).remove(product_ids, expected)

    def _removed(self, product_ids: Collection[str], expected: Precondition | None) -> int:
        with self._lock:
            before, leaving = self._leave(list(product_ids), expected)
            gone: dict[str, set[str]] = {}
            for product_id, entry in leaving.items():
                for supercategory, _ in entry.items:
                    gone.setdefault(supercategory, set()).add(product_id)
            pictures = self._pictures(before)
            change_rows(self.parts.store, changes_of(gone, {}))
            if keys := list(pictures.values()):
                self.parts.objects.delete(keys)
            self._drop_pictures({product_id: () for product_id in leaving if product_id not in pictures})
            moments = {product_id: entry.updated for product_id, entry in leaving.items()}
            moment, generation = moment_of(self.parts.store), self.parts.generation
            self.parts.ledger.delete(list(leaving), moment=moment, expected=moments, generation=generation)
            return len(leaving)

    def _leave(
        self, product_ids: Sequence[str], expected: Precondition | None
    ) -> tuple[dict[str, LedgerEntry], dict[str, LedgerEntry]]:
        """Say of products that they are being taken out, as they are now: what they were, and what they are."""
        before: dict[str, LedgerEntry] = {}
        leaving: dict[str, LedgerEntry] = {}
        while left := [product_id for product_id in product_ids if product_id not in leaving]:
            known = self.parts.ledger.get(left)
            for entry in known.values():
                if expected is not None and entry.reason != LEAVING:
                    expected(entry)
            entries = {product_id: _leaving(entry) for product_id, entry in known.items()}
            moments = {product_id: entry.updated for product_id, entry in known.items()}
            written = self.parts.ledger.replace(list(entries.values()), moments, generation=self.parts.generation)
            before |= {product_id: known[product_id] for product_id in written}
            leaving |= {product_id: entries[product_id] for product_id in written}
            product_ids = [product_id for product_id in product_ids if product_id in known]
        return before, leaving

    def _pictures(self, entries: Mapping[str, LedgerEntry]) -> dict[str, str]:
        """The one stored picture of products that are settled, as their rows name it: asking S3 for each takes long."""
        wanted: dict[str, list[tuple[str, str]]] = {}
        for product_id, entry in entries.items():
            if entry.state is IngestState.INDEXED and len(entry.items) == 1:
                ((supercategory, item_id),) = entry.items
                wanted.setdefault(supercategory, []).append((product_id, item_id))
        found: dict[str, str] = {}
        for supercategory, pairs in wanted.items():
            name = collection_name(supercategory, "semantic")
            items = self.parts.store.items(name, [item_id for _, item_id in pairs])
            found |= {i: item.image for (i, _), item in zip(pairs, items, strict=True) if item is not None}
        return found

    def _written(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Write pictures and rows; products that cannot be written, where others can, come back as failed.

        Raises:
            ThatLookError: a store does not answer, whatever product it is asked to take.
        """
        done, lost = self._apart(outcomes, self._write)
        return done + [self._unwritten(outcome, error) for outcome, error in lost]

    def _write(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        pictures = [picture for outcome in outcomes for picture in outcome.pictures]
        at_once(lambda picture: self.parts.objects.put(*picture, "image/jpeg"), pictures)
        self._write_rows(outcomes)
        self._drop_old_pictures(outcomes)
        return list(outcomes)

    def _unwritten(self, outcome: Outcome, error: BaseException) -> Outcome:
        """A product that could not be written; its rows, perhaps half there, are taken out if that can be done."""
        pairs = dict.fromkeys((*_old_items(outcome), *_pairs(outcome)))
        try:
            change_rows(self.parts.store, changes_of({name: {_id(outcome)} for name, _ in pairs}, {}))
            rows: tuple[Row, ...] = ()
        except Exception:
            rows = outcome.rows  # The ledger then names them, and the next try replaces them.
        return replace(
            outcome, state=IngestState.FAILED, rows=rows, reason=told("Writing", error), pictures=(),
            keep_rows=False, settled=False, defect=True,
        )  # fmt: skip

    def _announce(self, outcomes: Sequence[Outcome]) -> tuple[dict[str, datetime | None], dict[str, str]]:
        """Name the rows that are about to change, of products that are still as they were planned.

        Returns:
            each product's moment in the ledger; and products that the ledger does not take, with the reason.
        """
        planned = {_id(o): _moment(o.diff.old) for o in outcomes}
        intents = [_intent(o) for o in outcomes if (o.rows or _old_items(o)) and not o.keep_rows]
        written, lost = self._record(intents, planned) if intents else (frozenset[str](), {})
        moments = {i: entry.updated for entry in intents if (i := entry.product.product_id) in written}
        named = {entry.product.product_id for entry in intents}
        return {i: moment for i, moment in planned.items() if i not in named} | moments, lost

    def _apart(
        self, items: Sequence[T], work: Callable[[Sequence[T]], list[R]]
    ) -> tuple[list[R], list[tuple[T, BaseException]]]:
        """Write together; where that fails although the stores answer, find out on whose account.

        Raises:
            ThatLookError: a store does not answer, or only after long, or takes none of them.
        """
        begun = time.monotonic()
        try:
            return work(items), []
        except ThatLookError:
            if time.monotonic() - begun > QUICK_S or not stores_answer(self.parts):
                raise
        except Exception:
            pass  # Whose fault it is, trying them apart tells.
        done, lost = apart(items, work)
        for _, error in lost:
            if isinstance(error, ThatLookError) and not (done and stores_answer(self.parts)):
                raise error
        return done, lost

    def _record(
        self,
        entries: Sequence[LedgerEntry],
        moments: Mapping[str, datetime | None],
        moment: str | None = None,
        jobs: JobsFor | None = None,
    ) -> tuple[frozenset[str], dict[str, str]]:
        """Write entries of products that are as they were at their moments; what the ledger does not take, and why."""

        def put(some: Sequence[LedgerEntry]) -> list[str]:
            generation = self.parts.generation
            return list(self.parts.ledger.replace(some, moments, moment=moment, jobs=jobs, generation=generation))

        written, lost = self._apart(entries, put)
        return frozenset(written), {entry.product.product_id: told("Recording", error) for entry, error in lost}

    def _write_rows(self, outcomes: Sequence[Outcome]) -> None:
        stale: dict[str, set[str]] = {}
        rows: dict[str, list[Row]] = {}
        for outcome in outcomes:
            for supercategory, _ in set(_old_items(outcome)) - set(_pairs(outcome)):
                stale.setdefault(supercategory, set()).add(_id(outcome))
            for row in outcome.rows:
                rows.setdefault(row.item.supercategory, []).append(row)
        change_rows(self.parts.store, changes_of({name: ids for name, ids in stale.items() if name in rows}, rows))
        change_rows(self.parts.store, changes_of({n: ids for n, ids in stale.items() if n not in rows}, {}))

    def _settle(self, outcomes: Sequence[Outcome], moments: Mapping[str, datetime | None]) -> list[Outcome]:
        retries = self.retries
        entries = [_entry(outcome, always_counted=retries is not None) for outcome in outcomes]
        if not entries:
            return []

        def jobs(written: frozenset[str]) -> Sequence[Job]:
            return retries([e for e in entries if e.product.product_id in written]) if retries else []

        moment = moment_of(self.parts.store)
        written, lost = self._record(entries, moments, moment, jobs if retries else None)
        if overtaken := [_id(o) for o in outcomes if _id(o) not in written and _id(o) not in lost]:
            self.overtaken(overtaken)
        done = [o for o in outcomes if _id(o) in written or _id(o) in lost]
        return [failed(o.diff, lost[_id(o)]) if _id(o) in lost else o for o in done]

    def _drop_old_pictures(self, outcomes: Sequence[Outcome]) -> None:
        """Before the ledger is settled: a kill in between is then made good with the rest."""
        self._drop_pictures(
            {
                _id(outcome): [row.item.image for row in outcome.rows]
                for outcome in outcomes
                if outcome.diff.old and not outcome.keep_rows and outcome.diff.kind == "everything"
            }
        )

    def _drop_pictures(self, keep: Mapping[str, Collection[str]]) -> None:
        """Remove the stored pictures of products, but for those to keep."""

        def stale(product_id: str) -> list[str]:
            keys = self.parts.objects.keys(picture_prefix(product_id))
            return [key for key in keys if key not in keep[product_id]]

        if gone := [key for keys in at_once(stale, list(keep)) for key in keys]:
            self.parts.objects.delete(gone)


def _moment(entry: LedgerEntry | None) -> datetime | None:
    return entry.updated if entry else None


def _id(outcome: Outcome) -> str:
    return outcome.diff.product.product_id


def _old_items(outcome: Outcome) -> _Pairs:
    return outcome.diff.old.items if outcome.diff.old else ()


def _pairs(outcome: Outcome) -> _Pairs:
    if outcome.keep_rows:
        return _old_items(outcome)
    return tuple((row.item.supercategory, row.item.item_id) for row in outcome.rows)


def _entry(outcome: Outcome, *, always_counted: bool = False) -> LedgerEntry:
    diff = outcome.diff
    return LedgerEntry(
        product=diff.product,
        state=outcome.state,
        feed=diff.feed,
        record_hash=diff.record_hash,
        content_hash=diff.content_hash if outcome.settled else _unsettled(outcome, always_counted),
        updated=datetime.now(UTC),
        items=_pairs(outcome),
        refusals=outcome.refusals,
        reason=outcome.reason,
    )


def _unsettled(outcome: Outcome, always_counted: bool) -> str:
    """No content hash, but how often the product failed, where something failed that is to be tried again."""
    lost = outcome.keep_rows or outcome.state is IngestState.FAILED
    if not (outcome.defect or (lost and (always_counted or outcome.diff.feed == API_FEED))):
        return ""
    attempts = attempts_of(outcome.diff.old, outcome.diff.content_hash) + 1
    return mark(attempts, outcome.diff.content_hash, defect=outcome.defect)


def _intent(outcome: Outcome) -> LedgerEntry:
    """Pending, with every row that there is or will be; new words alone leave the embeddings' hash standing."""
    both = tuple(dict.fromkeys((*_old_items(outcome), *_pairs(outcome))))
    content = outcome.diff.content_hash if outcome.diff.kind == "words" else ""
    return replace(_entry(outcome), state=IngestState.PENDING, content_hash=content, items=both)


def _leaving(entry: LedgerEntry) -> LedgerEntry:
    """What the ledger says while rows are taken out: if it is cut off and the product comes back, it is made anew."""
    return replace(entry, state=IngestState.FAILED, content_hash="", reason=LEAVING, updated=datetime.now(UTC))
