"""Other indexes over the rows that ours is measured on: FAISS's by their factory names, Milvus Lite's, a server's.

Each gives `k` answers, or `rescored` candidates whose cosines are then taken from the raw rows. A case names the
values to combine: `nprobe`, `filters` (shares of matching rows), `rescored` (0: the index's own scores).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log2, sqrt
from pathlib import Path
from time import perf_counter
from typing import Any

import faiss as typed_faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.catalogue import load_catalogue
from benchmarks.speed.results import Result, timings
from benchmarks.speed.run import BenchSettings, Case, parameters
from benchmarks.speed.suites.recall_material import FILTERS, SUPERCATEGORY, TIE, Material
from engine.domain import CollectionSpec, Embeddings, Space
from engine.errors import ModelUnavailable, StoreUnavailable
from engine.filters import EVERYTHING, parse_filter
from models.settings import read_settings

faiss: Any = typed_faiss
_TRAIN_ROWS = 40_000
_CHUNK = 8192
_FIRST_IS_CODES = re.compile(r"^(?:IVF\d+,)?PQ(\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Rows and queries of one space."""

    space: Space
    rows: Embeddings
    anchors: NDArray[np.int32]
    queries: Embeddings

    def limits(self, each: int, k: int) -> list[float]:
        """The k-th best cosine of every query among every `each`-th row."""
        cosines = self.queries @ np.ascontiguousarray(self.rows[::each]).T
        best = -np.partition(-cosines, min(k, cosines.shape[1]) - 1, axis=1)[:, :k]
        return [float(limit) for limit in best.min(axis=1)]

    def recall(self, found: list[NDArray[np.int64]], limits: list[float], k: int) -> float:
        """The share of the k best that is among the first k found."""
        hits = [
            np.count_nonzero(self.rows[rows[:k]] @ query >= limit - TIE)
            for query, rows, limit in zip(self.queries, found, limits, strict=True)
        ]
        return float(np.mean(hits)) / k


def ground(settings: BenchSettings, case: Case, material: Material) -> Ground:
    """The catalogue of a case, in its space."""
    space: Space = case.parameters.get("space", "visual")
    catalogue = load_catalogue(
        material.sample, int(case.parameters["rows"]), settings.work / "cache", supercategory=SUPERCATEGORY
    )
    return Ground(space, catalogue.rows[space], catalogue.anchors, material.queries[space])


