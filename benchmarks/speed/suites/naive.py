"""`seed-photo`: one photo to products by the naive baseline and by thatlook, with the same architectures and weights.

Where the case asks for it thatlook answers twice, in the precision that models are exported in and in int8; all ways
meet the same photos in turn. Both search the same rows, since a catalogue of int8's own would take as long to search.
The headline is int8's if its models passed the quantiser's judgement and the CPU has instructions for them, as a
careful operator would choose; the other is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measured_models import open_profile
from benchmarks.speed.arithmetic import photo_work
from benchmarks.speed.home import product_id_of
from benchmarks.speed.results import Result, timings
from benchmarks.speed.run import BenchSettings, Case, parameters
from benchmarks.speed.suites.standard import ensure_int8, int8_roles
from engine.domain import SPACES
from engine.errors import ContractBroken, ThatLookError
from engine.taxonomy import collection_name
from engine.vision.crops import cut
from engine.vision.images import decode
from models.bootstrap import Parts, open_parts
from models.runtime import cpu_computes_bf16, cpu_computes_int8

if TYPE_CHECKING:
    from benchmarks.speed.suites.naive_baseline import NaiveBaseline

_TRIED = 40


@dataclass(frozen=True, slots=True)
class Trial:
    """One photo answered by all: milliseconds and stages of ours by precision, stages of the naive baseline."""

    ours_ms: Mapping[str, float]
    ours_stages: Mapping[str, Mapping[str, float]]
    seed_ms: Mapping[str, float]


def run_seed(settings: BenchSettings, case: Case) -> Iterator[Result]:
    """Photo by photo, first the one way and then the other, so that a busy moment meets all."""
    from benchmarks.speed.suites.latency import prepare
    from benchmarks.speed.suites.naive_baseline import NaiveBaseline

    prepared, n = prepare(settings, case), int(case.parameters["n"])
    folders = _folders(settings, case, prepared.folder)
    naive = NaiveBaseline(threads=case.parameters.get("threads"))
    with open_parts(prepared.settings) as parts:
        ours = {way: parts if folder == prepared.folder else _looking(parts, folder) for way, folder in folders.items()}
        for each in ours.values():
            each.pipeline.warm_up()
        _index(case, naive, parts)
        photos = _photos(settings, int(case.parameters["garments"]), ours)
        trials = [_tried(ours, naive, photos[number % len(photos)], number) for number in range(n + 1)][1:]
        agreement = agreement_figures(ours, photos)
    yield from photo_results(case, trials, folders, prepared.dataset, agreement)


def _folders(settings: BenchSettings, case: Case, folder: Path) -> dict[str, Path]:
    """Profiles by precision; `int8` only where the case wants it, the CPU gains by it or there is time, and a model
    passed.
    """
    folders = {"bf16" if cpu_computes_bf16() else "f32": folder}
    if case.parameters.get("int8") and (cpu_computes_int8() or settings.size != "quick"):
        other = ensure_int8(folder.resolve(), settings.say)
        if int8_roles(other):
            folders["int8"] = other
    return folders


def _looking(parts: Parts, folder: Path) -> Parts:
    """The same catalogue, looked at with other models, without the memory of what the first ones saw."""
    pipeline, _ = open_profile(folder)
    return replace(parts, pipeline=pipeline, thatlook=replace(parts.thatlook, pipeline=pipeline, result_cache=None))


def _index(case: Case, naive: NaiveBaseline, parts: Parts) -> None:
    """Give the naive baseline the very embeddings of our catalogue."""
    ids = [f"{product_id_of(row)}#0" for row in range(int(case.parameters["rows"]))]
    spaces = []
    for space in SPACES:
        found = (
            parts.store.embeddings(collection_name(name, space), ids)
            for name in parts.pipeline.taxonomy.supercategories
        )
        spaces.append(np.concatenate([rows[present] for rows, present in found if any(present)]))
    naive.index(*spaces)


def _tried(ours: Mapping[str, Parts], naive: NaiveBaseline, photo: bytes, number: int) -> Trial:
    """The same photo by every way; its bytes are new, so that none has seen it before."""
    photo += number.to_bytes(4, "big")
    took: dict[str, float] = {}
    stages: dict[str, Mapping[str, float]] = {}
    for way, parts in ours.items():
        started = perf_counter()
        answer = parts.thatlook.search_image(photo)
        took[way], stages[way] = 1e3 * (perf_counter() - started), dict(answer.timing_ms)
    return Trial(took, stages, naive.answer(photo)[0])


def photo_results(
    case: Case, trials: list[Trial], folders: Mapping[str, Path], dataset: str, agreement: Mapping[str, float]
) -> Iterator[Result]:
    """Each of ours with its ratio, the headline under the case's own name; and the naive baseline as its own case."""
    chosen = headline(list(folders))
    garments = int(case.parameters["garments"])
    for way, folder in folders.items():
        extra = {"int8_models": float(len(int8_roles(folder))), **agreement} if way == "int8" else {}
        yield Result(
            suite=case.suite,
            case=case.name if way == chosen else f"{case.name}-{way}",
            parameters=parameters(case, precision=way),
            **timings([trial.ours_ms[way] for trial in trials]),  # type: ignore[arg-type]
            stages_ms=_medians([trial.ours_stages[way] for trial in trials]),
            figures={**ratios(trials, way, garments), **extra},
            work=photo_work(folder, garments),
            dataset=dataset,
            note="The naive baseline answers once for the whole picture; `per_garment` is what it would take to embed "
            "and search for each garment, as thatlook does.",
        )
    yield Result(
        suite=case.suite,
        case="seed-way",
        parameters=parameters(case),
        **timings([sum(trial.seed_ms.values()) for trial in trials]),  # type: ignore[arg-type]
        stages_ms=_medians([trial.seed_ms for trial in trials]),
        dataset=dataset,
    )


