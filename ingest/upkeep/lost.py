"""Products whose rows are not in the vector store any more, whatever the ledger says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from engine.domain import SPACES
from engine.seams import LedgerEntry
from engine.taxonomy import collection_name
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff


def lacking(parts: IngestDependencies, entries: Sequence[LedgerEntry]) -> Iterator[LedgerEntry]:
    """Those entries of which a row is missing in either collection."""
    wanted: dict[str, list[str]] = {}
    for entry in entries:
        for supercategory, item_id in entry.items:
            wanted.setdefault(supercategory, []).append(item_id)
    there: dict[str, set[str]] = {}
    for supercategory, ids in wanted.items():
        found = [parts.store.items(collection_name(supercategory, space), ids) for space in SPACES]
        there[supercategory] = {item_id for item_id, *items in zip(ids, *found, strict=True) if None not in items}
    for entry in entries:
        if any(item_id not in there[supercategory] for supercategory, item_id in entry.items):
            yield entry


def with_lost_rows(parts: IngestDependencies, diffs: Sequence[ProductDiff]) -> list[ProductDiff]:
    """Plans of which none is `unchanged` whose rows are lost: everything is done for it."""
    quiet = [diff.old for diff in diffs if diff.kind == "unchanged" and diff.old]
    lost = {entry.product.product_id for entry in lacking(parts, quiet)}
    return [replace(diff, kind="everything") if diff.product.product_id in lost else diff for diff in diffs]
