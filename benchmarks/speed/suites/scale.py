"""`thatlook bench scale`: how latency, memory, disk and build time of the search grow with the rows.

Cases with `where = "server"` measure a Milvus server beside the embedded store: the one that THATLOOK_MILVUS_URI names,
else one that is started for it. Those with `where = "queue"` measure ingest on the servers that the settings name.

The rows of a smaller catalogue are the first of a larger one, the queries the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.speed.bare import BareStore
from benchmarks.speed.milvus_process import ServerMissing
from benchmarks.speed.results import Result, timings
from benchmarks.speed.run import BenchSettings, Case, parameters
from benchmarks.speed.suites.index import Built, build_bare, open_bare
from benchmarks.speed.suites.recall import build_figures, search_both
from benchmarks.speed.suites.recall_material import Material, gather
from engine.domain import Space
from models.settings import read_settings


def run(settings: BenchSettings) -> Iterable[Result]:
    """Every size, smallest first; an index that a former run built is used again, with the times it took then."""
    queues = [case for case in settings.cases if case.parameters.get("where") == "queue"]
    yield from _of_queues(queues, settings)
    searches = [case for case in settings.cases if case not in queues]
    if not searches:
        return
    material = gather(settings)
    for case in sorted(searches, key=lambda each: int(each.parameters["rows"])):
        n = int(case.parameters["rows"])
        folder = settings.work / "bare" / str(n)
        built = build_bare(folder, material.expander, n, say=settings.say)
        store = open_bare(folder, material.expander)
        if case.parameters.get("where") == "server":
            yield from _on_server(case, store, material, settings)
            store.close()
            continue
        yield _searched(case, store, material, built)
        store.close()


def _searched(case: Case, store: BareStore, material: Material, built: dict[Space, Built]) -> Result:
    """Searches of everything and of a tenth, in an index of this process."""
    n, k = int(case.parameters["rows"]), int(case.parameters["k"])
    plain = search_both(store, material, n, 1.0, k)
    filtered = search_both(store, material, n, 0.1, k)
    resident = sum(store.indexes[name].status(name).resident_bytes for name in store.collections())
    return Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case),
        **timings(plain.milliseconds),  # type: ignore[arg-type]
        ann_recall=plain.recall["fused"],
        stages_ms=plain.stages_ms,
        figures={
            "filter_10pct_p95_ms": float(timings(filtered.milliseconds)["p95_ms"]),
            "filter_10pct_recall": filtered.recall["fused"],
            "first_ms": plain.first_ms,
            "resident_mb": resident / 1e6,
            **build_figures(built),
        },
        dataset=material.dataset,
    )


def _on_server(case: Case, store: BareStore, material: Material, settings: BenchSettings) -> Iterator[Result]:
    """The same rows on a Milvus server; left out where none can be had."""
    from benchmarks.speed.suites.scale_server import on_server

    try:
        yield on_server(case, store, material, settings.say)
    except ServerMissing as error:
        settings.say(f"{case.name} is left out: {error.message}")


def _of_queues(cases: Iterable[Case], settings: BenchSettings) -> Iterator[Result]:
    """Ingest on servers; left out where not all of them are named."""
    for case in cases:
        if not read_settings().is_shared:
            settings.say(f"{case.name} is left out: the settings do not name Milvus, PostgreSQL and S3")
            continue
        from benchmarks.speed.suites.scale_queue import on_queue

        yield on_queue(case, settings.say)
