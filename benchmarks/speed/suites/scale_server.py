"""The same search on a Milvus server: beside the embedded store's, on the same rows and queries, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.speed.bare import BareStore
from benchmarks.speed.results import Result, timings
from benchmarks.speed.run import Case, parameters
from benchmarks.speed.suites.recall import Measured, ask, search_both
from benchmarks.speed.suites.recall_material import SUPERCATEGORY, Material
from engine.domain import SPACES, CollectionSpec
from engine.errors import ModelUnavailable
from engine.filters import EVERYTHING
from engine.stores.milvus.store import MilvusStatus, MilvusStore
from engine.taxonomy import collection_name
from models.bootstrap import milvus_options
from models.settings import read_settings

_BATCH = 1000
_INDEXED_WITHIN_S = 900.0
_CLIENTS = 4


def on_server(case: Case, bare: BareStore, material: Material, say: Callable[[str], object]) -> Result:
    """One size on the server that THATLOOK_MILVUS_URI names; what was written there is dropped afterwards.

    Raises:
        ModelUnavailable: there is none, or it holds a catalogue, which is left alone.
    """
    settings = read_settings()
    if settings.milvus_uri is None:
        raise ModelUnavailable("THATLOOK_MILVUS_URI names no server to measure.")
    token = settings.milvus_token.get_secret_value() if settings.milvus_token else ""
    store = MilvusStore(settings.milvus_uri, token, milvus_options(settings))
    names = [collection_name(SUPERCATEGORY, space) for space in SPACES]
    if set(names) & set(store.collections()):
        store.close()
        raise ModelUnavailable("The server that THATLOOK_MILVUS_URI names holds a catalogue; measure on an empty one.")
    try:
        return _measured(case, store, bare, material, say)
    finally:
        for name in names:
            store.drop(name)
        store.close()


def _measured(
    case: Case, store: MilvusStore, bare: BareStore, material: Material, say: Callable[[str], object]
) -> Result:
    n, k = int(case.parameters["rows"]), int(case.parameters["k"])
    write_s = _fill(store, bare, say)
    embedded = search_both(bare, material, n, 1.0, k)
    plain = search_both(bare, material, n, 1.0, k, searched=store)
    filtered = search_both(bare, material, n, 0.01, k, searched=store)
    return Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case),
        **timings(plain.milliseconds),  # type: ignore[arg-type]
        ann_recall=plain.recall["fused"],
        stages_ms=plain.stages_ms,
        figures={
            "times_embedded": _p50(plain) / _p50(embedded),
            "embedded_p50_ms": _p50(embedded),
            "filter_1pct_p50_ms": _p50(filtered),
            "filter_1pct_recall": filtered.recall["fused"],
            "first_ms": plain.first_ms,
            "four_clients_per_s": _rate(store, material, k),
            "write_s": write_s,
        },
        dataset=material.dataset,
    )


def _fill(store: MilvusStore, bare: BareStore, say: Callable[[str], object]) -> float:
    """Write the embedded store's rows, and wait until they are indexed; seconds of writing."""
    begun = time.monotonic()
    for space in SPACES:
        name = collection_name(SUPERCATEGORY, space)
        index = bare.indexes[name]
        view = index.view()
        store.ensure(CollectionSpec(name, view.vectors.shape[1], "bench"))
        for start in range(0, view.n, _BATCH):
            ids = [view.ids(row).item_id for row in range(start, min(view.n, start + _BATCH))]
            store.upsert(name, [item for item in index.items(ids) if item], index.embeddings(ids)[0])
        say(f"{view.n:,} {space} rows are on the server")
    write_s = time.monotonic() - begun
    for name in (collection_name(SUPERCATEGORY, space) for space in SPACES):
        store.seal(name)
        while not _indexed(next(each for each in store.status() if each.name == name)):
            if time.monotonic() - begun > write_s + _INDEXED_WITHIN_S:
                raise ModelUnavailable(f"The server did not index {name} within {_INDEXED_WITHIN_S:.0f} s.")
            time.sleep(1.0)
        store.reload(name)
    return write_s


def _indexed(status: MilvusStatus) -> bool:
    """Whether the index is built; a server builds none for a thousand rows."""
    return not status.pending_rows and (status.rows <= 2 * _BATCH or status.indexed_rows >= status.rows)


def _rate(store: MilvusStore, material: Material, k: int) -> float:
    """Answers per second with four clients, each query once."""
    queries = range(len(material.queries["visual"]))
    begun = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        list(pool.map(lambda query: ask(store, material, query, EVERYTHING, k), queries))
    return len(queries) / (time.perf_counter() - begun)


def _p50(measured: Measured) -> float:
    return float(np.median(measured.milliseconds))
