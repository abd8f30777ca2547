"""A known photo over HTTP on a Milvus server, and on the embedded store beside it: both answer in turn, in one run."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.speed.bare import open_home
from benchmarks.speed.load import Sample
from benchmarks.speed.milvus_process import MilvusProcess, milvus_process
from benchmarks.speed.milvus_rows import copy_rows
from benchmarks.speed.results import Result
from benchmarks.speed.run import BenchSettings, Case
from benchmarks.speed.server import Running, serving
from benchmarks.speed.suites.latency_requests import Prepared, chosen_photos, closed, figures_of
from engine.stores.milvus.store import MilvusStore
from models.bootstrap import build_pipeline

_ROUNDS = 3
"""Times that each photo is sent before it counts: to be known, and to have the rows that it meets at hand."""
_SETTLES_S = 5.0
_QUIET_WITHIN_S = 600.0
_QUIET_BYTES = 100_000
"""A server that is asked nothing sends fewer in that time."""


def on_server(settings: BenchSettings, case: Case, prepared: Prepared) -> Result:
    """Both programs on the same products and photos, the server's answers as the result.

    Raises:
        ServerMissing: no Milvus server can be started here.
    """
    home = prepared.settings.home
    beside = _without_vectors(home)
    with ExitStack() as stack:
        milvus = stack.enter_context(milvus_process())
        _fill(settings, prepared, milvus.uri)
        profile, where = prepared.settings.profile, {"THATLOOK_MILVUS_URI": milvus.uri}
        log = settings.work / f"serve-{case.name}.log"
        embedded = stack.enter_context(serving(home, log.with_suffix(".embedded.log"), profile=profile))
        server = stack.enter_context(serving(beside, log, profile=profile, environment=where))
        photos = chosen_photos(settings, case, embedded)
        for _ in range(_ROUNDS):
            for running in (embedded, server):
                closed(running, photos, clients=1, n=len(photos), again=True)
            time.sleep(_SETTLES_S)
        _wait_until_quiet(milvus)
        sent, cpu_s = milvus.sent_bytes(), server.cpu_s()
        taken = [_in_turn(embedded, server, photos[n % len(photos)]) for n in range(int(case.parameters["n"]))]
        sent, cpu_s = milvus.sent_bytes() - sent, server.cpu_s() - cpu_s
        many, many_s = closed(server, photos, clients=4, n=len(taken), again=True)
        memory = server.memory_bytes()
    of_embedded, of_server = ([pair[at] for pair in taken] for at in (0, 1))
    figures = {
        "embedded_p50_ms": _p50(of_embedded),
        "times_embedded": _p50(of_server) / _p50(of_embedded),
        "bytes_per_photo": sent / len(taken),
        "four_clients_per_s": sum(sample.status == 200 for sample in many) / many_s,
        "four_clients_refused": float(sum(sample.status != 200 for sample in many)),
    }
    asked_s = sum(sample.latency_ms for sample in of_server) / 1000
    return figures_of(case, prepared, of_server, asked_s, cpu_s, memory, figures, photos)


def _wait_until_quiet(milvus: MilvusProcess) -> None:
    """Until nothing is fetched any more behind the searches: embeddings that find room in memory."""
    end, sent = time.monotonic() + _QUIET_WITHIN_S, milvus.sent_bytes()
    while time.monotonic() < end:
        time.sleep(_SETTLES_S)
        before, sent = sent, milvus.sent_bytes()
        if sent - before < _QUIET_BYTES:
            return


def _in_turn(embedded: Running, server: Running, photo: bytes) -> tuple[Sample, Sample]:
    (one,), _ = closed(embedded, [photo], clients=1, n=1, again=True)
    (other,), _ = closed(server, [photo], clients=1, n=1, again=True)
    return one, other


def _fill(settings: BenchSettings, prepared: Prepared, uri: str) -> None:
    """The products' rows on the server, as an ingest would have written them."""
    pipeline, _ = build_pipeline(prepared.settings)
    specs = pipeline.collection_specs()
    bare, store = open_home(prepared.settings.home / "vectors", specs), MilvusStore(uri)
    try:
        copy_rows(store, bare, specs, settings.say)
    finally:
        store.close()
        bare.close()


def _without_vectors(home: Path) -> Path:
    """A copy of a home, but for its embeddings: a home is held by one program."""
    beside = home.with_name(f"{home.name}-server")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(home, beside, ignore=shutil.ignore_patterns("vectors", "lock", "pid"))
    return beside


def _p50(samples: list[Sample]) -> float:
    return float(np.median([sample.latency_ms for sample in samples]))
