"""New words for products that are there: price, stock, title. No picture is read and no model asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from engine.domain import Product
from engine.seams import LedgerEntry
from ingest.dependencies import IngestDependencies
from ingest.diff import ProductDiff, record_hash
from ingest.stages import reword
from ingest.writer import Writer

Change = tuple[LedgerEntry, Product]
"""A product as it was read, and as it is to be. It keeps its id and its pictures."""


def update(parts: IngestDependencies, writer: Writer, changes: Sequence[Change]) -> frozenset[str]:
    """Write products' new words into rows and ledger; they are searchable when this returns.

    Returns:
        the ids that were written; the others were changed by somebody else since they were read.
    """
    indexed = [_diff(parts, entry, product) for entry, product in changes if entry.items]
    outcomes, missing = reword(parts, indexed)
    written = {outcome.diff.product.product_id for outcome in writer.commit(outcomes)} if outcomes else set()
    lost = {diff.product.product_id for diff in missing}
    rest = [(entry, product) for entry, product in changes if not entry.items or product.product_id in lost]
    return frozenset(written | _record(parts, writer, rest))


def _record(parts: IngestDependencies, writer: Writer, changes: Sequence[Change]) -> set[str]:
    """Products without rows: only the ledger knows them."""
    with writer.book:
        now = parts.ledger.get([entry.product.product_id for entry, _ in changes])
        same = [
            (entry, product)
            for entry, product in changes
            if (known := now.get(product.product_id)) and known.updated == entry.updated
        ]
        parts.ledger.put([_renewed(parts, entry, product) for entry, product in same])
    return {product.product_id for _, product in same}


def _renewed(parts: IngestDependencies, entry: LedgerEntry, product: Product) -> LedgerEntry:
    record = record_hash(product, product.price_at(parts.now()))
    return replace(entry, product=product, record_hash=record, updated=datetime.now(UTC))


def _diff(parts: IngestDependencies, entry: LedgerEntry, product: Product) -> ProductDiff:
    record = record_hash(product, product.price_at(parts.now()))
    return ProductDiff(product, entry.feed, None, record, entry.content_hash, "words", entry)
