"""The embedded store's derived indexes by themselves, without rows in the Milvus Lite file behind them.

The derived indexes answer every search; the file is written by an ingest, and read when they are to be made again.
Writing it is what bounds an embedded catalogue (up to a millisecond and 20 kB of memory a row), while opening it takes
0.05 s with 200,000 rows as with none: so what measures searching and serving leaves it empty.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.domain import Candidates, CollectionSpec, Embeddings, Item
from engine.errors import ContractBroken
from engine.filters import EVERYTHING, Filter
from engine.seams import FacetRows, Shortlist, ShortlistQuery
from engine.stores.ivfpq import paired
from engine.stores.ivfpq.index import DerivedIndex
from engine.stores.ivfpq.plan import default_plan
from engine.stores.lite.records import LiteRecords

CHUNKS_TOGETHER = 16
"""Written at once: rows that come by the hundred thousand are sorted in, and not entered one by one."""
WRITING = replace(default_plan(), min_rows=1 << 40)
"""Nothing is learned before every row is there."""
_STAMP = 1
"""Of every write: the file and its indexes agree as long as they bear the same."""


@dataclass(frozen=True, slots=True, eq=False)
class BareStore:
    """Paired indexes as a `VectorStore`, but for making and dropping collections."""

    indexes: dict[str, DerivedIndex]

    def ensure(self, spec: CollectionSpec) -> None:
        """Only what is there can be had."""
        if spec.name not in self.indexes:
            raise ContractBroken(f"There is no {spec.name} here.")

    def collections(self) -> list[str]:
        """Names of what exists, sorted."""
        return sorted(self.indexes)

    def drop(self, name: str) -> None:
        """Forget a collection."""
        self.indexes.pop(name).close()

    def upsert(self, name: str, items: Sequence[Item], embeddings: Embeddings) -> None:
        """Write rows by item_id."""
        self.indexes[name].upsert(_STAMP, items, embeddings)

    def delete_products(self, name: str, product_ids: Collection[str]) -> None:
        """Remove every row of these products."""
        index = self.indexes[name]
        index.delete(_STAMP, index.ids_of_products(product_ids))

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        """The k best rows that match, with exact scores."""
        return self.indexes[name].search(queries, k, where)

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        """The rows nearest to any query in either of the collections."""
        return paired.shortlist(self.indexes, query)

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Stored embeddings in the order asked."""
        return self.indexes[name].embeddings(item_ids)

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """Stored items in the order asked."""
        return self.indexes[name].items(item_ids)

    def items_of(self, name: str, product_id: str) -> list[Item]:
        """All rows of one product."""
        return self.indexes[name].items_of(product_id)

    def matching(self, name: str, where: Filter, most: int) -> list[Item]:
        """Rows that match."""
        return self.indexes[name].matching(where, most)

    def facet_rows(self, name: str, where: Filter, most: int) -> FacetRows:
        """Facets and prices of rows that match."""
        return self.indexes[name].facet_rows(where, most)

    def known_values(self, name: str, facet: str, values: Collection[str]) -> frozenset[str]:
        """Which of a facet's values some row has."""
        return self.indexes[name].known_values(facet, values)

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        return self.indexes[name].count(where)

    def close(self) -> None:
        """Have everything on disk."""
        for index in self.indexes.values():
            index.close()


def bare_home(folder: Path, specs: Sequence[CollectionSpec]) -> BareStore:
    """New indexes in a `LiteStore`'s folder, which it takes for its own; its file knows the collections alone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    records = LiteRecords(folder)
    for spec in specs:
        records.create(spec, _STAMP)
    records.close()
    return BareStore({spec.name: DerivedIndex(_place(folder, spec), spec.dim, WRITING) for spec in specs})


def open_home(folder: Path, specs: Sequence[CollectionSpec]) -> BareStore:
    """The learned indexes of a closed home."""
    return BareStore({spec.name: DerivedIndex(_place(folder, spec), spec.dim, default_plan()) for spec in specs})


def learn_home(folder: Path, specs: Sequence[CollectionSpec], say: Callable[[str], object]) -> None:
    """Have the indexes of a closed `bare_home` learned."""
    for spec in specs:
        say(f"building the index of {spec.name}")
        learn(_place(folder, spec), spec.dim).close()


def learn(folder: Path, dim: int) -> DerivedIndex:
    """The index that lies closed in a folder, opened, and learned where its rows are enough for that."""
    index = DerivedIndex(folder, dim, default_plan())
    if index.view().n >= default_plan().min_rows:
        index.rebuild()
    return index


def _place(folder: Path, spec: CollectionSpec) -> Path:
    return folder / "index" / spec.name
