"""What a run of every suite builds before it measures anything: homes, indexes and pictures, all at once.

Building is mostly one thread at a time, so two cores build side by side in half the time; measuring never overlaps with
it. A run that needs one thing alone builds it when it comes to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context

from benchmarks.speed.run import BenchSettings
from engine.errors import ThatLookError
from engine.system.stopping import terminable


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be built for a suite, in a process of its own.

    Attributes:
        samples: whether it reads the sample of the run's own models.
    """

    build: Callable[[BenchSettings], None]
    settings: BenchSettings
    samples: bool = False


def build_all(settings: Iterable[BenchSettings], workers: int) -> None:
    """Build for those of the suites that have something to build; what fails here is told by the suite itself."""
    given = {one.suite: replace(one, say=tell) for one in settings}
    jobs = [job for suite, split in JOBS.items() if suite in given for job in split(given[suite])]
    if len(jobs) < 2 or workers < 2:
        return
    readers = [job for job in jobs if job.samples]
    if len(readers) > 1:
        _sample(readers[0].settings)  # Several builders read it; only one may write it.
    builders = [get_context("spawn").Process(target=_build, args=(job,)) for job in jobs]
    try:
        with _own_core():
            for builder in builders:
                builder.start()
        for builder in builders:
            builder.join()
    finally:
        for builder in builders:
            if builder.is_alive():
                builder.terminate()
                builder.join()


@contextmanager
def _own_core() -> Iterator[None]:
    """Processes started here compute on one core each: BLAS's threads wait for each other by spinning, and on busy
    cores that takes fifty times as long as the work.
    """
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    os.environ.update(dict.fromkeys(before, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def tell(text: object) -> None:
    """Progress of a builder, on stderr like all that people read."""
    sys.stderr.write(f"{text}\n")


def _build(job: Job) -> None:
    try:
        with terminable():
            job.build(job.settings)
    except (ThatLookError, ImportError) as error:
        tell(f"{job.settings.suite}: {error}")


def _sample(settings: BenchSettings) -> None:
    from benchmarks.speed.suites.recall_material import gather

    gather(settings)


def _latency_jobs(settings: BenchSettings) -> list[Job]:
    """One for each home that servers will be started on, and one for the photos."""
    homes = {(case.parameters.get("profile"), case.parameters.get("rows")): case for case in reversed(settings.cases)}
    jobs = [
        Job(_home, replace(settings, cases=(case,)), samples=profile in (None, settings.profile))
        for (profile, _), case in reversed(homes.items())
    ]
    return [*jobs, Job(_photos, settings)] if jobs else []


def _home(settings: BenchSettings) -> None:
    from benchmarks.speed.suites.latency import prepare

    prepare(settings, settings.cases[0])


def _photos(settings: BenchSettings) -> None:
    """As many of each size as will hardly ever be too few; whoever needs more draws them."""
    from benchmarks.speed.photos import street_photos
    from benchmarks.speed.suites.latency_requests import PHOTOS, photo_size

    for size in sorted({photo_size(settings, case) for case in settings.cases}):
        for _ in islice(street_photos(size, settings.work / "cache", seed=settings.seed), PHOTOS + 1):
            pass


def _recall_jobs(settings: BenchSettings) -> list[Job]:
    """One for the paired indexes of the embedded cases, if there are any."""
    cases = tuple(case for case in settings.cases if case.parameters.get("index") == "embedded")
    return [Job(_indexes, replace(settings, cases=cases), samples=True)] if cases else []


def _indexes(settings: BenchSettings) -> None:
    """Each size once."""
    from benchmarks.speed.suites.index import build_bare
    from benchmarks.speed.suites.recall_material import gather

    material = gather(settings)
    for rows in sorted({int(case.parameters["rows"]) for case in settings.cases}):
        build_bare(settings.work / "bare" / str(rows), material.expander, rows, say=settings.say)


def _ingest_jobs(settings: BenchSettings) -> list[Job]:
    """One for the shops that are taken in."""
    return [Job(_shops, settings)] if settings.cases else []


def _shops(settings: BenchSettings) -> None:
    from benchmarks.speed.suites.ingest import shops

    for case in settings.cases:
        shops(settings, case)


JOBS: dict[str, Callable[[BenchSettings], list[Job]]] = {
    "recall": _recall_jobs,
    "latency": _latency_jobs,
    "ingest": _ingest_jobs,
}
"""By suite, what is built side by side; the others build little, or what these have built already."""
