"""`thatlook bench recall`: agreement with exact search by index, filter and state of the rows, and what it costs.

`embedded` is the search as it is served: candidates from both embeddings, their union rescored and fused. `faiss` cases
are indexes by themselves over the same rows, with and without rescoring; Milvus cases go through its client.
Recall is that of the k best: a row counts as found when it scores no less than the k-th true one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.bare import BareStore
from benchmarks.speed.home import product_id_of
from benchmarks.speed.results import Result, Work, timings
from benchmarks.speed.run import BenchSettings, Case, parameters
from benchmarks.speed.suites.index import Built, build_bare, open_bare
from benchmarks.speed.suites.recall_indexes import faiss_case, milvus_case
from benchmarks.speed.suites.recall_material import FILTERS, SUPERCATEGORY, TIE, Material, gather
from engine.domain import SPACES, Embeddings, Product, Space
from engine.errors import ThatLookError
from engine.filters import EVERYTHING, Filter, parse_filter
from engine.retrieval.fusion import DEFAULTS, fuse, log_odds
from engine.retrieval.search import Calibrations, QueryVectors, Searcher
from engine.system.clock import Stopwatch
from engine.taxonomy import collection_name

_BLOCK = 32_768


def run(settings: BenchSettings) -> Iterable[Result]:
    """Every case in turn; one whose server or package is missing is told and left out."""
    kinds: dict[str, Callable[[BenchSettings, Case, Material], Iterator[Result]]] = {
        "embedded": embedded_case,
        "changes": changes_case,
        "faiss": faiss_case,
        "milvus": milvus_case,
    }
    material = gather(settings)
    for case in settings.cases:
        try:
            yield from kinds[str(case.parameters["index"])](settings, case, material)
        except (ThatLookError, ImportError) as error:
            settings.say(f"{case.name}: left out. {error}")


def embedded_case(settings: BenchSettings, case: Case, material: Material) -> Iterator[Result]:
    """The served search over paired indexes of so many rows, for one share of matching rows."""
    n, share = int(case.parameters["rows"]), float(case.parameters["filter"])
    material = replace(material, queries=material.more_queries(int(case.parameters["queries"])))
    folder = settings.work / "bare" / str(n)
    built = build_bare(folder, material.expander, n, say=settings.say)
    begun = perf_counter()
    store = open_bare(folder, material.expander)
    opened_s = perf_counter() - begun
    measured = search_both(store, material, n, share, int(case.parameters["k"]))
    resident = max(store.indexes[name].status(name).resident_bytes for name in store.collections())
    store.close()
    yield Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case),
        **timings(measured.milliseconds),  # type: ignore[arg-type]
        ann_recall=measured.recall["fused"],
        stages_ms=measured.stages_ms,
        figures={
            **{f"ann_recall_{space}": measured.recall[space] for space in SPACES},
            "first_ms": measured.first_ms,
            "opened_s": opened_s,
            "resident_bytes_per_row": resident / n,
            **build_figures(built),
        },
        work=Work(gbyte=1e-9 * _least_bytes(store, material)),
        dataset=material.dataset,
        note="Candidates and rescoring of both embeddings, one row a product, one thread.",
    )


def _least_bytes(store: BareStore, material: Material) -> float:
    """What a search must read: the codes of the probed lists, and every candidate's embeddings in both spaces."""
    least = 0.0
    for space in SPACES:
        index = store.indexes[collection_name(SUPERCATEGORY, space)]
        ann, plan = index.view().ann, index.plan
        scanned = ann.rows * min(1.0, plan.nprobe / ann.nlist) if ann else 0.0
        candidates = len(SPACES) * plan.pool(ann.rows) if ann else 0
        least += 64 * scanned + 4 * material.queries[space].shape[1] * candidates
    return least


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Both spaces' search over many queries."""

    milliseconds: list[float]
    stages_ms: dict[str, float]
    recall: dict[str, float]
    first_ms: float