def faiss_case(settings: BenchSettings, case: Case, material: Material) -> Iterator[Result]:
    """One FAISS index, by every combination of nprobe, filter and rescoring."""
    on, given = ground(settings, case, material), case.parameters
    n, k = len(on.rows), int(given["k"])
    nlist = max(1, min(1 << round(log2(2 * sqrt(n))), n // 40))
    faiss.omp_set_num_threads(1)
    dim = on.rows.shape[1]
    factory = factory_for(str(given["factory"]).replace("NLIST", str(nlist)), dim)
    index = faiss.index_factory(dim, factory, faiss.METRIC_L2)
    begun = perf_counter()
    index.train(np.ascontiguousarray(on.rows[:: max(1, n // _TRAIN_ROWS)]))
    trained_s, begun = perf_counter() - begun, perf_counter()
    for start in range(0, n, _CHUNK):
        index.add(np.ascontiguousarray(on.rows[start : start + _CHUNK]))
    added_s = perf_counter() - begun
    costs = {"train_s": trained_s, "add_s": added_s, "bytes_per_row": _size(index) / n}
    for share in given["filters"]:
        each = FILTERS[share][1]
        limits = on.limits(each, k)
        for nprobe in given["nprobe"] if nlist > 1 and "IVF" in given["factory"] else [0]:
            search = _faiss_search(index, nprobe, None if each == 1 else np.arange(n) % each == 0)
            for depth in given["rescored"]:
                chosen = {"filter": share, "nprobe": nprobe, "nlist": nlist, "rescored": depth, "filters": None}
                yield _measure(case, on, limits, search, chosen, costs, material.dataset)


def factory_for(factory: str, dim: int) -> str:
    """FAISS's name of the index for rows of so many numbers, with zeros behind them where codes do not divide these.

    Zeros change no distance. An index that brings rows to another length first (PCA, OPQ) divides what it made.
    """
    codes = _FIRST_IS_CODES.search(factory)
    if codes is None or dim % int(codes[1]) == 0:
        return factory
    return f"Pad{-(-dim // int(codes[1])) * int(codes[1])},{factory}"


def _faiss_search(
    index: Any, nprobe: int, allowed: NDArray[np.bool_] | None
) -> Callable[[NDArray[np.float32], int], NDArray[np.int64]]:
    bits = None if allowed is None else np.packbits(allowed, bitorder="little")

    def search(query: NDArray[np.float32], depth: int) -> NDArray[np.int64]:
        chosen = None if bits is None else faiss.IDSelectorBitmap(bits)
        inner = faiss.SearchParametersIVF(nprobe=nprobe, sel=chosen) if nprobe else faiss.SearchParameters(sel=chosen)
        outer = inner
        if isinstance(index, faiss.IndexPreTransform):
            outer = faiss.SearchParametersPreTransform(index_params=inner)
        rows: NDArray[np.int64] = index.search(query[None], depth, params=outer)[1][0]
        return rows[rows >= 0]

    return search


def _size(index: Any) -> int:
    with tempfile.NamedTemporaryFile(suffix=".faiss") as file:
        faiss.write_index(index, file.name)
        return Path(file.name).stat().st_size


def _measure(
    case: Case,
    on: Ground,
    limits: list[float],
    search: Callable[[NDArray[np.float32], int], NDArray[np.int64]],
    chosen: dict[str, Any],
    costs: dict[str, float],
    dataset: str,
) -> Result:
    """Every query twice, the second time timed."""
    k, depth = int(case.parameters["k"]), int(chosen.get("rescored", 0))
    found: list[NDArray[np.int64]] = []
    milliseconds: list[float] = []
    for _ in range(2):
        found, milliseconds = [], []
        for query in on.queries:
            begun = perf_counter()
            rows = search(query, max(k, depth))
            if depth:
                rows = np.sort(rows)
                rows = rows[np.argsort(-(on.rows[rows] @ query))]
            milliseconds.append(1e3 * (perf_counter() - begun))
            found.append(rows[:k])
    return Result(
        suite=case.suite,
        case=case.name,
        parameters={name: v for name, v in parameters(case, **chosen).items() if v is not None},
        **timings(milliseconds),  # type: ignore[arg-type]
        ann_recall=on.recall(found, limits, k),
        figures=costs,
        dataset=dataset,
    )


def milvus_case(settings: BenchSettings, case: Case, material: Material) -> Iterator[Result]:
    """Milvus's own search: of a Lite file, or of the server that THATLOOK_MILVUS_URI names."""
    on = ground(settings, case, material)
    if case.parameters["where"] == "lite":
        yield from _lite(case, on, material)
    else:
        yield from _server(case, on, material)


def _lite(case: Case, on: Ground, material: Material) -> Iterator[Result]:
    from milvus_lite.server_manager import server_manager_instance
    from pymilvus import DataType, MilvusClient

    given = case.parameters
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "bench.db")
        client = MilvusClient(path)
        schema = MilvusClient.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=on.rows.shape[1])
        for each in (2, 10, 100, 1000):
            schema.add_field(f"by{each}", DataType.INT64)
        params = MilvusClient.prepare_index_params()
        params.add_index("embedding", index_type=str(given["kind"]), metric_type="IP", params={})
        client.create_collection("rows", schema=schema, index_params=params)
        begun = perf_counter()
        for start in range(0, len(on.rows), 1000):
            part = range(start, min(len(on.rows), start + 1000))
            shares = [{f"by{each}": row % each for each in (2, 10, 100, 1000)} for row in part]
            client.insert(
                "rows", [{"id": row, "embedding": on.rows[row], **s} for row, s in zip(part, shares, strict=True)]
            )
        client.flush("rows")
        client.load_collection("rows")
        costs = {"build_s": perf_counter() - begun}

        for share in given["filters"]:
            each = FILTERS[share][1]

            def search(query: NDArray[np.float32], depth: int, each: int = each) -> NDArray[np.int64]:
                (hits,) = client.search("rows", [query], limit=depth, filter=f"by{each} == 0" if each > 1 else "")
                return np.array([hit["id"] for hit in hits], np.int64)

            limits = on.limits(each, int(given["k"]))
            chosen = {"filter": share, "filters": None}
            yield _measure(case, on, limits, search, chosen, costs, material.dataset)
        client.close()
        server_manager_instance.release_server(path)


def _server(case: Case, on: Ground, material: Material) -> Iterator[Result]:
    from engine.stores.milvus.connection import MilvusOptions
    from engine.stores.milvus.store import MilvusStore

    uri, given = read_settings().milvus_uri, case.parameters
    if uri is None:
        raise ModelUnavailable("THATLOOK_MILVUS_URI names no server to measure.")
    store = MilvusStore(uri, options=MilvusOptions(index=str(given["kind"]), timeout_s=600, load_s=600))
    name = f"bench_{given['kind'].lower()}"
    store.drop(name)
    try:
        store.ensure(CollectionSpec(name, on.rows.shape[1], "bench"))
        begun = perf_counter()
        for start in range(0, len(on.rows), _CHUNK):
            rows = np.asarray(on.rows[start : start + _CHUNK])
            store.upsert(name, material.items(on.anchors[start : start + len(rows)].tolist(), start), rows)
        costs = {"build_s": perf_counter() - begun}
        for share in given["filters"]:
            words, each = FILTERS[share]
            where = parse_filter([words]) if words else EVERYTHING

            def search(query: NDArray[np.float32], depth: int, where: Any = where) -> NDArray[np.int64]:
                (answer,) = store.search(name, query[None], depth, where)
                return np.array([int(item.removeprefix("bench-")[:8]) for item in answer.item_ids], np.int64)

            limits = on.limits(each, int(given["k"]))
            for depth in given["rescored"]:
                chosen = {"filter": share, "rescored": depth, "filters": None}
                yield _measure(case, on, limits, search, chosen, costs, material.dataset)
    except StoreUnavailable as error:
        raise ModelUnavailable(f"The server at {uri} gave up: {error.message}") from error
    finally:
        store.drop(name)
        store.close()
