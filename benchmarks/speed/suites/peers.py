"""`thatlook bench compare`: thatlook beside what one would do instead, in one run, on the same photos and embeddings.

`seed-photo`: a photo to products by the naive baseline and by thatlook (`naive.py`). `index-…`: nearest neighbours of
the same queries in the same rows by other indexes, each with the defaults that its documentation shows; those that are
no requirement of thatlook are measured where they are installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.speed.results import Result, timings
from benchmarks.speed.run import BenchSettings, Case, dataset_hash, parameters
from benchmarks.speed.suites.index_peers import PEERS, Built
from benchmarks.speed.suites.naive import run_seed
from engine.domain import Embeddings
from engine.errors import ThatLookError
from models.bootstrap import build_pipeline
from models.settings import read_settings


@dataclass(frozen=True, slots=True)
class Vectors:
    """Rows and queries of one space, and the true neighbours."""

    rows: Embeddings
    queries: Embeddings
    truth: Any
    dataset: str


def run(settings: BenchSettings) -> Iterable[Result]:
    """Every case in turn; a side that is not installed is told and left out."""
    for case in settings.cases:
        try:
            yield from run_seed(settings, case) if case.name.startswith("seed") else _index(settings, case)
        except (ThatLookError, ImportError) as error:
            settings.say(f"{case.name}: left out. {error}")


def _index(settings: BenchSettings, case: Case) -> Iterator[Result]:
    """One index over the visual rows of a catalogue."""
    vectors = _vectors(settings, case)
    folder = settings.work / "peers" / case.name
    folder.mkdir(parents=True, exist_ok=True)
    started = perf_counter()
    with PEERS[str(case.parameters["index"])](folder, vectors.rows) as built:
        build_s = perf_counter() - started
        yield _index_result(case, vectors, built, build_s)


def _index_result(case: Case, vectors: Vectors, built: Built, build_s: float) -> Result:
    k = int(case.parameters["k"])
    built.search(vectors.queries[0], k)
    samples, agreeing = [], 0
    for query, true in zip(vectors.queries, vectors.truth, strict=True):
        started = perf_counter()
        found = built.search(query, k)
        samples.append(1e3 * (perf_counter() - started))
        agreeing += len(set(found) & set(true.tolist()))
    return Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case, settings=built.settings),
        **timings(samples),  # type: ignore[arg-type]
        qps=1e3 * len(samples) / sum(samples),
        ann_recall=agreeing / vectors.truth.size,
        figures={"build_s": build_s},
        dataset=vectors.dataset,
    )


def _vectors(settings: BenchSettings, case: Case) -> Vectors:
    """The starter's visual embeddings of a catalogue, and queries that were held out of it."""
    from benchmarks.speed.catalogue import load_catalogue
    from benchmarks.speed.sample import load_sample

    rows, n, k = (int(case.parameters[name]) for name in ("rows", "n", "k"))
    pipeline, _ = build_pipeline(read_settings({"home": settings.work, "profile": settings.profile}))
    products = 40 if settings.size == "tiny" else 1200
    sample = load_sample(pipeline, settings.work / "cache", products=products, seed=settings.seed)
    catalogue = load_catalogue(sample, rows, settings.work / "cache", seed=settings.seed)
    gallery = np.asarray(catalogue.rows["visual"])
    chosen = [index for index, _ in zip(_cycle(sample.queries().tolist()), range(n), strict=False)]
    queries = sample.rows["visual"][chosen]
    truth = np.argsort(-(queries @ gallery.T), axis=1, kind="stable")[:, :k]
    return Vectors(gallery, queries, truth, dataset_hash(catalogue.digest, str(n)))


def _cycle(numbers: list[int]) -> Iterator[int]:
    return (numbers[i % len(numbers)] for i in count())
