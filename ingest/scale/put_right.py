"""Putting right what has drifted apart: rows are written anew, embedded anew or removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from engine.seams import CollectionChange, IngestState, LedgerEntry
from engine.vision.gate import Policy
from ingest.repair import embedded_anew, left_for_its_feed
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff
from ingest.run.row_changes import change_rows
from ingest.run.stages import reword
from ingest.run.writer import Writer
from ingest.scale.drift import Drift, Kind
from ingest.scale.rows_made_good import RowsMadeGood


@dataclass(frozen=True, slots=True, eq=False)
class PutRight:
    """Puts right some drift after the other; returns how many of each kind are right again, or will be by workers."""

    parts: IngestDependencies
    policy: Policy

    def __call__(self, drifts: Sequence[Drift]) -> Counter[Kind]:
        """Put these right.

        Raises:
            StoreUnavailable: a store does not answer; what is not done yet is found again.
        """
        by_kind: dict[Kind, dict[str, list[str]]] = {}
        for drift in drifts:
            by_kind.setdefault(drift.kind, {}).setdefault(drift.where, []).append(drift.name)
        self._without_rows(_names(by_kind, "missing row"))
        self._in_other_words(_names(by_kind, "other words"))
        self._look_again(_names(by_kind, "missing picture"))
        for where, names in by_kind.get("strange row", {}).items():
            self._remove_rows(where, names)
        if keys := _names(by_kind, "stray picture"):
            self.parts.objects.delete(keys)
        if left := _names(by_kind, "left half-way"):
            Writer(self.parts).remove(left)
        return Counter({kind: len(_names(by_kind, kind)) for kind in by_kind})

    def _without_rows(self, product_ids: Sequence[str]) -> None:
        """Embedded anew from the stored picture; looked for at its source where there is none."""
        entries = self._indexed(product_ids)
        done = embedded_anew(self.parts, entries, self.policy) if entries else []
        written = {outcome.diff.product.product_id for outcome in Writer(self.parts).commit(done)} if done else set()
        self._look_again([entry.product.product_id for entry in entries if entry.product.product_id not in written])

    def _in_other_words(self, product_ids: Sequence[str]) -> None:
        diffs = [
            ProductDiff(entry.product, entry.feed, None, entry.record_hash, entry.content_hash, "words", entry)
            for entry in self._indexed(product_ids)
        ]
        outcomes, missing = reword(self.parts, diffs)
        if outcomes:
            Writer(self.parts).commit(outcomes)
        self._without_rows([diff.product.product_id for diff in missing])

    def _look_again(self, product_ids: Sequence[str]) -> None:
        if self.parts.work:
            RowsMadeGood(self.parts, self.policy)(product_ids)
            return
        for entry in self._indexed(product_ids):
            self.parts.ledger.replace([left_for_its_feed(entry)], {entry.product.product_id: entry.updated})

    def _remove_rows(self, where: str, product_ids: Sequence[str]) -> None:
        """Remove rows that no product names; one that came to name them meanwhile gets them anew."""
        change_rows(self.parts.store, [CollectionChange(where, product_ids)])
        supercategory = where.rpartition("_")[0]
        known = self.parts.ledger.get(list(product_ids))
        back = [i for i, entry in known.items() if any(pair[0] == supercategory for pair in entry.items)]
        self._look_again(back)

    def _indexed(self, product_ids: Sequence[str]) -> list[LedgerEntry]:
        known = self.parts.ledger.get(list(product_ids))
        return [entry for entry in known.values() if entry.state is IngestState.INDEXED]


def _names(by_kind: dict[Kind, dict[str, list[str]]], kind: Kind) -> list[str]:
    return sorted({name for names in by_kind.get(kind, {}).values() for name in names})
