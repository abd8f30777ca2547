"""FAISS's IVFPQ with fast-scan codes of residuals over the first rows of a generation."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss as typed_faiss
import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings
from engine.stores.ivfpq.plan import IvfpqPlan, Reach
from engine.stores.trailer import append_trailer, is_whole
from engine.system.durable import put_in_place

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


def products_at(vectors: Embeddings, rows: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """(rows,) inner products of scattered rows with a query, where they lie.

    A gather and a matrix product copy every row first, and wake BLAS's threads, which wait by spinning: 2.1 ms of CPU
    for 900 rows of 1024 numbers, and 4 for all its threads, where this takes 0.42.
    """
    one_thread()
    found = np.empty(len(rows), np.float32)
    if len(rows):
        at = faiss.swig_ptr
        arrays = at(found), at(np.ascontiguousarray(query)), at(vectors), at(np.ascontiguousarray(rows))
        faiss.fvec_inner_products_by_idx(*arrays, vectors.shape[1], 1, len(rows))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Restriction:
    """The rows that may be found, as an index needs them: a bit for each row, and how many lie in each list."""

    bits: NDArray[np.uint8]
    counts: NDArray[np.int64]


class Ann:
    """Candidates by approximate distance. Row numbers are the generation's; safe to search from many threads.

    Unit rows have the same order by L2 distance as by cosine, and distances survive a PCA and allow for residuals.
    """

    def __init__(self, index: Any) -> None:
        """Take over a filled index.

        Raises:
            RuntimeError: it is of an older form.
        """
        ivf = faiss.downcast_index(faiss.extract_index_ivf(index))
        if ivf.metric_type != faiss.METRIC_L2:
            raise RuntimeError("an index of an older form")
        ivf.use_precomputed_table = -1  # It takes 17 MB per million rows, and as much time as it saves.
        ivf.precompute_table()
        self._index, self._ivf = index, ivf
        self._projection = faiss.downcast_VectorTransform(index.chain.at(0)) if index.d != ivf.d else None
        self.rows, self.nlist = int(index.ntotal), int(ivf.nlist)
        self._centroids: NDArray[np.float32] = ivf.quantizer.reconstruct_n(0, self.nlist)
        self._sizes, self._list_of = _contents(ivf)

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
        index = faiss.index_factory(dim, plan.factory(n, dim), faiss.METRIC_L2)
        ivf = faiss.downcast_index(faiss.extract_index_ivf(index))
        ivf.cp.niter = 10
        ivf.cp.min_points_per_centroid = ivf.pq.cp.min_points_per_centroid = 1
        sample = np.random.default_rng(0).permutation(n)[: max(10_000, plan.train_rows_per_list * int(ivf.nlist))]
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
        """Write it with a checksum, at once or not at all.

        Raises:
            OSError: the disk is full, say.
        """
        part = path.with_suffix(".part")
        try:
            try:
                faiss.write_index(self._index, str(part))
            except RuntimeError as error:
                raise OSError(errno.EIO, f"the index could not be written ({error})", str(part)) from None
            append_trailer(part)
            put_in_place(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: Path, *, checked: bool = False) -> Ann:
        """Map it into memory.

        Args:
            checked: whether it must bear its checksum; those of former versions do not.

        Raises:
            RuntimeError: it is not there, damaged, or of an older form.
        """
        try:
            bears_checksum = is_whole(path.read_bytes())
        except OSError as error:
            raise RuntimeError(str(error)) from None
        if bears_checksum is False or (checked and bears_checksum is None):  # FAISS maps whatever it is given.
            raise RuntimeError("an index that is not as it was written")
        return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))

    @property
    def resident_bytes(self) -> int:
        """Bytes of codes, row numbers, centres and lists: everything that a search may touch."""
        codes = self._ivf.invlists.compute_ntotal() * (self._ivf.code_size + 8)
        return int(codes + self._centroids.nbytes + self._sizes.nbytes + self._list_of.nbytes)

    def restricted(self, allowed: NDArray[np.bool_]) -> Restriction:
        """What `candidates` needs to find allowed rows alone.

        Args:
            allowed: (rows,).
        """
        counts = np.bincount(self._list_of[allowed], minlength=self.nlist)
        return Restriction(np.packbits(allowed, bitorder="little"), counts)

    def candidates(
        self, query: NDArray[np.float32], depth: int, reach: Reach, only: Restriction | None = None
    ) -> NDArray[np.int64]:
        """At most `depth` rows, best first; lists without any row that may be found are passed over."""
        one_thread()
        near = np.ascontiguousarray(query[None]) if self._projection is None else self._projection.apply(query[None])
        distances = np.empty(self.nlist, np.float32)  # By FAISS, on this thread: BLAS would wake its own.
        faiss.fvec_L2sqr_ny(
            faiss.swig_ptr(distances), faiss.swig_ptr(near), faiss.swig_ptr(self._centroids), self._ivf.d, self.nlist
        )
        probed = _probed(distances, self._sizes if only is None else only.counts, reach)
        depth = min(depth, self.rows)
        found, scores = np.full(depth, -1, np.int64), np.empty(depth, np.float32)
        chosen = faiss.IDSelectorBitmap(only.bits) if only else None
        parameters = faiss.SearchParametersIVF(nprobe=len(probed), sel=chosen)
        coarse = distances[probed]
        if len(probed):
            at = faiss.swig_ptr
            arrays = (at(near), depth, at(probed), at(coarse), at(scores), at(found))
            self._ivf.search_preassigned_c(1, *arrays, False, parameters)
        rows: NDArray[np.int64] = found[found >= 0]
        return rows


def _probed(distances: NDArray[np.float32], counts: NDArray[np.int64], reach: Reach) -> NDArray[np.int64]:
    order = np.argsort(distances)
    order = order[counts[order] > 0]
    enough = int(np.searchsorted(np.cumsum(counts[order]), reach.scan_rows)) + 1
    return np.ascontiguousarray(order[: max(reach.nprobe, min(enough, reach.most_lists))], np.int64)


def _contents(ivf: Any) -> tuple[NDArray[np.int64], NDArray[np.integer[Any]]]:
    """The size of each list, and the list of each row: two bytes a row."""
    sizes = np.array([ivf.invlists.list_size(number) for number in range(ivf.nlist)], np.int64)
    list_of: NDArray[np.integer[Any]] = np.zeros(int(ivf.ntotal), np.uint16 if ivf.nlist <= 1 << 16 else np.uint32)
    for number, size in enumerate(sizes.tolist()):
        if size:
            list_of[faiss.rev_swig_ptr(ivf.invlists.get_ids(number), size)] = number
    return sizes, list_of
