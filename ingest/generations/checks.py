"""Whether a generation may serve: its rows counted, products that it would lose, what its indexes find."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.domain import SPACES
from engine.ledger.generation_notes import Standing
from engine.seams import VectorStore
from engine.taxonomy import collection_name

if TYPE_CHECKING:
    from engine.ledger.generations import GenerationBook

MOST_LOST = 0.02
"""Of the indexed products, the share that other models may refuse."""
LEAST_RECALL = 0.95
K, QUERIES, ROWS = 10, 40, 20_000
"""Nearest rows, stored embeddings that are searched with, and rows that these are compared with one by one."""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found: in words, and what keeps the generation from serving."""

    notes: tuple[str, ...]
    problems: tuple[str, ...]


def check(book: GenerationBook, number: int, store: VectorStore, supercategories: Sequence[str]) -> Checked:
    """Look at everything that is compared before a change."""
    standing = book.standing(number)
    rows = {space: sum(store.count(collection_name(name, space)) for name in supercategories) for space in SPACES}
    notes = [f"{standing.rows:,} rows of {standing.products:,} products"]
    problems = [
        f"{found:,} {space} rows are there, {standing.rows:,} should be"
        for space, found in rows.items()
        if found != standing.rows
    ]
    if standing.lost:
        notes.append(f"{standing.lost:,} of {standing.indexed:,} indexed products show no garment to these models")
        if standing.lost > MOST_LOST * standing.indexed:
            problems.append(f"{_share(standing)} of the indexed products would be lost")
    recall = ann_recall(book, number, store)
    if recall is not None:
        notes.append(f"ann_recall@{K} {recall:.4f}")
        if recall < LEAST_RECALL:
            problems.append(
                f"the indexes find {recall:.4f} of the nearest {K} rows, at least {LEAST_RECALL} are wanted"
            )
    return Checked(tuple(notes), tuple(problems))


def ann_recall(book: GenerationBook, number: int, store: VectorStore) -> float | None:
    """The share of the nearest rows that searches find, the worst of all collections; None where there are no rows.

    Stored embeddings are the queries. Where there are more rows than `ROWS`, those are what is compared with.
    """
    ids: dict[str, list[str]] = {}
    for supercategory, item_id in _some_rows(book, number):
        for space in SPACES:
            ids.setdefault(collection_name(supercategory, space), []).append(item_id)
    found = [_recall(store, name, some) for name, some in ids.items()]
    return min(found, default=None)


def _some_rows(book: GenerationBook, number: int) -> Iterator[tuple[str, str]]:
    after, left = "", ROWS
    while left > 0 and (notes := book.page(number, after, _PAGE)):
        for note in notes:
            yield from note.items
            left -= len(note.items)
        after = notes[-1].product_id


def _recall(store: VectorStore, name: str, ids: Sequence[str]) -> float:
    """Rows that are nearer than the last one found, and were not found, are missed."""
    rows, there = store.embeddings(name, ids)
    rows, ids = rows[there], [item_id for item_id, is_there in zip(ids, there, strict=True) if is_there]
    if not ids:
        return 1.0
    chosen = random.Random(7).sample(range(len(ids)), min(QUERIES, len(ids)))
    missed = wanted = 0
    for place, found in zip(chosen, store.search(name, rows[chosen], K), strict=True):
        cosines = rows @ rows[place]
        least = float(found.scores[-1]) if len(found.item_ids) >= K else -1.0
        nearer = np.flatnonzero(cosines > least + 1e-4)
        missed += sum(ids[int(row)] not in found.item_ids for row in nearer[:K])
        wanted += min(K, len(ids))
    return 1.0 - missed / wanted


def _share(standing: Standing) -> str:
    return f"{100 * standing.lost / max(1, standing.indexed):.1f} %"
