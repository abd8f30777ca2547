"""FAISS's IVFPQ with fast-scan codes over the first rows of an edition."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss as typed_faiss
import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings
from engine.stores.ivfpq.plan import IvfpqPlan

faiss: Any = typed_faiss
"""Its own stubs do not know what an index factory makes, nor what SWIG adds to a class."""
_CHUNK = 8192
_thread = threading.local()


class BuildCancelled(Exception):
    """The store is closing; caught where the build was started."""


def one_thread() -> None:
    """Let FAISS use this thread alone. A query is too short to share, and a build must leave cores to queries."""
    if not getattr(_thread, "set", False):
        faiss.omp_set_num_threads(1)
        _thread.set = True


class Ann:
    """Candidates by approximate inner product. Row numbers are the edition's; safe to search from many threads."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self.rows = int(index.ntotal)
        self.nlist = int(index.nlist)

    @classmethod
    def build(cls, rows: Embeddings, plan: IvfpqPlan, cancelled: Callable[[], bool] = lambda: False) -> Ann:
        """Train and fill.

        Args:
            rows: (n, dim), read in parts.
            cancelled: asked between parts.

        Raises:
            BuildCancelled: it said so.
        """
        one_thread()
        n, dim = rows.shape
        nlist = plan.nlist(n)
        index = faiss.index_factory(dim, f"IVF{nlist},PQ{plan.codes(dim)}x4fs", faiss.METRIC_INNER_PRODUCT)
        index.cp.niter = 10
        sample = np.random.default_rng(0).permutation(n)[: max(10_000, plan.train_rows_per_list * nlist)]
        index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1
        index.train(np.ascontiguousarray(rows[np.sort(sample)]))
        for start in range(0, n, _CHUNK):
            if cancelled():
                raise BuildCancelled
            index.add(np.ascontiguousarray(rows[start : start + _CHUNK]))
        return cls(index)

    @classmethod
    def extended(cls, path: Path, rows: Embeddings) -> Ann:
        """The index saved at `path` with further rows, by what it learned from the first ones.

        Raises:
            RuntimeError: it is not there, or damaged.
        """
        one_thread()
        index = faiss.read_index(str(path))
        for start in range(0, len(rows), _CHUNK):
            index.add(np.ascontiguousarray(rows[start : start + _CHUNK]))
        return cls(index)

    def save(self, path: Path) -> None:
        """Write it, at once or not at all."""
        part = path.with_suffix(".part")
        faiss.write_index(self._index, str(part))
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Ann:
        """Map it into memory.

        Raises:
            RuntimeError: it is not there, or damaged.
        """
        return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))

    def candidates(
        self, query: NDArray[np.float32], depth: int, nprobe: int, allowed: NDArray[np.bool_] | None
    ) -> NDArray[np.int64]:
        """At most `depth` rows, best first; of the allowed ones if given (`rows` bools)."""
        one_thread()
        params = faiss.SearchParametersIVF(nprobe=nprobe)
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
            params = faiss.SearchParametersIVF(nprobe=nprobe, sel=selector)
        _, found = self._index.search(query[None], min(depth, self.rows), params=params)
        rows: NDArray[np.int64] = found[0][found[0] >= 0]
        return rows
