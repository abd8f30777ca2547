"""`thatlook bench ingest`: products per second of a drawn shop's feed, and where the time goes.

`seed-ingest` runs both over the same feed with the same architectures and weights: thatlook as `thatlook ingest` does
(every picture looked at, the best one chosen, everything written), then the naive baseline in eager PyTorch (pose on
every picture, garments and both embeddings on the first alone, into flat indexes in memory).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks.speed.arithmetic import photo_work
from benchmarks.speed.machine import cores
from benchmarks.speed.results import Result, Work
from benchmarks.speed.run import BenchSettings, Case, dataset_hash, parameters
from benchmarks.speed.suites.standard import INT8, STANDARD, link_standard
from engine.errors import ContractBroken, ThatLookError
from engine.system.cpus import available_cpus
from ingest.bootstrap import ingest_dependencies
from ingest.pipeline import ingest_feed
from models.bootstrap import Parts, open_parts
from models.registry import profile_folder
from models.settings import Settings, read_settings
from models.studio.output.feed import write_catalogue

WARM_UP = 4
"""Products of a feed of their own, ingested before the clock runs: models are loaded, collections made."""
_TIMED = {
    "segment": ("segmenter", ("segment",)),
    "gate": ("pose", ("estimate",)),
    "visual": ("visual", ("embed",)),
    "semantic": ("semantic", ("embed",)),
}


class Timed:
    """A part that adds up, over all threads, how long the named methods take; everything else is passed on."""

    def __init__(self, part: Any, methods: Sequence[str]) -> None:
        self._part, self._methods, self._lock = part, frozenset(methods), Lock()
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._timed(found) if name in self._methods else found

    def _timed(self, method: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            started = perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                with self._lock:
                    self.seconds += perf_counter() - started

        return call


@dataclass(slots=True)
class Ingested:
    """What one ingest took.

    Attributes:
        stages_s: by stage, summed over threads, so that their sum may exceed the wall's seconds.
    """

    products: int
    seconds: float
    cpu_s: float
    stages_s: dict[str, float] = field(default_factory=dict)


def run(settings: BenchSettings) -> Iterable[Result]:
    """Every case in turn; one whose profile or packages are missing is told and left out."""
    for case in settings.cases:
        try:
            yield from _case(settings, case)
        except (ThatLookError, ImportError) as error:
            settings.say(f"{case.name}: left out. {error}")


def _case(settings: BenchSettings, case: Case) -> Iterator[Result]:
    given = case.parameters
    feed, warm_up = shops(settings, case)
    made = _home(settings, case)
    settings.say(f"{case.name}: thatlook")
    ours = _ours(made, feed, warm_up)
    pictures = sum(len(names) for names in _pictures(feed))
    figures = {
        "products_per_s": ours.products / ours.seconds,
        "pictures_per_s": pictures / ours.seconds,
        "cores_idle_share": max(0.0, 1 - ours.cpu_s / (ours.seconds * cores())),
    }
    if given.get("naive"):
        settings.say(f"{case.name}: the naive baseline")
        theirs = _theirs(feed, int(given.get("seed_products", given["products"])))
        figures["seed_products_per_s"] = theirs
        figures["times_faster"] = figures["products_per_s"] / theirs
    yield Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case),
        n=ours.products,
        stages_ms={name: 1e3 * seconds / ours.products for name, seconds in ours.stages_s.items()},
        cpu_s=ours.cpu_s,
        figures=figures,
        work=_work(made, pictures / ours.products),
        dataset=dataset_hash(feed),
        note="Stages are milliseconds per product, summed over threads.",
    )


def shops(settings: BenchSettings, case: Case) -> tuple[Path, Path]:
    """The feeds of the shop that is taken in, and of the one that warms up."""
    products = int(case.parameters["products"])
    return _shop(settings, products, settings.seed), _shop(settings, WARM_UP, settings.seed + 1)


def _shop(settings: BenchSettings, products: int, seed: int) -> Path:
    """A drawn shop; the next run finds it there."""
    folder = settings.work / "shops" / f"{products}-{seed}"
    if not (folder / "done").exists():
        write_catalogue(folder, products, seed, workers=available_cpus())
        (folder / "done").touch()
    return folder / "feed.jsonl"


def _home(settings: BenchSettings, case: Case) -> Settings:
    """An empty home for this profile."""
    home, profile = settings.work / "homes" / f"ingest-{case.name}", str(case.parameters["profile"])
    shutil.rmtree(home, ignore_errors=True)
    if profile in (STANDARD, INT8):
        profile = link_standard(home, profile, settings.say)
    return read_settings({"home": home, "profile": profile})


def _ours(made: Settings, feed: Path, warm_up: Path) -> Ingested:
    with open_parts(made) as plain:
        parts, timed = _watched(plain)
        ingest_feed(ingest_dependencies(parts), warm_up, made.policy, name="warm-up")
        before = {name: part.seconds for name, part in timed.items()}
        started, cpu = perf_counter(), process_time()
        summary = ingest_feed(ingest_dependencies(parts), feed, made.policy, name="bench")
        seconds, cpu_s = perf_counter() - started, process_time() - cpu
        stages = {name: part.seconds - before[name] for name, part in timed.items()}
    if summary.indexed == 0:
        raise ContractBroken("The ingest indexed nothing, so its speed says nothing; run `thatlook doctor`.")
    return Ingested(summary.read, seconds, cpu_s, stages)


def _watched(parts: Parts) -> tuple[Parts, dict[str, Timed]]:
    """The same parts with a clock around the models and around what is written."""
    timed = {stage: Timed(getattr(parts.pipeline, name), methods) for stage, (name, methods) in _TIMED.items()}
    timed["write"] = Timed(parts.store, ("upsert", "delete_products"))
    timed["pictures"] = Timed(parts.objects, ("put",))
    clocked: dict[str, Any] = {name: timed[stage] for stage, (name, _) in _TIMED.items()}
    others: dict[str, Any] = {"store": timed["write"], "objects": timed["pictures"]}
    return replace(parts, pipeline=replace(parts.pipeline, **clocked), **others), timed


def _theirs(feed: Path, products: int) -> float:
    """Products per second of the naive baseline, one after another, over the first so many of the feed."""
    from benchmarks.speed.suites.naive_baseline import NaiveBaseline

    naive = NaiveBaseline()
    chosen = list(_pictures(feed))[:products]
    naive.look(chosen[0][0].read_bytes())  # The warm-up.
    started = perf_counter()
    visual, semantic = zip(*(_looked(naive, names) for names in chosen), strict=True)
    naive.index(np.stack(visual), np.stack(semantic))
    return len(chosen) / (perf_counter() - started)


def _looked(naive: Any, pictures: Sequence[Path]) -> Any:
    for extra in pictures[1:]:
        naive.gate(extra.read_bytes())
    return naive.look(pictures[0].read_bytes())


def _pictures(feed: Path) -> Iterator[list[Path]]:
    """By product, its pictures, the main one first."""
    for row in map(json.loads, feed.read_text("utf-8").splitlines()):
        yield [feed.parent / name for name in (row["image_link"], *row.get("additional_image_link", ()))]


def _work(made: Settings, pictures: float) -> Work:
    """A product's pictures segmented and posed, one garment of it embedded."""
    folder = profile_folder(made.profile, made.home)
    looked, embedded = photo_work(folder, 0, pose=True), photo_work(folder, 1)
    bare = photo_work(folder, 0)
    return Work(gflop=pictures * looked.gflop + embedded.gflop - bare.gflop, precision=looked.precision)
