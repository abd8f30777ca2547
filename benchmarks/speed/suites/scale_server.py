"""The same search on a Milvus server: beside the embedded store's, on the same rows and photos, in one run.

A photo is three garments that were seen before, so that nothing but the search is asked for. Both stores are asked in
turn, photo by photo: whatever else the machine does meets both alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from benchmarks.speed.bare import BareStore
from benchmarks.speed.milvus_process import milvus_process
from benchmarks.speed.milvus_rows import INDEXED_WITHIN_S, copy_rows
from benchmarks.speed.results import Result, timings
from benchmarks.speed.run import Case, parameters
from benchmarks.speed.suites.recall import EveryProduct
from benchmarks.speed.suites.recall_material import FILTERS, SUPERCATEGORY, Material
from engine.domain import SPACES, CollectionSpec, Hit
from engine.errors import ModelUnavailable
from engine.filters import EVERYTHING, parse_filter
from engine.retrieval.search import QueryVectors, Searcher
from engine.stores.milvus.store import MilvusStore
from engine.taxonomy import collection_name
from models.bootstrap import milvus_options
from models.settings import read_settings

GARMENTS = 3
_CLIENTS = 4
_TIE = 1e-5
"""Scores nearer to each other than this are equal: what comes from memory is rounded to two bytes a number."""
Photo = list[tuple[QueryVectors, list[str]]]
Lists = list[tuple[Hit, ...]]


def on_server(case: Case, bare: BareStore, material: Material, say: Callable[[str], object]) -> Result:
    """One size on the server that THATLOOK_MILVUS_URI names, else on one that is started for it.

    Raises:
        ServerMissing: none can be had.
        ModelUnavailable: it holds a catalogue, which is left alone, or does not index the rows.
    """
    with _server() as (uri, sent_bytes):
        settings = read_settings()
        token = settings.milvus_token.get_secret_value() if settings.milvus_token else ""
        store = MilvusStore(uri, token, milvus_options(settings))
        names = [collection_name(SUPERCATEGORY, space) for space in SPACES]
        if set(names) & set(store.collections()):
            store.close()
            raise ModelUnavailable(f"The server at {uri} holds a catalogue; measure on an empty one.")
        try:
            return _measured(case, store, bare, material, sent_bytes, say)
        finally:
            for name in names:
                store.drop(name)
            store.close()


@contextmanager
def _server() -> Iterator[tuple[str, Callable[[], int] | None]]:
    """The server's address, and how many bytes it has sent so far, where that can be told."""
    if uri := read_settings().milvus_uri:
        yield uri, None
        return
    with milvus_process() as started:
        yield started.uri, started.sent_bytes


def _measured(
    case: Case,
    store: MilvusStore,
    bare: BareStore,
    material: Material,
    sent_bytes: Callable[[], int] | None,
    say: Callable[[str], object],
) -> Result:
    k, n = int(case.parameters["k"]), int(case.parameters["photos"])
    every = _photos(material, 2 * n)
    photos, unseen = every[:n], every[n:]
    specs = [
        CollectionSpec(name, bare.indexes[name].view().vectors.shape[1], "bench")
        for name in (collection_name(SUPERCATEGORY, space) for space in SPACES)
    ]
    write_s = copy_rows(store, bare, specs, say)
    say("the server has its index; warming up")
    both = {
        name: Searcher(each, EveryProduct(), material.calibrations)  # type: ignore[arg-type]
        for name, each in {"embedded": bare, "server": store}.items()
    }
    first, _ = _asked(both, photos, k)
    store.at_hand(INDEXED_WITHIN_S)
    new = _side_by_side(both, unseen, k, 1.0)
    store.at_hand(INDEXED_WITHIN_S)
    plain, filtered = _asked(both, photos, k)
    before = sent_bytes() if sent_bytes else 0
    rates = {name: _rate(searcher, photos, k) for name, searcher in both.items()}
    sent = sent_bytes() - before if sent_bytes else 0
    return Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case, garments=GARMENTS),
        **timings(plain.took_ms["server"]),  # type: ignore[arg-type]
        figures={
            "times_embedded": plain.p50("server") / plain.p50("embedded"),
            "embedded_p50_ms": plain.p50("embedded"),
            "same_lists": plain.same / plain.lists,
            "filter_1pct_p50_ms": filtered.p50("server"),
            "filter_1pct_times_embedded": filtered.p50("server") / filtered.p50("embedded"),
            "filter_1pct_same_lists": filtered.same / filtered.lists,
            "four_clients_per_s": rates["server"],
            "four_clients_embedded_per_s": rates["embedded"],
            "first_photos_p50_ms": first.p50("server"),
            "new_photo_p50_ms": new.p50("server"),
            "write_s": write_s,
            **({"bytes_per_photo": sent / len(photos)} if sent_bytes else {}),
        },
        dataset=material.dataset,
    )


def _photos(material: Material, n: int) -> list[Photo]:
    queries = material.more_queries(n * GARMENTS)
    vectors = [QueryVectors(v, s) for v, s in zip(queries["visual"], queries["semantic"], strict=True)]
    return [[(one, [SUPERCATEGORY]) for one in vectors[at : at + GARMENTS]] for at in range(0, len(vectors), GARMENTS)]


@dataclass(slots=True)
class _Seen:
    """Photos asked of both stores: milliseconds, and how many lists of hits are the same."""

    took_ms: dict[str, list[float]] = field(default_factory=dict)
    lists: int = 0
    same: int = 0

    def p50(self, name: str) -> float:
        """The median of one store."""
        return float(np.median(self.took_ms[name]))


def _asked(both: Mapping[str, Searcher], photos: list[Photo], k: int) -> tuple[_Seen, _Seen]:
    """Without a filter, and under one that leaves 1 %."""
    return _side_by_side(both, photos, k, 1.0), _side_by_side(both, photos, k, 0.01)


def _side_by_side(both: Mapping[str, Searcher], photos: list[Photo], k: int, share: float) -> _Seen:
    words, _ = FILTERS[share]
    where, seen = parse_filter([words]) if words else EVERYTHING, _Seen()
    for photo in photos:
        answers: list[Lists] = []
        for name, searcher in both.items():
            begun = time.perf_counter()
            answers.append(searcher.search_each(photo, k, where))
            seen.took_ms.setdefault(name, []).append(1000 * (time.perf_counter() - begun))
        seen.lists += len(photo)
        seen.same += sum(_same(one, other) for one, other in zip(*answers, strict=True))
    return seen


def _same(one: tuple[Hit, ...], other: tuple[Hit, ...]) -> bool:
    """The same products in the same order, or others whose scores are equal."""
    return len(one) == len(other) and all(
        a.product.product_id == b.product.product_id or abs(a.score - b.score) <= _TIE
        for a, b in zip(one, other, strict=True)
    )


def _rate(searcher: Searcher, photos: list[Photo], k: int) -> float:
    """Photos answered per second with four clients, each photo once; whatever is refused raises."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        list(pool.map(lambda photo: searcher.search_each(photo, k), photos))
    return len(photos) / (time.perf_counter() - begun)
