"""Which index a Milvus server gets and how widely it is probed: read from `milvus.toml`, which says why."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import ceil, sqrt
from typing import Any

EXACT_KINDS = ("FLAT", "IVF_FLAT")
"""Index types whose scores are exact cosines of the stored embeddings; those of other types are approximate."""


@dataclass(frozen=True, slots=True)
class MilvusPlan:
    """The choice for one server version."""

    kind: str
    nlist: int
    nprobe: int
    numbers_per_code: int
    nbits: int
    exact_rows: int
    scan_rows: int
    pooled: int
    pooled_per_root: float
    counted_s: float
    batch_rows: int

    def index_params(self, dim: int) -> dict[str, int]:
        """Build parameters of the index."""
        params = {"nlist": self.nlist}
        if self.kind == "IVF_PQ":
            params |= {"m": _divisor(dim, max(1, dim // self.numbers_per_code)), "nbits": self.nbits}
        return params

    def pool(self, matching: int) -> int:
        """Rows that each embedding gives to the fused order, among so many."""
        return max(self.pooled, round(self.pooled_per_root * sqrt(matching)))

    def probes(self, matching: int) -> int:
        """nprobe where so many rows match: enough lists to meet `scan_rows` of them, and `nprobe` at least."""
        return min(self.nlist, max(self.nprobe, ceil(self.nlist * self.scan_rows / max(matching, 1))))


def _divisor(dim: int, wanted: int) -> int:
    """The greatest number of codes, at most `wanted`, that divides the embedding evenly."""
    return next(m for m in range(wanted, 0, -1) if dim % m == 0)


def plan_for(version: str, kind: str | None = None) -> MilvusPlan:
    """The plan for a server's version, such as `v2.3.5-lite`; `kind` asks for another index type."""
    data = _data()
    rows: list[dict[str, Any]] = data["index"]
    chosen = next(row for row in rows if not row["before"] or _numbers(version) < _numbers(row["before"]))
    chosen = next((row for row in rows if row["type"] == kind), chosen)
    return MilvusPlan(
        kind=kind or chosen["type"],
        nlist=chosen["nlist"],
        nprobe=chosen["nprobe"],
        numbers_per_code=chosen.get("numbers_per_code", 8),
        nbits=chosen.get("nbits", 8),
        **data["search"],
    )


def _numbers(version: str) -> tuple[int, ...]:
    """`v2.3.5-lite` → (2, 3, 5)."""
    parts = version.lstrip("v").split("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("engine.stores").joinpath("milvus.toml").read_text("utf-8"))
