"""Writing outcomes so that a kill at any moment loses nothing and leaves nothing twice.

What is about to be in the vector store is first named in the ledger (an intent), then written, and
the ledger says `indexed` last. A product that was cut off in between is done again by the next run,
over the same row ids; rows that it no longer has are known from the intent, and removed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import RLock
from typing import TypeVar

import numpy as np

from engine.domain import SPACES
from engine.errors import ThatLookError
from engine.products.stored import picture_prefix
from engine.seams import IngestState, LedgerEntry, moment_of
from engine.taxonomy import collection_name
from ingest.dependencies import API_FEED, IngestDependencies
from ingest.failures import apart, attempts_of, mark, stores_answer, told
from ingest.stages import Outcome, Row, failed

T = TypeVar("T")
R = TypeVar("R")
QUICK_S = 3.0
"""A store that takes longer to refuse a batch is in trouble itself; it is not asked again product by product."""
_Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Writer:
    """The one writer of a process: Milvus Lite loses rows under two.

    `book` is held, shortly, wherever an entry of the ledger is read in order to be replaced; whoever
    else replaces entries in this process holds it too.
    """

    parts: IngestDependencies
    book: RLock = field(default_factory=RLock)
    _lock: RLock = field(default_factory=RLock)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Within the block nothing is written; what wants to be waits."""
        with self._lock, self.book:
            yield

    def commit(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Write outcomes; returns those that were, without products that somebody changed meanwhile."""
        with self._lock:
            with self.book:
                wanted = self._still_as_planned(outcomes)
                moments, lost = self._announce(wanted)
            told_of = [failed(o.diff, lost[_id(o)]) for o in wanted if _id(o) in lost]
            return self._settle(self._written([o for o in wanted if _id(o) not in lost]), moments) + told_of

    def remove(self, product_ids: Collection[str]) -> int:
        """Take products out: rows first, the ledger last; returns how many there were."""
        with self._lock, self.book:
            entries = self.parts.ledger.get(list(product_ids))
            self.parts.ledger.put([_leaving(entry) for entry in entries.values()])
            gone: dict[str, set[str]] = {}
            for product_id, entry in entries.items():
                for supercategory, _ in entry.items:
                    gone.setdefault(supercategory, set()).add(product_id)
            self._delete_rows(gone)
            for product_id in entries:
                self._drop_pictures(product_id, keep=())
            self.parts.ledger.delete(list(entries), moment=moment_of(self.parts.store))
            return len(entries)

    def _still_as_planned(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        now = self.parts.ledger.get([_id(outcome) for outcome in outcomes])
        return [o for o in outcomes if _moment(now.get(_id(o))) == _moment(o.diff.old)]

    def _written(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Write pictures and rows; products that cannot be written, where others can, come back as failed.

        Raises:
            ThatLookError: a store does not answer, whatever product it is asked to take.
        """
        done, lost = self._apart(outcomes, self._write)
        return done + [self._unwritten(outcome, error) for outcome, error in lost]

    def _write(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        for outcome in outcomes:
            if outcome.picture:
                self.parts.objects.put(*outcome.picture, "image/jpeg")
        self._write_rows(outcomes)
        self._drop_old_pictures(outcomes)
        return list(outcomes)

    def _unwritten(self, outcome: Outcome, error: BaseException) -> Outcome:
        """A product that could not be written; its rows, perhaps half there, are taken out if that can be done."""
        pairs = dict.fromkeys((*_old_items(outcome), *_pairs(outcome)))
        try:
            self._delete_rows({name: {_id(outcome)} for name, _ in pairs})
            rows: tuple[Row, ...] = ()
        except Exception:
            rows = outcome.rows  # The ledger then names them, and the next try replaces them.
        return replace(
            outcome, state=IngestState.FAILED, rows=rows, reason=told("Writing", error), picture=None,
            keep_rows=False, settled=False, defect=True,
        )  # fmt: skip

    def _announce(self, outcomes: Sequence[Outcome]) -> tuple[dict[str, datetime | None], dict[str, str]]:
        """Name the rows that are about to change.

        Returns:
            each product's moment in the ledger; and products that the ledger does not take, with the reason.
        """
        intents = [_intent(o) for o in outcomes if (o.rows or _old_items(o)) and not o.keep_rows]
        lost = self._record(intents) if intents else {}
        moments = {_id(o): _moment(o.diff.old) for o in outcomes if _id(o) not in lost}
        return moments | {i: entry.updated for entry in intents if (i := entry.product.product_id) not in lost}, lost

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

    def _record(self, entries: Sequence[LedgerEntry], moment: str | None = None) -> dict[str, str]:
        """Write entries; returns products whose entry the ledger does not take, with the reason."""

        def put(some: Sequence[LedgerEntry]) -> list[LedgerEntry]:
            self.parts.ledger.put(some, moment=moment)
            return list(some)

        _, lost = self._apart(entries, put)
        return {entry.product.product_id: told("Recording", error) for entry, error in lost}

    def _write_rows(self, outcomes: Sequence[Outcome]) -> None:
        stale: dict[str, set[str]] = {}
        rows: dict[str, list[Row]] = {}
        for outcome in outcomes:
            for supercategory, _ in set(_old_items(outcome)) - set(_pairs(outcome)):
                stale.setdefault(supercategory, set()).add(_id(outcome))
            for row in outcome.rows:
                rows.setdefault(row.item.supercategory, []).append(row)
        self._delete_rows({name: ids for name, ids in stale.items() if name in rows})
        for supercategory, some in rows.items():
            for space in SPACES:
                embeddings = np.stack([row.embeddings[space] for row in some])
                self.parts.store.upsert(collection_name(supercategory, space), [row.item for row in some], embeddings)
        self._delete_rows({name: ids for name, ids in stale.items() if name not in rows})

    def _settle(self, outcomes: Sequence[Outcome], moments: dict[str, datetime | None]) -> list[Outcome]:
        with self.book:
            now = self.parts.ledger.get(list(moments))
            done = [o for o in outcomes if _moment(now.get(_id(o))) == moments[_id(o)]]
            lost = self._record([_entry(outcome) for outcome in done], moment_of(self.parts.store))
        return [failed(o.diff, lost[_id(o)]) if _id(o) in lost else o for o in done]

    def _drop_old_pictures(self, outcomes: Sequence[Outcome]) -> None:
        """Before the ledger is settled: a kill in between is then made good with the rest."""
        for outcome in outcomes:
            if outcome.diff.old and not outcome.keep_rows and outcome.diff.kind == "everything":
                self._drop_pictures(_id(outcome), keep=[row.item.image for row in outcome.rows])

    def _delete_rows(self, product_ids: dict[str, set[str]]) -> None:
        for supercategory, ids in product_ids.items():
            for space in SPACES:
                self.parts.store.delete_products(collection_name(supercategory, space), sorted(ids))

    def _drop_pictures(self, product_id: str, keep: Collection[str]) -> None:
        stale = [key for key in self.parts.objects.keys(picture_prefix(product_id)) if key not in keep]
        if stale:
            self.parts.objects.delete(stale)


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


def _entry(outcome: Outcome) -> LedgerEntry:
    diff = outcome.diff
    return LedgerEntry(
        product=diff.product,
        state=outcome.state,
        feed=diff.feed,
        record_hash=diff.record_hash,
        content_hash=diff.content_hash if outcome.settled else _unsettled(outcome),
        updated=datetime.now(UTC),
        items=_pairs(outcome),
        refusals=outcome.refusals,
        reason=outcome.reason,
    )


def _unsettled(outcome: Outcome) -> str:
    """No content hash, but how often the product failed, where something failed that is to be tried again."""
    lost = outcome.keep_rows or outcome.state is IngestState.FAILED
    if not (outcome.defect or (lost and outcome.diff.feed == API_FEED)):
        return ""
    return mark(attempts_of(outcome.diff.old, outcome.diff.content_hash) + 1, outcome.diff.content_hash)


def _intent(outcome: Outcome) -> LedgerEntry:
    """Pending, with every row that there is or will be; new words alone leave the embeddings' hash standing."""
    both = tuple(dict.fromkeys((*_old_items(outcome), *_pairs(outcome))))
    content = outcome.diff.content_hash if outcome.diff.kind == "words" else ""
    return replace(_entry(outcome), state=IngestState.PENDING, content_hash=content, items=both)


def _leaving(entry: LedgerEntry) -> LedgerEntry:
    """What the ledger says while rows are taken out: if it is cut off and the product comes back, it is made anew."""
    reason = "It was being removed when the run was interrupted."
    return replace(entry, state=IngestState.FAILED, content_hash="", reason=reason, updated=datetime.now(UTC))