def search_both(
    store: BareStore,
    material: Material,
    n: int,
    share: float,
    k: int,
    kept: NDArray[np.bool_] | None = None,
) -> Measured:
    """Every query once, after one round to warm the pages; exact search beside it.

    Args:
        kept: (n,) rows that are still there; all where not given.
    """
    words, each = FILTERS[share]
    where = parse_filter([words]) if words else EVERYTHING
    allowed = np.arange(n) % each == 0
    truth = true_scores(store, material, allowed if kept is None else allowed & kept, k)
    searcher = Searcher(store, EveryProduct(), material.calibrations)  # type: ignore[arg-type]
    rounds = [_ask(searcher, material, query, where, k) for query in _twice(len(material.queries["visual"]))]
    asked = rounds[len(rounds) // 2 :]
    found = {"fused": _share(asked, truth["fused"], k)}
    for space in SPACES:
        answers = store.search(collection_name(SUPERCATEGORY, space), material.queries[space], k, where)
        hits = [_hits(answer.scores, limit, k) for answer, limit in zip(answers, truth[space], strict=True)]
        found[space] = float(np.mean(hits))
    stages = {name: float(np.median([one.timing[name] for one in asked])) for name in ("candidates", "rescore")}
    return Measured([one.ms for one in asked], stages, found, rounds[0].ms)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    ms: float
    timing: dict[str, float]
    scores: NDArray[np.float32]


def _twice(n: int) -> list[int]:
    return [*range(n), *range(n)]


def _ask(searcher: Searcher, material: Material, query: int, where: Filter, k: int) -> _Asked:
    query_vectors = QueryVectors(material.queries["visual"][query], material.queries["semantic"][query])
    watch = Stopwatch()
    hits = searcher.search(query_vectors, [SUPERCATEGORY], k, where, DEFAULTS["photo"], watch)
    timing = dict(watch.timing_ms())
    return _Asked(timing["candidates"] + timing["rescore"], timing, np.array([hit.score for hit in hits], np.float32))


def _share(asked: list[_Asked], limits: list[float], k: int) -> float:
    return float(np.mean([_hits(one.scores, limit, k) for one, limit in zip(asked, limits, strict=True)]))


def _hits(scores: NDArray[np.float32], limit: float, k: int) -> float:
    """The share of the k best that was found; `limit` is the k-th true score."""
    return float(np.count_nonzero(scores[:k] >= limit - TIE)) / k


def true_scores(store: BareStore, material: Material, allowed: NDArray[np.bool_], k: int) -> dict[str, list[float]]:
    """The k-th best score of every query among the allowed rows, by space and fused, by looking at every row."""
    views = {space: store.indexes[collection_name(SUPERCATEGORY, space)].view() for space in SPACES}
    rows = np.flatnonzero(allowed)
    best: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        cosines: dict[Space, Embeddings] = {s: material.queries[s] @ views[s].vectors[part].T for s in SPACES}
        scored: dict[str, Embeddings] = {"fused": _fused(cosines, material.calibrations)}
        scored.update({str(space): each for space, each in cosines.items()})
        for name, scores in scored.items():
            whole = np.concatenate([best[name], scores], axis=1) if name in best else scores
            best[name] = -np.partition(-whole, min(k, whole.shape[1]) - 1, axis=1)[:, :k]
    return {name: scores.min(axis=1).tolist() for name, scores in best.items()}


def _fused(cosines: dict[Space, Embeddings], calibrations: Calibrations) -> NDArray[np.float32]:
    visual = log_odds(cosines["visual"], calibrations.visual)
    semantic = log_odds(cosines["semantic"], calibrations.semantic)
    weights = DEFAULTS["photo"]
    return np.stack([fuse({"visual": v, "semantic": s}, weights) for v, s in zip(visual, semantic, strict=True)])


class EveryProduct:
    """A ledger that has a product for every id."""

    def products(self, product_ids: Iterable[str]) -> dict[str, Product]:
        """Products without words."""
        return {name: Product(name, name, "", ()) for name in product_ids}


def changes_case(settings: BenchSettings, case: Case, material: Material) -> Iterator[Result]:
    """Right after opening, after 20 % of the rows were deleted and 20 % replaced, and after the rebuild that brings."""
    n, k = int(case.parameters["rows"]), int(case.parameters["k"])
    folder = settings.work / "bare" / f"changes-{n}"
    _discard(folder)
    build_bare(folder, material.expander, n, say=settings.say)
    store = open_bare(folder, material.expander)
    kept = np.ones(n, bool)
    yield _state_result(case, "opened", material, search_both(store, material, n, 1.0, k))
    gone = np.arange(n) % 5 == 1
    store_changes(store, material, gone, n)
    for name in store.collections():
        store.indexes[name].wait()  # A second at most, in which the new rows go into the index.
    kept[gone] = False
    kept = np.append(kept, np.ones(int(gone.sum()), bool))
    yield _state_result(case, "20 % deleted, 20 % new", material, search_all(store, material, kept, k))
    begun = perf_counter()
    for name in store.collections():
        store.indexes[name].rebuild()
    rebuilt = perf_counter() - begun
    rows = np.ones(int(kept.sum()), bool)
    result = _state_result(case, "rebuilt", material, search_all(store, material, rows, k), rebuild_s=rebuilt)
    store.close()
    _discard(folder)
    yield result


def search_all(store: BareStore, material: Material, kept: NDArray[np.bool_], k: int) -> Measured:
    """`search_both` without a filter, over a store whose rows have changed."""
    return search_both(store, material, len(kept), 1.0, k, kept)


def store_changes(store: BareStore, material: Material, gone: NDArray[np.bool_], n: int) -> None:
    """Delete these rows, and write as many that the index has never seen."""
    fresh, anchors = material.expander.chunk(1_000_000)
    count = int(gone.sum())
    numbers = np.arange(count) % len(anchors)
    items = material.items(anchors[numbers].tolist(), n)
    for space in SPACES:
        name = collection_name(SUPERCATEGORY, space)
        store.delete_products(name, [product_id_of(int(row)) for row in np.flatnonzero(gone)])
        store.upsert(name, items, fresh[space][numbers])


def _state_result(case: Case, state: str, material: Material, measured: Measured, **more: float) -> Result:
    return Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case, state=state),
        **timings(measured.milliseconds),  # type: ignore[arg-type]
        ann_recall=measured.recall["fused"],
        stages_ms=measured.stages_ms,
        figures={"first_ms": measured.first_ms, **more},
        dataset=material.dataset,
    )


def build_figures(built: dict[Space, Built]) -> dict[str, float]:
    """What building cost: seconds in all, bytes a row of the larger collection."""
    return {
        "write_s": sum(one.write_s for one in built.values()),
        "index_s": sum(one.index_s for one in built.values()),
        "disk_bytes_per_row": max(one.disk_bytes / one.rows for one in built.values()),
        "codes_bytes_per_row": max(one.codes_bytes / one.rows for one in built.values()),
    }


def _discard(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
