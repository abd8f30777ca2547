"""Products that are written or taken out in the very seconds of a change, where workers of other machines write too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from engine.seams import CollectionChange, Job, Ledger, LedgerEntry, VectorStore
from engine.vision.gate import Policy
from ingest.queue.taken_on import pending, replace_all
from ingest.queue.work_orders import jobs_of
from ingest.run.row_changes import change_rows
from ingest.run.writer import LEAVING
from ingest.upkeep.pruning import folder_of

if TYPE_CHECKING:
    from engine.ledger.generations import GenerationBook

BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Latecomers:
    """Brings them into the generation that comes to serve, by jobs for the workers."""

    ledger: Ledger
    book: GenerationBook
    number: int
    policy: Policy

    def queued(self, entries: Sequence[LedgerEntry]) -> tuple[list[LedgerEntry], list[Job]]:
        """They wait for a worker once more, who has all of them looked at by the models that serve then."""
        notes = self.book.notes(self.number, [entry.product.product_id for entry in entries])
        waiting = []
        for entry in entries:
            note = notes.get(entry.product.product_id)
            both = tuple(dict.fromkeys((*entry.items, *(note.items if note else ()))))
            waiting.append(replace(_anew(entry), items=both))
        return waiting, jobs_of(waiting, self.policy, partial(folder_of, self.ledger))

    def take_out_gone(self, store: VectorStore) -> None:
        """Rows of products that left; one that came back meanwhile, and whose rows went with them, is made anew."""
        while gone := self.book.gone(self.number, BATCH):
            change_rows(store, [CollectionChange(name, gone) for name in store.collections()])
            self.book.forget(self.number, gone)
            back = _Back(self.policy, self.ledger)
            replace_all(self.ledger, sorted(self.ledger.get(gone)), back.anew, back.jobs)


@dataclass(frozen=True, slots=True, eq=False)
class _Back:
    policy: Policy
    ledger: Ledger
    made: dict[str, LedgerEntry] = field(default_factory=dict)

    def anew(self, product_id: str, old: LedgerEntry | None) -> LedgerEntry | None:
        if old is None or old.reason == LEAVING:
            return None
        self.made[product_id] = _anew(old)
        return self.made[product_id]

    def jobs(self, written: frozenset[str]) -> list[Job]:
        return jobs_of([self.made[i] for i in sorted(written)], self.policy, partial(folder_of, self.ledger))


def _anew(entry: LedgerEntry) -> LedgerEntry:
    return replace(pending(entry.product, entry.feed, entry), content_hash="")
