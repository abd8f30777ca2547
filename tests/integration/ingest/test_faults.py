"""What servers, disks, networks and clocks do, while a feed is indexed: nothing is lost, nothing doubled in the end."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from benchmarks.speed.milvus_process import MilvusProcess
from engine.domain import CollectionSpec, Product
from engine.errors import DeadlineExceeded, StoreUnavailable
from engine.ledger import queue_worker
from engine.objects.s3 import S3ObjectStore
from engine.objects.s3_settings import S3Settings
from engine.seams import IngestState, ObjectStore, ShortlistQuery, VectorStore
from engine.stores.milvus.connection import MilvusOptions
from engine.stores.milvus.store import MilvusStore
from engine.system.clock import Deadline, Stopwatch
from engine.taxonomy import collection_name
from ingest.pipeline import ingest_feed
from ingest.run.dependencies import IngestDependencies
from ingest.scale import job_worker
from ingest.scale.deep_comparison import compare
from ingest.scale.drift import all_drift
from ingest.scale.job_worker import JobWorker
from ingest.scale.put_right import PutRight
from ingest.scale.queued_intake import QueuedIntake
from tests.fixtures.catalogue import DIM, close_parts, row, write_feed
from tests.fixtures.flaky_http import flaky
from tests.fixtures.postgres import emptied, fresh_database
from tests.fixtures.program import PROGRAM, environment
from tests.fixtures.relay import relayed
from tests.fixtures.tiny_models import write_tiny_profile
from tests.fixtures.workers import lanes, open_worker_parts, work_until_done

TIMEOUT_S, CUT_S = 10.0, 15.0
"""How long a write to Milvus waits, and for how long the network is cut: no write outlasts it."""
PRODUCTS = 60


@pytest.fixture(scope="module")
def database(postgres_url: str) -> str:
    return fresh_database(postgres_url)


@pytest.fixture
def parts(
    tmp_path: Path, database: str, small_jobs: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[IngestDependencies]:
    monkeypatch.setattr(job_worker, "PAUSE_S", (0.1, 0.5))
    made = open_worker_parts(tmp_path, emptied(database))
    yield made
    close_parts(made)


def on_milvus(parts: IngestDependencies, uri: str) -> IngestDependencies:
    """The same parts with their rows on a server."""
    store = MilvusStore(uri, options=MilvusOptions(search_timeout_s=1.0, timeout_s=TIMEOUT_S))
    for name in store.collections():
        store.drop(name)
    for supercategory in ("upper_wear",):
        for space, dim in DIM.items():
            store.ensure(CollectionSpec(collection_name(supercategory, space), dim, "fake"))  # type: ignore[arg-type]
    return replace(parts, store=store)


def queued(parts: IngestDependencies, folder: Path, products: int = PRODUCTS) -> None:
    feed = write_feed(folder, [row(f"p{n:03}") for n in range(products)])
    ingest_feed(replace(parts, sources=replace(parts.sources, root=None)), feed, queued=True)


@contextmanager
def working(parts: IngestDependencies) -> Iterator[None]:
    """A worker beside what happens in the block; then until all is done."""
    assert parts.work is not None
    stopping = Event()
    jobs = JobWorker(parts, stopping)
    thread = threading.Thread(target=queue_worker.work, args=(parts.work.dsn, lanes(jobs), stopping))
    thread.start()
    try:
        yield
        reached(parts, lambda counts: not counts[IngestState.PENDING])
    finally:
        stopping.set()
        thread.join()


def reached(parts: IngestDependencies, enough: Callable[[Any], bool], patience_s: float = 90.0) -> None:
    end = time.monotonic() + patience_s
    while not enough(parts.ledger.counts()):
        assert time.monotonic() < end, dict(parts.ledger.counts())
        time.sleep(0.05)


def begun(parts: IngestDependencies) -> None:
    reached(parts, lambda counts: counts[IngestState.INDEXED] >= 4)


def whole(parts: IngestDependencies, products: int = PRODUCTS) -> None:
    """Every product is indexed once, and ledger, rows and pictures agree."""
    assert parts.ledger.counts()[IngestState.INDEXED] == products, parts.ledger.failure_counts()
    assert list(all_drift(parts)) == []
    assert {parts.store.count(collection_name("upper_wear", space)) for space in DIM} == {products}  # type: ignore[arg-type]


def searched(store: VectorStore) -> int:
    name = collection_name("upper_wear", "visual")
    query = ShortlistQuery({name: np.ones((1, DIM["visual"]), np.float32)}, name, least=10)
    with Stopwatch(Deadline.within(5.0)).stage("candidates"):
        return len(store.shortlist(query).products)


def test_milvus_is_killed_while_it_is_written_and_searched(
    tmp_path: Path, parts: IngestDependencies, killable: MilvusProcess
) -> None:
    """The worker waits; searches are refused in time; what the server lost of what it had acknowledged is put right."""
    parts = on_milvus(parts, killable.uri)
    queued(parts, tmp_path)
    longest, refused, over = [0.0], [0], Event()

    def search() -> None:
        while not over.wait(0.1):
            started = time.monotonic()
            try:
                searched(parts.store)
            except (StoreUnavailable, DeadlineExceeded):
                refused[0] += 1
            longest[0] = max(longest[0], time.monotonic() - started)

    searching = threading.Thread(target=search)
    searching.start()
    try:
        with working(parts):
            begun(parts)
            killable.kill()
            time.sleep(1.0)
            killable.start()
    finally:
        over.set()
        searching.join()
    assert refused[0] > 0
    assert longest[0] < 15
    parts.store.check_loaded()  # type: ignore[attr-defined]
    found, _ = compare(parts, PutRight(parts, "prefer"))
    assert set(found.kinds) <= {"missing row"}, found
    work_until_done(parts)
    whole(parts)
    assert searched(parts.store) > 0
    parts.store.close()


def test_the_network_to_milvus_is_cut(tmp_path: Path, parts: IngestDependencies, killable: MilvusProcess) -> None:
    """For a while no byte passes: nothing fails for it, and the feed is indexed when the cable is back."""
    with relayed(killable.uri) as network:
        parts = on_milvus(parts, network.uri)
        queued(parts, tmp_path)
        with working(parts):
            begun(parts)
            network.silence()
            before = parts.ledger.counts()[IngestState.INDEXED]
            time.sleep(CUT_S)
            assert parts.ledger.counts()[IngestState.INDEXED] <= before + 8
            network.mend()
        whole(parts)
        parts.store.close()


def s3_store(settings: S3Settings, endpoint: str, bucket: str) -> ObjectStore:
    return S3ObjectStore(
        endpoint, bucket=bucket, access_key=settings.access_key, secret_key=settings.secret_key, secure=False
    )


def test_s3_fails_three_requests_of_ten(tmp_path: Path, parts: IngestDependencies, s3_settings: S3Settings) -> None:
    """They are repeated; every picture is there in the end, and no product fails for it."""
    with flaky(s3_settings.endpoint, 0.3) as s3:
        parts = replace(parts, objects=s3_store(s3_settings, s3.endpoint, f"f{uuid4().hex[:12]}"))
        queued(parts, tmp_path)
        with working(parts):
            pass
        assert s3.failed > 10
        s3.share = 0.0
        whole(parts)


@pytest.mark.parametrize("how", ["silence", "break_off"])
def test_s3_hangs_or_is_down(tmp_path: Path, parts: IngestDependencies, s3_settings: S3Settings, how: str) -> None:
    """The worker waits for it, and goes on by itself."""
    with relayed(f"http://{s3_settings.endpoint}") as network:
        endpoint = network.uri.removeprefix("http://")
        parts = replace(parts, objects=s3_store(s3_settings, endpoint, f"f{uuid4().hex[:12]}"))
        queued(parts, tmp_path)
        with working(parts):
            begun(parts)
            getattr(network, how)()
            time.sleep(3.0)
            assert parts.ledger.counts()[IngestState.PENDING] > 0
            network.mend()
        whole(parts)


class JumpyClock(datetime):
    """A clock that somebody sets an hour forward or back all the time."""

    jumps = random.Random(3)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(seconds=cls.jumps.choice([-3600, -1, 0, 1, 3600]))


def test_the_clock_jumps(tmp_path: Path, parts: IngestDependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer words win and a deletion leaves nothing, whatever time each of them was written at."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("ingest.", "engine.ledger.")) and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", JumpyClock)
    queued(parts, tmp_path, 20)
    with working(parts):
        pass
    intake = QueuedIntake(parts)
    image = "https://shop.example/none.png"
    for title in ("First", "Second", "Newest"):
        intake.submit([Product("p001", title, "https://shop.example/", (image,), price=10.0)])
    intake.delete(["p002"])
    with working(parts):  # The picture cannot be had: its next try may be an hour off, by such a clock.
        pass
    assert parts.ledger.get(["p001"])["p001"].product.title == "Newest"
    assert "p002" not in set(parts.ledger.ids())
    assert list(all_drift(parts)) == []
    assert parts.ledger.counts()[IngestState.PENDING] == 0


FULL_DISK = (
    "mount --make-rprivate / && mount -t tmpfs -o size={small} tmpfs {home} && cp -r {models} {home}/models &&"
    " {ingest}; echo status $?; mount -o remount,size=2g {home} && {ingest} && echo status $? && {doctor}"
)


def test_a_disk_is_full_and_then_is_not(tmp_path: Path) -> None:
    """An embedded home on a disk of 400 kB says so in words, and the next run ends what this one began."""
    write_tiny_profile(tmp_path / "models" / "tiny")
    (tmp_path / "home").mkdir()
    feed = write_feed(tmp_path / "shop", [row(f"p{n:03}") for n in range(120)])
    command = " ".join([PROGRAM[0], "-W", "ignore", "-c", f"'{PROGRAM[-1]}'"])
    script = FULL_DISK.format(
        small="400k", home=tmp_path / "home", models=tmp_path / "models",
        ingest=f"{command} ingest {feed} --json", doctor=f"{command} doctor --deep",
    )  # fmt: skip
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespace may be made here")
    told = subprocess.run(
        [unshare, "--mount", "sh", "-c", script], env=environment(tmp_path / "home"), capture_output=True, text=True,
        timeout=170, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    assert "status 1" in told.stdout
    assert "status 0" in told.stdout
    assert "full" in told.stderr
    assert "Traceback" not in told.stderr
