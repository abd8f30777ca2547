"""Rows that may not be what the ledger says, because somebody wrote them too late: made good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from engine.products.stored import picture_prefix
from engine.seams import CollectionChange, IngestState, JobsFor, LedgerEntry
from engine.vision.gate import Policy
from ingest.queue.taken_on import pending, replace_all
from ingest.queue.work_orders import jobs_of
from ingest.run.dependencies import IngestDependencies
from ingest.run.row_changes import at_once, change_rows
from ingest.run.writer import LEAVING
from ingest.upkeep.pruning import folder_of


@dataclass(frozen=True, slots=True, eq=False)
class RowsMadeGood:
    """Products that are gone lose their rows and pictures; those that are there wait to be made anew, pictures and all.

    For several machines: rows are removed whenever the ledger does not know the product, and it is asked again after
    that, because the product may have come back meanwhile, and its new rows be gone with the old ones.
    """

    parts: IngestDependencies
    policy: Policy

    def __call__(self, product_ids: Sequence[str]) -> None:
        """Make good what may be wrong of these products.

        Raises:
            StoreUnavailable: a store does not answer; nothing is lost, and it is to be called again.
        """
        if not product_ids:
            return
        known = self.parts.ledger.get(list(product_ids))
        if gone := [i for i in product_ids if i not in known or is_leaving(known[i])]:
            self._remove(gone)
            known = self.parts.ledger.get(list(product_ids))
        self._make_anew([i for i, entry in known.items() if not is_leaving(entry)])

    def _remove(self, product_ids: Sequence[str]) -> None:
        change_rows(self.parts.store, [CollectionChange(name, product_ids) for name in self.parts.store.collections()])
        keys = at_once(lambda i: list(self.parts.objects.keys(picture_prefix(i))), product_ids)
        if stale := [key for some in keys for key in some]:
            self.parts.objects.delete(stale)

    def _make_anew(self, product_ids: Sequence[str]) -> None:
        made: dict[str, LedgerEntry] = {}

        def anew(product_id: str, old: LedgerEntry | None) -> LedgerEntry | None:
            if old is None or is_leaving(old):
                return None
            made[product_id] = replace(pending(old.product, old.feed, old), content_hash="")
            return made[product_id]

        replace_all(self.parts.ledger, product_ids, anew, self._jobs(made))

    def _jobs(self, made: Mapping[str, LedgerEntry]) -> JobsFor:
        return lambda ids: jobs_of([made[i] for i in sorted(ids)], self.policy, partial(folder_of, self.parts.ledger))


def is_leaving(entry: LedgerEntry) -> bool:
    """Whether a product is being taken out."""
    return entry.state is IngestState.FAILED and entry.reason == LEAVING
