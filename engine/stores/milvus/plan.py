"""What a Milvus server of a version can, which indexes it gets and how widely they are probed; see `milvus.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import ceil, log2, sqrt
from typing import Any

from engine.stores.milvus.rows import GROUP, TERMS

EXACT_KINDS = ("FLAT", "IVF_FLAT")
"""Index types whose scores are exact cosines of the stored embeddings; those of other types are approximate."""


@dataclass(frozen=True, slots=True)
class ServerCan:
    """What servers of one version can: a row of `milvus.toml`.

    Attributes:
        terms_index, product_index, price_index: index types of scalar fields, of variant groups as of products;
            empty for none.
        warm_up: raw fields can be told to be loaded at once.
        refined: index types that can rescore on raw embeddings; defects: those that give wrong distances.
    """

    since: str
    terms_index: str
    product_index: str
    price_index: str
    warm_up: bool
    refined: tuple[str, ...]
    defects: tuple[str, ...]

    def scalar_indexes(self) -> dict[str, str]:
        """Field → index type, of those that are indexed."""
        words = {"product_id": self.product_index, GROUP: self.product_index}
        wanted = {TERMS: self.terms_index, **words, "price": self.price_index}
        return {name: kind for name, kind in wanted.items() if kind}


@dataclass(frozen=True, slots=True)
class MilvusPlan:
    """The choices for one server."""

    can: ServerCan
    kind: str
    nlist: int
    nlist_per_root: float
    most_lists: int
    nprobe: int
    numbers_per_code: int
    nbits: int
    refine_type: str
    refine_k: int
    exact_rows: int
    scan_rows: int
    listed_rows: int
    pooled: int
    pooled_per_root: float
    counted_s: float
    batch_rows: int

    def index_params(self, dim: int, rows: int = 0) -> dict[str, Any]:
        """Build parameters of the index for a collection that has so many rows already."""
        params: dict[str, Any] = {"nlist": self.lists(rows)}
        if self.kind == "IVF_PQ":
            params |= {"m": _divisor(dim, max(1, dim // self.numbers_per_code)), "nbits": self.nbits}
        if self.kind in self.can.refined:
            params |= {"refine": True, "refine_type": self.refine_type}
        return params

    def search_params(self, index: Mapping[str, Any], nprobe: int) -> dict[str, Any]:
        """Parameters of a search through an index as the server describes it."""
        return {"nprobe": nprobe, "refine_k": self.refine_k} if _is_refined(index) else {"nprobe": nprobe}

    def lists(self, rows: int) -> int:
        """nlist for so many rows: a power of two."""
        wanted = self.nlist_per_root * sqrt(rows)
        return int(min(self.most_lists, max(self.nlist, 2 ** round(log2(max(wanted, 1))))))

    def pool(self, matching: int) -> int:
        """Rows that each embedding gives to the fused order, among so many."""
        return max(self.pooled, round(self.pooled_per_root * sqrt(matching)))

    def probes(self, matching: int, nlist: int | None = None) -> int:
        """nprobe where so many rows match: enough lists to meet `scan_rows` of them, and `nprobe` at least."""
        lists = nlist or self.nlist
        return min(lists, max(self.nprobe, ceil(lists * self.scan_rows / max(matching, 1))))


def scores_exactly(index: Mapping[str, Any]) -> bool:
    """Whether an index, as the server describes it, gives exact cosines."""
    return index.get("index_type") in EXACT_KINDS or (_is_refined(index) and index.get("refine_type") == "FP32")


def lists_of(index: Mapping[str, Any], otherwise: int) -> int:
    """nlist of an index, as the server describes it."""
    return int(index.get("nlist") or otherwise)


def server_can(version: str) -> ServerCan:
    """The row of the table that holds for a server's version, such as `v2.3.5-lite`; the first one for older ones."""
    rows = [ServerCan(**{**row, "refined": tuple(row["refined"]), "defects": tuple(row["defects"])}) for row in _rows()]
    asked = _numbers(version)
    return next((row for row in reversed(rows) if _numbers(row.since) <= asked), rows[0])


def plan_for(version: str, kind: str | None = None) -> MilvusPlan:
    """The plan for a server's version; `kind` asks for another index type."""
    data = _data()
    index = {name: value for name, value in data["index"].items() if name != "type"}
    return MilvusPlan(can=server_can(version), kind=kind or data["index"]["type"], **index, **data["search"])


def _is_refined(index: Mapping[str, Any]) -> bool:
    return str(index.get("refine", "")).lower() == "true"


def _divisor(dim: int, wanted: int) -> int:
    """The greatest number of codes, at most `wanted`, that divides the embedding evenly."""
    return next(m for m in range(wanted, 0, -1) if dim % m == 0)


def _numbers(version: str) -> tuple[int, ...]:
    """`v2.3.5-lite` → (2, 3, 5); a version that tells no numbers (`master-2026…`) counts as the newest."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in found[1].split(".")) if found else (10**9,)


def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _data()["server"]
    return rows


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("engine.stores.milvus").joinpath("milvus.toml").read_text("utf-8"))
