"""Which index a Milvus server gets and how widely it is probed: read from `milvus.toml`, which says why."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import log2, sqrt
from typing import Any


@dataclass(frozen=True, slots=True)
class MilvusPlan:
    """The choice for one server version."""

    kind: str
    nprobe: int
    numbers_per_code: int
    nbits: int
    segment_bytes: int
    lists_per_root: int
    exact_rows: int
    widen_below: float
    batch_rows: int

    def nlist(self, dim: int) -> int:
        """Lists per segment, a power of two near `lists_per_root` · sqrt(rows of a full segment)."""
        lists = self.lists_per_root * sqrt(self.segment_bytes / (4 * dim))
        return int(min(16384, max(64, 2 ** round(log2(lists)))))

    def index_params(self, dim: int) -> dict[str, int]:
        """Build parameters of the index."""
        params = {"nlist": self.nlist(dim)}
        if self.kind == "IVF_PQ":
            params |= {"m": _divisor(dim, max(1, dim // self.numbers_per_code)), "nbits": self.nbits}
        return params

    def probes(self, dim: int, share: float) -> int:
        """nprobe where a filter leaves this share of the rows."""
        wanted = self.nprobe * max(1.0, self.widen_below / max(share, 1e-9))
        return int(min(self.nlist(dim), wanted))


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
        nprobe=chosen["nprobe"],
        numbers_per_code=chosen.get("numbers_per_code", 8),
        nbits=chosen.get("nbits", 8),
        segment_bytes=data["segment"]["bytes"],
        lists_per_root=data["segment"]["lists_per_root"],
        **data["search"],
    )


def _numbers(version: str) -> tuple[int, ...]:
    """`v2.3.5-lite` → (2, 3, 5)."""
    parts = version.lstrip("v").split("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("engine.stores").joinpath("milvus.toml").read_text("utf-8"))
