"""The plainest vector store: NumPy brute force in memory. Obviously right; the oracle of the contract suite."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from engine.domain import Candidates, CollectionSpec, Embeddings, Item
from engine.filters import EVERYTHING, Filter
from engine.seams import FacetRows, Shortlist, ShortlistQuery
from engine.stores.gathered import gathered
from engine.stores.rows import (
    check_dim,
    check_name,
    check_spec,
    last_of_each,
    no_candidates,
    no_such_collection,
    top_k,
)


@dataclass(slots=True)
class _Rows:
    """One collection: items and their embeddings, by item_id."""

    spec: CollectionSpec
    items: dict[str, Item] = field(default_factory=dict)
    embeddings: dict[str, NDArray[np.float32]] = field(default_factory=dict)


class ExactStore:
    """Implements `engine.seams.VectorStore` by looking at every row of every query. Forgets all on exit."""

    def __init__(self) -> None:
        self._collections: dict[str, _Rows] = {}
        self._lock = RLock()

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection, or check that it is the one asked for."""
        check_name(spec.name)
        with self._lock:
            existing = self._collections.setdefault(spec.name, _Rows(spec))
            check_spec(existing.spec, spec)

    def collections(self) -> list[str]:
        """Names of what exists, sorted."""
        with self._lock:
            return sorted(self._collections)

    def drop(self, name: str) -> None:
        """Forget a collection with all its rows."""
        with self._lock:
            self._collections.pop(name, None)

    def upsert(self, name: str, items: Sequence[Item], embeddings: Embeddings) -> None:
        """Write rows by item_id; the last of equal ids counts."""
        with self._lock:
            rows = self._collections.get(name)
            if rows is None:
                raise no_such_collection(name)
            check_dim(name, rows.spec.dim, embeddings, len(items))
            for i in last_of_each(items):
                rows.items[items[i].item_id] = items[i]
                rows.embeddings[items[i].item_id] = np.array(embeddings[i], np.float32)

    def delete_products(self, name: str, product_ids: Collection[str]) -> None:
        """Remove every row of these products."""
        gone = set(product_ids)
        with self._lock:
            if rows := self._collections.get(name):
                for item_id in [i for i, item in rows.items.items() if item.product_id in gone]:
                    del rows.items[item_id], rows.embeddings[item_id]

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        """The k rows of greatest cosine similarity among those that match; ties go by item_id."""
        with self._lock:
            rows = self._collections.get(name)
            if rows is None:
                return [no_candidates() for _ in queries]
            check_dim(name, rows.spec.dim, queries, len(queries))
            items = sorted((item for item in rows.items.values() if where.matches(item)), key=lambda i: i.item_id)
            matrix = self._matrix(rows, [item.item_id for item in items])
        answers = []
        for scores in queries.astype(np.float32) @ matrix.T:
            best = top_k(scores, k)
            answers.append(
                Candidates(
                    tuple(items[i].item_id for i in best), tuple(items[i].product_id for i in best), scores[best]
                )
            )
        return answers

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        """The rows nearest to any query in any of several collections."""
        return gathered(self, query)

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Stored embeddings in the order asked; zeros and False for a row that does not exist."""
        with self._lock:
            rows = self._collections.get(name)
            if rows is None:
                return np.zeros((len(item_ids), 0), np.float32), [False] * len(item_ids)
            return self._matrix(rows, item_ids), [item_id in rows.items for item_id in item_ids]

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """Stored items in the order asked, None where there is none."""
        with self._lock:
            rows = self._collections.get(name)
            return [rows.items.get(item_id) if rows else None for item_id in item_ids]

    def items_of(self, name: str, product_id: str) -> list[Item]:
        """All rows of one product, by item_id."""
        with self._lock:
            rows = self._collections.get(name)
            found = [item for item in rows.items.values() if item.product_id == product_id] if rows else []
        return sorted(found, key=lambda item: item.item_id)

    def matching(self, name: str, where: Filter, most: int) -> list[Item]:
        """Rows that match, by item_id."""
        with self._lock:
            rows = self._collections.get(name)
            found = [item for item in rows.items.values() if where.matches(item)] if rows else []
        return sorted(found, key=lambda item: item.item_id)[:most]

    def facet_rows(self, name: str, where: Filter, most: int) -> FacetRows:
        """Facets and prices of rows that match."""
        found = self.matching(name, where, most + 1)
        return FacetRows(found[:most], len(found) <= most)

    def known_values(self, name: str, facet: str, values: Collection[str]) -> frozenset[str]:
        """Which of a facet's values some row has."""
        with self._lock:
            rows = self._collections.get(name)
            held = {value for item in rows.items.values() for value in item.facets.get(facet, ())} if rows else set()
        return frozenset(held.intersection(values))

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        with self._lock:
            rows = self._collections.get(name)
            return sum(where.matches(item) for item in rows.items.values()) if rows else 0

    def close(self) -> None:
        """Nothing to let go of."""

    @staticmethod
    def _matrix(rows: _Rows, item_ids: Sequence[str]) -> Embeddings:
        """Embeddings as rows of a matrix, zeros where there is none."""
        absent = np.zeros(rows.spec.dim, np.float32)
        stacked = [rows.embeddings.get(item_id, absent) for item_id in item_ids]
        return np.stack(stacked) if stacked else np.zeros((0, rows.spec.dim), np.float32)
