"""The embedded store's search by itself: sister indexes over a catalogue, without the Milvus Lite file behind them.

The derived index is what answers searches; Lite only has to be written to. So a million rows can be measured on a
machine where Lite could not hold them: files, code and scores are those of the embedded store.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.bench_catalogue import CHUNK, Expander
from benchmarks.bench_home import ItemMaker
from engine.domain import SPACES, Candidates, CollectionSpec, Embeddings, Item, Space
from engine.errors import ContractBroken
from engine.filters import EVERYTHING, Filter
from engine.seams import Shortlist, ShortlistQuery
from engine.stores.ivfpq import sisters
from engine.stores.ivfpq.index import DerivedIndex
from engine.stores.ivfpq.plan import IvfpqPlan, default_plan
from engine.taxonomy import collection_name

VERSION = "2"
_WRITTEN_CHUNKS = 4


@dataclass(frozen=True, slots=True, eq=False)
class BareStore:
    """Sister indexes as a `VectorStore`, but for making and dropping collections."""

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
        self.indexes[name].upsert(1, items, embeddings)

    def delete_products(self, name: str, product_ids: Collection[str]) -> None:
        """Remove every row of these products."""
        index = self.indexes[name]
        index.delete(1, index.ids_of_products(product_ids))

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        """The k best rows that match, with exact scores."""
        return self.indexes[name].search(queries, k, where)

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        """The rows nearest to any query in either of the sisters."""
        return sisters.shortlist(self.indexes, query)

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Stored embeddings in the order asked."""
        return self.indexes[name].embeddings(item_ids)

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """Stored items in the order asked."""
        return self.indexes[name].items(item_ids)

    def items_of(self, name: str, product_id: str) -> list[Item]:
        """All rows of one product."""
        return self.indexes[name].items_of(product_id)

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        return self.indexes[name].count(where)

    def close(self) -> None:
        """Have everything on disk."""
        for index in self.indexes.values():
            index.close()


@dataclass(frozen=True, slots=True)
class Built:
    """What building one sister index took; `write_s` for rows and words, `index_s` for learning and adding codes."""

    rows: int
    write_s: float
    index_s: float
    disk_bytes: int
    codes_bytes: int


def open_bare(folder: Path, expander: Expander, plan: IvfpqPlan | None = None) -> BareStore:
    """What `build_bare` made."""
    return BareStore(
        {
            collection_name(supercategory_of(expander), space): DerivedIndex(
                folder / space, expander.sample.rows[space].shape[1], plan or default_plan()
            )
            for space in SPACES
        }
    )


def build_bare(
    folder: Path, expander: Expander, n: int, *, plan: IvfpqPlan | None = None, say: Callable[[str], object] = print
) -> dict[Space, Built]:
    """Write both sisters with `n` rows into `folder`, unless they lie there already."""
    mark, digest = folder / "built.json", _digest(expander, n)
    if mark.exists() and (known := json.loads(mark.read_text()))["digest"] == digest:
        return {space: Built(**known[space]) for space in SPACES}
    shutil.rmtree(folder, ignore_errors=True)
    patient = replace(plan or default_plan(), growth=1e9, tail_rows=1 << 40)
    store = open_bare(folder, expander, patient)
    written = _write(store, expander, n, say)
    built = {}
    for space in SPACES:
        say(f"building the {space} index over {n:,} rows")
        index = store.indexes[collection_name(supercategory_of(expander), space)]
        start = time.perf_counter()
        if n >= patient.min_rows:
            index.rebuild()
        seconds = time.perf_counter() - start
        size = index.status(space).size_bytes
        index.close()
        codes = sum(path.stat().st_size for path in (folder / space).glob("*/ivfpq.faiss"))
        built[space] = Built(n, written[space], seconds, size, codes)
    mark.write_text(json.dumps({"digest": digest, **{s: _plain(b) for s, b in built.items()}}))
    return built


def _write(store: BareStore, expander: Expander, n: int, say: Callable[[str], object]) -> dict[Space, float]:
    """A few chunks at a time: rows that come by the ten thousand are sorted in, and not entered one by one."""
    seconds: dict[Space, float] = dict.fromkeys(SPACES, 0.0)
    supercategory, step = supercategory_of(expander), CHUNK * _WRITTEN_CHUNKS
    maker = ItemMaker(expander.sample, supercategory=supercategory)
    for start in range(0, n, step):
        end = min(n, start + step)
        chunks = [expander.chunk(number) for number in range(start // CHUNK, -(-end // CHUNK))]
        items = maker.items(np.concatenate([anchors for _, anchors in chunks])[: end - start].tolist(), start)
        for space in SPACES:
            rows = np.concatenate([rows[space] for rows, _ in chunks])[: end - start]
            begun = time.perf_counter()
            store.upsert(collection_name(supercategory, space), items, rows)
            seconds[space] += time.perf_counter() - begun
        say(f"{end:,} of {n:,} rows")
    return seconds


def supercategory_of(expander: Expander) -> str:
    """What the rows are filed under."""
    return expander.supercategory or "everything"


def _digest(expander: Expander, n: int) -> str:
    return f"{VERSION}-{expander.sample.digest}-{expander.supercategory}-{expander.seed}-{n}"


def _plain(built: Built) -> dict[str, float]:
    return {name: getattr(built, name) for name in Built.__slots__}
