"""The choices of the derived index as a value; `plan.toml` holds the defaults and what was measured for them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import log2, sqrt


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a search goes: the nearest lists, `nprobe` at least, and more until they held `scan_rows` rows that may
    be found or were `most_lists`.
    """

    nprobe: int
    scan_rows: int
    most_lists: int

    def wider(self, times: int) -> Reach:
        """So many times as far."""
        return Reach(times * self.nprobe, times * self.scan_rows, times * self.most_lists)


@dataclass(frozen=True, slots=True)
class IvfpqPlan:
    """When to index, how to build, how widely to probe."""

    min_rows: int = 10_000
    exact_rows: int = 2_000
    growth: float = 1.5
    tail_rows: int = 2_000
    dead_share: float = 0.3
    fold_rows: int = 8_192
    projected: int = 128
    code_count: int = 128
    lists_per_root: float = 2.0
    train_rows_per_list: int = 40
    nprobe: int = 64
    probed_share: float = 0.0625
    scan_rows: int = 2_000
    most_lists: int = 160
    candidates: int = 200
    pooled: int = 200
    pooled_per_root: float = 1.5

    def reach(self, nlist: int) -> Reach:
        """How far a search goes at first, among so many lists."""
        return Reach(max(self.nprobe, round(self.probed_share * nlist)), self.scan_rows, self.most_lists)

    def nlist(self, rows: int) -> int:
        """Inverted lists for so many rows: a power of two, and at least `train_rows_per_list` rows for each."""
        lists = 1 << round(log2(max(1.0, self.lists_per_root * sqrt(rows))))
        return max(1, min(lists, rows // self.train_rows_per_list))

    def factory(self, rows: int, dim: int) -> str:
        """FAISS's name for the index of so many rows: PCA where there is enough to learn it from, then IVFPQ."""
        projected = self.projected if dim > self.projected and rows >= 2 * self.projected else dim
        transform = f"PCA{projected}," if projected < dim else ""
        return f"{transform}IVF{self.nlist(rows)},PQ{self.codes(projected)}x4fsr"

    def codes(self, dim: int) -> int:
        """Codes per row: as many as numbers, or `code_count`, or fewer, so that they divide the numbers evenly."""
        return next(m for m in range(min(self.code_count, dim), 0, -1) if dim % m == 0)

    def depth(self, k: int) -> int:
        """Candidates to rescore for k answers."""
        return max(self.candidates, 2 * k)

    def pool(self, rows: int) -> int:
        """Candidates of each space for the fused search, among so many matching rows."""
        return max(self.pooled, round(self.pooled_per_root * sqrt(rows)))

    def tail_due(self, rows: int, indexed: int) -> bool:
        """Whether the index is to take in the rows behind those that it covers."""
        return 0 < indexed < rows - self.tail_rows

    def due(self, rows: int, dead: int, learned: int) -> bool:
        """Whether a generation with so many rows in all, dead ones, and ones its index learned from, is rebuilt."""
        living = rows - dead
        if rows >= self.min_rows and dead > self.dead_share * rows:
            return True
        return living >= self.min_rows and rows >= self.growth * learned


@cache
def default_plan() -> IvfpqPlan:
    """The measured defaults."""
    return IvfpqPlan(**tomllib.loads(files("engine.stores.ivfpq").joinpath("plan.toml").read_text("utf-8")))
