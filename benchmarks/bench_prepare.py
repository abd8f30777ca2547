"""What a run of every suite builds before it measures anything: homes and indexes, all at once.

Building is mostly one thread of Python and of Milvus Lite at a time, so two cores build side by side in half the time;
measuring never overlaps with it. A run that needs one home or index alone builds it when it comes to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context

from benchmarks.bench_run import BenchSettings
from engine.errors import ThatLookError
from engine.stopping import terminable


def build_all(settings: Iterable[BenchSettings], workers: int) -> None:
    """Build for those of the suites that have something to build; what fails here is told by the suite itself."""
    given = {one.suite: replace(one, say=tell) for one in settings}
    jobs = [job for suite, split in JOBS.items() if suite in given for job in split(given[suite])]
    if len(jobs) < 2 or workers < 2:
        return
    _sample(jobs[0])  # Several builders read it; only one may write it.
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


def _build(job: BenchSettings) -> None:
    try:
        with terminable():
            BUILDERS[job.suite](job)
    except (ThatLookError, ImportError) as error:
        tell(f"{job.suite}: {error}")


def _sample(settings: BenchSettings) -> None:
    from benchmarks.bench_recall import gather

    gather(settings)


def _home_jobs(settings: BenchSettings) -> list[BenchSettings]:
    """One for each home that servers will be started on."""
    homes = {(case.parameters.get("profile"), case.parameters.get("rows")): case for case in reversed(settings.cases)}
    return [replace(settings, cases=(case,)) for case in reversed(homes.values())]


def _home(settings: BenchSettings) -> None:
    from benchmarks.bench_latency import prepare

    prepare(settings, settings.cases[0])


def _index_jobs(settings: BenchSettings) -> list[BenchSettings]:
    """One for the sister indexes of the embedded cases, if there are any."""
    cases = tuple(case for case in settings.cases if case.parameters.get("index") == "embedded")
    return [replace(settings, cases=cases)] if cases else []


def _indexes(settings: BenchSettings) -> None:
    """Each size once."""
    from benchmarks.bench_index import build_bare
    from benchmarks.bench_recall import gather

    material = gather(settings)
    for rows in sorted({int(case.parameters["rows"]) for case in settings.cases}):
        build_bare(settings.work / "bare" / str(rows), material.expander, rows, say=settings.say)


JOBS: dict[str, Callable[[BenchSettings], list[BenchSettings]]] = {"recall": _index_jobs, "latency": _home_jobs}
"""By suite, what is built side by side; the others build little, or what these have built already."""
BUILDERS: dict[str, Callable[[BenchSettings], None]] = {"latency": _home, "recall": _indexes}