def headline(ways: list[str], vnni: Callable[[], bool] = cpu_computes_int8) -> str:
    """The precision that a careful operator would serve with."""
    return "int8" if "int8" in ways and vnni() else ways[0]


def ratios(trials: list[Trial], way: str, garments: int) -> dict[str, float]:
    """How many times faster than the naive baseline: photo for photo, and for as many answers."""
    theirs = median(sum(trial.seed_ms.values()) for trial in trials)
    ours = median(trial.ours_ms[way] for trial in trials)
    stages = _medians([trial.seed_ms for trial in trials])
    each = stages["visual"] + stages["semantic"] + stages["search"]
    return {"times_faster": theirs / ours, "times_faster_per_garment": (theirs + (garments - 1) * each) / ours}


def agreement_figures(ours: Mapping[str, Parts], photos: list[bytes]) -> dict[str, float]:
    """Cosines between both precisions' embeddings of the very garments that were timed; empty for one precision."""
    if "int8" not in ours:
        return {}
    plain, int8 = next(iter(ours.values())).pipeline, ours["int8"].pipeline
    pictures = [decode(photo) for photo in photos]
    crops = [cut(pixels, garment) for pixels in pictures for garment in plain.garments(pixels)]
    rows, others = plain.embed(crops), int8.embed(crops)
    figures: dict[str, float] = {}
    for space in SPACES:
        cosines = (rows[space] * others[space]).sum(axis=1)
        figures |= {f"{space}_cosine": float(cosines.mean()), f"{space}_cosine_worst": float(cosines.min())}
    return figures


def _medians(stages: list[Mapping[str, float]]) -> dict[str, float]:
    return {name: median(one.get(name, 0.0) for one in stages) for name in stages[0] if name != "total"}


def _photos(settings: BenchSettings, garments: int, ours: Mapping[str, Parts], wanted: int = 3) -> list[bytes]:
    """Photos in which all of ours see this many garments."""
    from benchmarks.speed.photos import street_photos

    size = "small" if settings.size == "tiny" else "1080p"
    kept: list[bytes] = []
    for photo in islice(street_photos(size, settings.work / "cache", seed=settings.seed), _TRIED):
        if settings.size == "tiny" or all(_seen(parts, photo) == garments for parts in ours.values()):
            kept.append(photo)
        if len(kept) == wanted:
            break
    if not kept:
        raise ContractBroken(f"No drawn photo shows the segmenter {garments} garments; the comparison needs one.")
    return kept


def _seen(parts: Parts, photo: bytes) -> int:
    try:
        answer: Any = parts.thatlook.search_image(photo)
    except ThatLookError:
        return 0
    return len(answer.garments)
