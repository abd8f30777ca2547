"""Ingest on servers where models are not the limit: rows that one writer brings, and two workers beside one.

Runs on the Milvus, PostgreSQL and S3 that the settings name, which must be empty; what was written is taken out again.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.queues import Queue
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import numpy as np

from benchmarks.speed.results import Result
from benchmarks.speed.run import Case, parameters
from benchmarks.speed.suites.sleeping_models import DIMS, SleepingModels, direction
from engine.domain import CollectionSpec, Item, Product
from engine.errors import ModelUnavailable
from engine.ledger import queue_worker
from engine.ledger.sql import SqlLedger
from engine.products.stored import picture_prefix
from engine.seams import IngestState
from engine.taxonomy import collection_name
from engine.vision.images import encode_jpeg
from ingest.images.sources import SourceRules
from ingest.pipeline import ingest_feed
from ingest.queue.work_orders import FEED, PRODUCTS
from ingest.run.dependencies import IngestDependencies
from ingest.run.diff import ProductDiff
from ingest.run.stages import Outcome, Row
from ingest.run.writer import Writer
from ingest.scale.job_worker import JobWorker
from models.bootstrap import open_ledger, open_objects, open_store
from models.settings import Settings, read_settings

PICTURE_BYTES = 40_000
DELETED = 1000
_PATIENCE_S = 900.0


def on_queue(case: Case, say: Callable[[str], object]) -> Result:
    """One case on the servers that the settings name.

    Raises:
        ModelUnavailable: they are not all named, or hold a catalogue, which is left alone.
    """
    settings = read_settings()
    if not settings.is_shared:
        raise ModelUnavailable("Name a Milvus, a PostgreSQL and an S3 (THATLOOK_MILVUS_URI, LEDGER_URL, S3_ENDPOINT).")
    with _parts(settings, SleepingModels()) as parts:
        if parts.store.collections() or next(iter(parts.ledger.ids()), None) is not None:
            raise ModelUnavailable("The servers hold a catalogue; measure on empty ones.")
        for space, dim in DIMS.items():
            parts.store.ensure(CollectionSpec(collection_name("upper_wear", space), dim, "bench"))
        try:
            figures = _workers(case, settings, parts, say) if "look_s" in case.parameters else _writes(case, parts, say)
        finally:
            ids = list(parts.ledger.ids())
            for start in range(0, len(ids), DELETED):
                Writer(parts).remove(ids[start : start + DELETED])
            for space in DIMS:
                parts.store.drop(collection_name("upper_wear", space))
    return Result(
        suite=case.suite,
        case=case.name,
        parameters=parameters(case),
        n=int(case.parameters["products"]),
        figures=figures,
    )


@contextmanager
def _parts(settings: Settings, models: SleepingModels, root: Path | None = None) -> Iterator[IngestDependencies]:
    ledger = open_ledger(settings)
    if not isinstance(ledger, SqlLedger) or not ledger.has_queue:
        raise ModelUnavailable("THATLOOK_LEDGER_URL names no PostgreSQL.")
    store, objects = open_store(settings), open_objects(settings)
    try:
        yield IngestDependencies(
            models, store, objects, ledger, "bench", SourceRules(root=root), threads=2, work=ledger.work()
        )
    finally:
        for part in (store, objects, ledger):
            part.close()


def _writes(case: Case, parts: IngestDependencies, say: Callable[[str], object]) -> dict[str, float]:
    """Rows per second of one writer, then the seconds of taking 1,000 products out in one request."""
    products, batch = int(case.parameters["products"]), int(case.parameters["batch"])
    picture = np.random.default_rng(1).bytes(PICTURE_BYTES)
    outcomes = [_outcome(f"p{n:06}", picture) for n in range(products)]
    writer, begun = Writer(parts), time.perf_counter()
    for start in range(0, products, batch):
        writer.commit(outcomes[start : start + batch])
    seconds = time.perf_counter() - begun
    say(f"{products:,} products were written in {seconds:.1f} s")
    begun, some = time.perf_counter(), min(DELETED, products)
    writer.remove([f"p{n:06}" for n in range(some)])
    return {
        "products_per_s": products / seconds,
        "rows_per_s": len(DIMS) * products / seconds,
        "delete_s": time.perf_counter() - begun,
        "deleted": float(some),
    }


def _outcome(product_id: str, picture: bytes) -> Outcome:
    key = f"{picture_prefix(product_id)}0.jpg"
    product = Product(product_id, "A shirt", "https://shop.example/", ("a.jpg",), price=10.0)
    facets = {"brand": ("Acme",), "color": ("navy",)}
    item = Item(f"{product_id}#0", product_id, "upper_wear", "upper_wear", key, (0, 0, 1, 1), facets, 10.0)
    row = Row(item, {space: direction(product_id.encode(), dim) for space, dim in DIMS.items()})
    diff = ProductDiff(product, "bench", None, "r", "c", "everything", None)
    return Outcome(diff, IngestState.INDEXED, (row,), pictures=((key, picture),))


def _workers(
    case: Case, settings: Settings, parts: IngestDependencies, say: Callable[[str], object]
) -> dict[str, float]:
    """Products per second of one worker process, and of two, over the same feed."""
    products, look_s = int(case.parameters["products"]), float(case.parameters["look_s"])
    rates = []
    with TemporaryDirectory(prefix="thatlook-bench-") as folder:
        feed = _feed(Path(folder), products)
        for workers in (1, 2):
            ingest_feed(replace(parts, sources=SourceRules()), feed, queued=True)
            rate, looks = _rate(settings, Path(folder), look_s, workers, products)
            say(f"{workers} workers: {rate:.1f} products/s, looks {looks}")
            rates.append((rate, sum(looks)))
            Writer(parts).remove(list(parts.ledger.ids()))
    (one, _), (two, looked) = rates
    return {"products_per_s": one, "two_per_s": two, "times_one": two / one, "looks_per_product": looked / products}


def _feed(folder: Path, products: int) -> Path:
    rows = []
    for n in range(products):
        name = f"p{n:05}"
        pixels = np.full((96, 64, 3), (n % 251, n // 251 % 251, 90), np.uint8)
        (folder / f"{name}.jpg").write_bytes(encode_jpeg(pixels, max_side=96))
        rows.append({"id": name, "title": "A shirt", "link": "https://shop.example/", "image_link": f"{name}.jpg"})
    feed = folder / "feed.jsonl"
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return feed


def _rate(settings: Settings, root: Path, look_s: float, workers: int, products: int) -> tuple[float, list[int]]:
    """Products per second of so many processes, from when all of them are ready; how often each looked."""
    context = multiprocessing.get_context("spawn")
    told: Queue[int] = context.Queue()
    ready, go = context.Semaphore(0), context.Event()
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    processes = [context.Process(target=_work, args=(given, root, look_s, ready, go, told)) for _ in range(workers)]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    begun = time.perf_counter()
    go.set()
    looks = [told.get(timeout=_PATIENCE_S) for _ in processes]
    seconds = time.perf_counter() - begun
    for process in processes:
        process.join()
    return products / seconds, looks


def _work(given: dict[str, Any], root: Path, look_s: float, ready: Any, go: Any, told: Any) -> None:
    """One worker process: takes jobs until none is left."""
    models, stopping = SleepingModels(look_s), Event()
    with _parts(read_settings(given), models, root) as parts:
        work = parts.work
        assert work is not None
        lanes = queue_worker.Lanes((PRODUCTS, FEED), JobWorker(parts, stopping).do, lambda: None, poll_s=0.2)
        ready.release()
        go.wait()
        worker = Thread(target=queue_worker.work, args=(work.dsn, lanes, stopping))
        worker.start()
        while work.waiting(FEED):
            time.sleep(0.05)
        stopping.set()
        worker.join()
    told.put(models.looks)
