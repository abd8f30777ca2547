"""New words for products that are there: price, stock, title. No picture is read and no model asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from engine.domain import Product
from engine.generations.record import GenerationChanged
from engine.seams import IngestState, Job, LedgerEntry
from engine.vision.gate import Policy
from ingest.queue.work_orders import jobs_of
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff, record_hash
from ingest.run.stages import reword
from ingest.run.writer import Writer, for_serving
from ingest.upkeep.pruning import folder_of

Change = tuple[LedgerEntry, Product]
"""A product as it was read, and as it is to be. It keeps its id and its pictures."""


def update(
    parts: IngestDependencies, writer: Writer, changes: Sequence[Change], policy: Policy = "prefer"
) -> frozenset[str]:
    """Write products' new words into rows and ledger; they are searchable when this returns.

    A product that waits to be indexed goes on waiting, in its new words.

    Returns:
        the ids that were written; the others were changed by somebody else since they were read.
    """
    try:
        return _update(parts, writer, changes, policy)
    except GenerationChanged:
        parts = for_serving(parts)
        return update(parts, replace(writer, parts=parts), changes, policy)


def _update(parts: IngestDependencies, writer: Writer, changes: Sequence[Change], policy: Policy) -> frozenset[str]:
    changes = _as_they_stand(parts, changes)
    there = [pair for pair in changes if pair[0].items and pair[0].state is not IngestState.PENDING]
    outcomes, _ = reword(parts, [_diff(parts, entry, product) for entry, product in there])
    written = {outcome.diff.product.product_id for outcome in writer.commit(outcomes)} if outcomes else set()
    done = {outcome.diff.product.product_id for outcome in outcomes}
    rest = [(entry, product) for entry, product in changes if product.product_id not in done]
    return frozenset(written | (_record(parts, rest, policy) if rest else frozenset()))


def _as_they_stand(parts: IngestDependencies, changes: Sequence[Change]) -> list[Change]:
    """A change of generations gives an entry other rows, and leaves its moment."""
    now = parts.ledger.get([entry.product.product_id for entry, _ in changes])
    return [
        (known if (known := now.get(i)) and known.updated == entry.updated else entry, product)
        for entry, product in changes
        for i in (entry.product.product_id,)
    ]


def _record(parts: IngestDependencies, changes: Sequence[Change], policy: Policy) -> frozenset[str]:
    """Products without rows, or that wait: only the ledger knows their new words, and the workers whose job it is."""
    renewed = {product.product_id: _renewed(parts, entry, product) for entry, product in changes}

    def jobs(written: frozenset[str]) -> list[Job]:
        waiting = [renewed[i] for i in sorted(written) if renewed[i].state is IngestState.PENDING]
        return jobs_of(waiting, policy, partial(folder_of, parts.ledger))

    moments = {entry.product.product_id: entry.updated for entry, _ in changes}
    entries, wanted = list(renewed.values()), jobs if parts.work else None
    return parts.ledger.replace(entries, moments, jobs=wanted, generation=parts.generation)


def _renewed(parts: IngestDependencies, entry: LedgerEntry, product: Product) -> LedgerEntry:
    record = record_hash(product, product.price_at(parts.now()))
    return replace(entry, product=product, record_hash=record, updated=datetime.now(UTC))


def _diff(parts: IngestDependencies, entry: LedgerEntry, product: Product) -> ProductDiff:
    record = record_hash(product, product.price_at(parts.now()))
    return ProductDiff(product, entry.feed, None, record, entry.content_hash, "words", entry)
