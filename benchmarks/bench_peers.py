"""`thatlook bench compare`: thatlook beside what one would do instead, in one run, on the same photos and embeddings.

`seed-photo`: a photo to products by the seed's way (`seed_way.py`) and by thatlook with the same architectures and
weights. `index-…`: nearest neighbours of the same queries in the same rows by other indexes, each with the defaults
that its documentation shows; those that are no requirement of thatlook are measured where they are installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bench_history import Result, Work, timings
from benchmarks.bench_index_peers import PEERS, Built
from benchmarks.bench_run import BenchSettings, Case, dataset_hash, parameters
from benchmarks.bench_work import photo_work
from engine.domain import SPACES, Embeddings
from engine.errors import ContractBroken, ThatLookError
from models.bootstrap import build_seer, open_parts, read_settings
from models.registry import profile_folder

if TYPE_CHECKING:
    from benchmarks.seed_way import SeedWay
    from engine.service import ThatLook

_TRIED = 40


@dataclass(frozen=True, slots=True)
class Vectors:
    """Rows and queries of one space, and the true neighbours."""

    rows: Embeddings
    queries: Embeddings
    truth: Any
    dataset: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One photo answered by both ways."""

    ours_ms: float
    ours_stages: dict[str, float]
    seed_ms: dict[str, float]


def run(settings: BenchSettings) -> Iterable[Result]:
    """Every case in turn; a side that is not installed is told and left out."""
    for case in settings.cases:
        try:
            yield from _seed(settings, case) if case.name.startswith("seed") else _index(settings, case)
        except (ThatLookError, ImportError) as error:
            settings.say(f"{case.name}: left out. {error}")


def _seed(settings: BenchSettings, case: Case) -> Iterator[Result]:
    """Photo by photo, first the one way and then the other, so that a busy moment meets both."""
    from benchmarks.bench_catalogue import load_catalogue
    from benchmarks.bench_latency import prepare
    from benchmarks.bench_sample import load_sample
    from benchmarks.seed_way import SeedWay

    given = case.parameters
    prepared = prepare(settings, case)
    seed_way = SeedWay(threads=given.get("threads"))
    with open_parts(prepared.settings) as parts:
        parts.seer.warm_up()
        products = 40 if settings.size == "tiny" else 1200
        sample = load_sample(parts.seer, settings.work / "cache", products=products, seed=settings.seed)
        catalogue = load_catalogue(sample, int(given["rows"]), settings.work / "cache", seed=settings.seed)
        seed_way.index(*(np.asarray(catalogue.rows[space]) for space in SPACES))
        photos = _photos(settings, int(given["garments"]), parts.thatlook.search_image)
        pairs = [_both(parts.thatlook, seed_way, photos[n % len(photos)], n) for n in range(int(given["n"]) + 1)][1:]
    work = photo_work(profile_folder(prepared.settings.profile, prepared.settings.home), int(given["garments"]))
    yield from _photo_results(case, pairs, prepared.dataset, work)


def _both(thatlook: ThatLook, seed_way: SeedWay, photo: bytes, number: int) -> Pair:
    """The same photo by both ways; its bytes are new, so that neither has seen it before."""
    photo += number.to_bytes(4, "big")
    started = perf_counter()
    answer = thatlook.search_image(photo)
    return Pair(1e3 * (perf_counter() - started), dict(answer.timing_ms), seed_way.answer(photo)[0])


def _photo_results(case: Case, pairs: list[Pair], dataset: str, work: Work) -> Iterator[Result]:
    """Ours with the ratio, and the seed's way as a case of its own."""
    ours, theirs = [pair.ours_ms for pair in pairs], [sum(pair.seed_ms.values()) for pair in pairs]
    stages = _medians([pair.seed_ms for pair in pairs])
    each = stages["visual"] + stages["semantic"] + stages["search"]
    ratio = median(theirs) / median(ours)
    per_garment = (median(theirs) + (int(case.parameters["garments"]) - 1) * each) / median(ours)
    yield Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case),
        **timings(ours),  # type: ignore[arg-type]
        stages_ms=_medians([pair.ours_stages for pair in pairs]),
        figures={"times_faster": ratio, "times_faster_per_garment": per_garment},
        work=work,
        dataset=dataset,
        note="The seed's way answers once for the whole picture; `per_garment` is what it would take to embed and "
        "search for each garment, as thatlook does.",
    )
    yield Result(
        suite=case.suite,
        case="seed-way",
        parameters=parameters(case),
        **timings(theirs),  # type: ignore[arg-type]
        stages_ms=stages,
        dataset=dataset,
    )


def _medians(stages: list[dict[str, float]]) -> dict[str, float]:
    return {name: median(one.get(name, 0.0) for one in stages) for name in stages[0] if name != "total"}


def _photos(settings: BenchSettings, garments: int, answer: Callable[[bytes], Any], wanted: int = 3) -> list[bytes]:
    """Photos in which thatlook sees this many garments."""
    from benchmarks.bench_photos import street_photos

    size = "small" if settings.size == "tiny" else "1080p"
    kept: list[bytes] = []
    for photo in islice(street_photos(size, settings.work / "cache", seed=settings.seed), _TRIED):
        try:
            seen = len(answer(photo).garments)
        except ThatLookError:
            continue
        if seen == garments or settings.size == "tiny":
            kept.append(photo)
        if len(kept) == wanted:
            break
    if not kept:
        raise ContractBroken(f"No drawn photo shows the segmenter {garments} garments; the comparison needs one.")
    return kept


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
    from benchmarks.bench_catalogue import load_catalogue
    from benchmarks.bench_sample import load_sample

    rows, n, k = (int(case.parameters[name]) for name in ("rows", "n", "k"))
    seer, _ = build_seer(read_settings({"home": settings.work, "profile": settings.profile}))
    products = 40 if settings.size == "tiny" else 1200
    sample = load_sample(seer, settings.work / "cache", products=products, seed=settings.seed)
    catalogue = load_catalogue(sample, rows, settings.work / "cache", seed=settings.seed)
    gallery = np.asarray(catalogue.rows["visual"])
    chosen = [index for index, _ in zip(_cycle(sample.queries().tolist()), range(n), strict=False)]
    queries = sample.rows["visual"][chosen]
    truth = np.argsort(-(queries @ gallery.T), axis=1, kind="stable")[:, :k]
    return Vectors(gallery, queries, truth, dataset_hash(catalogue.digest, str(n)))


def _cycle(numbers: list[int]) -> Iterator[int]:
    return (numbers[i % len(numbers)] for i in count())
