"""What a run of every suite builds before it measures anything: homes and indexes, one builder per core at once.

Building is mostly one thread of Python and of Milvus Lite at a time, so two builders on two cores take half as long;
measuring never overlaps with it. A suite by itself builds what it needs when it needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from multiprocessing import get_context

from benchmarks.bench_run import BenchSettings
from engine.errors import ThatLookError
from engine.stopping import terminable


def build_all(settings: Iterable[BenchSettings], workers: int) -> None:
    """Build for those of the suites that have something to build; what fails here is told by the suite itself."""
    given = {one.suite: replace(one, say=tell) for one in settings}
    jobs = [(suite, given[suite]) for suite in BUILDERS if suite in given and given[suite].cases]
    if len(jobs) < 2 or workers < 2:
        return
    _sample(jobs[0][1])  # Both builders read it; only one may write it.
    builders = [get_context("spawn").Process(target=_build, args=(job,)) for job in jobs]
    try:
        for builder in builders:
            builder.start()
        for builder in builders:
            builder.join()
    finally:
        for builder in builders:
            if builder.is_alive():
                builder.terminate()
                builder.join()


def tell(text: object) -> None:
    """Progress of a builder, on stderr like all that people read."""
    sys.stderr.write(f"{text}\n")


def _build(job: tuple[str, BenchSettings]) -> None:
    suite, settings = job
    try:
        with terminable():
            BUILDERS[suite](settings)
    except (ThatLookError, ImportError) as error:
        tell(f"{suite}: {error}")


def _sample(settings: BenchSettings) -> None:
    from benchmarks.bench_recall import gather

    gather(settings)


def _homes(settings: BenchSettings) -> None:
    """The homes that servers will be started on, each once."""
    from benchmarks.bench_latency import prepare

    seen: set[tuple[object, object]] = set()
    for case in settings.cases:
        home = case.parameters.get("profile"), case.parameters.get("rows")
        if home not in seen:
            seen.add(home)
            prepare(settings, case)


def _indexes(settings: BenchSettings) -> None:
    """The sister indexes of the embedded cases, each size once."""
    from benchmarks.bench_index import build_bare
    from benchmarks.bench_recall import gather

    material = gather(settings)
    sizes = {int(case.parameters["rows"]) for case in settings.cases if case.parameters.get("index") == "embedded"}
    for rows in sorted(sizes):
        build_bare(settings.work / "bare" / str(rows), material.expander, rows, say=settings.say)


BUILDERS: dict[str, Callable[[BenchSettings], None]] = {"latency": _homes, "recall": _indexes}
"""By suite; the others build little, or what these have built already."""
