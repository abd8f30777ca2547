"""Many workers over the queue in a real PostgreSQL: nothing lost, nothing doubled, the newer words always."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import msgspec
import pytest

from engine.domain import Product
from engine.errors import ContractBroken, StoreUnavailable
from engine.ledger import queue_worker
from engine.ledger.queue_worker import Claim, TryLater
from engine.objects.folder import FolderObjectStore
from engine.seams import IngestState
from ingest.pipeline import ingest_feed
from ingest.queue.work_orders import FEED, PRODUCTS, Order, words_of
from ingest.run.dependencies import IngestDependencies
from ingest.run.failures import ATTEMPTS, attempts_of
from ingest.scale.drift import all_drift
from ingest.scale.job_worker import FOLDER_TRIES, JobWorker
from ingest.scale.queued_intake import QueuedIntake
from tests.fixtures.catalogue import FakePipeline, close_parts, picture, row, state_of, write_feed
from tests.fixtures.postgres import emptied, fresh_database
from tests.fixtures.workers import in_child, lanes, leases_over, open_worker_parts, work_until_done

pytestmark = pytest.mark.usefixtures("small_jobs")


@pytest.fixture(scope="module")
def databases(postgres_url: str) -> tuple[str, str]:
    return fresh_database(postgres_url), fresh_database(postgres_url)


@pytest.fixture
def url(databases: tuple[str, str]) -> str:
    """An empty database; making one anew for each test would cost a second of disk each."""
    return emptied(databases[0])


@pytest.fixture
def another_url(databases: tuple[str, str]) -> str:
    return emptied(databases[1])


@pytest.fixture
def parts(tmp_path: Path, url: str) -> Iterator[IngestDependencies]:
    made = open_worker_parts(tmp_path, url)
    yield made
    close_parts(made)


def a_feed(folder: Path, products: int) -> Path:
    return write_feed(folder, [row(f"p{n:03}") for n in range(products)])


def queued(parts: IngestDependencies, feed: Path, **options: Any) -> Any:
    return ingest_feed(replace(parts, sources=replace(parts.sources, root=None)), feed, queued=True, **options)


def shirt(product_id: str, title: str, image: str = "a.png") -> Product:
    return Product(product_id, title, "https://shop.example/", (image,), price=10.0)


def settled(parts: IngestDependencies) -> None:
    """All is indexed, and ledger, rows and pictures agree."""
    assert parts.ledger.counts()[IngestState.PENDING] == 0
    assert list(all_drift(parts)) == []


def test_two_workers_share_the_work_and_do_nothing_twice(tmp_path: Path, url: str, parts: IngestDependencies) -> None:
    """A feed is queued by a process that looks at no picture; two workers look at each product once in all."""
    feed, other = a_feed(tmp_path, 30), open_worker_parts(tmp_path, url)
    summary = queued(parts, feed)
    assert (summary.queued, summary.indexed, parts.pipeline.scenes) == (30, 0, 0)  # type: ignore[attr-defined]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work_until_done, [parts, other]))
    counted = [worker.pipeline.scenes for worker in (parts, other)]  # type: ignore[attr-defined]
    assert sum(counted) == 30
    assert parts.ledger.counts()[IngestState.INDEXED] == 30
    settled(parts)
    assert queued(parts, feed).queued == 0
    close_parts(other)


def test_the_queue_gives_what_one_process_gives(tmp_path: Path, another_url: str, parts: IngestDependencies) -> None:
    """Products, rows and pictures are equal by value; `--wait` counts what became of them, changes of words apart."""
    rows = [row("a"), row("b", title="A dress", product_type="Dresses"), row("gone", "none.png"), row("c")]
    feed = write_feed(tmp_path, rows)
    (tmp_path / "none.png").unlink()
    worker = Thread(target=lambda: (time.sleep(0.5), work_until_done(parts)))
    worker.start()
    summary = queued(parts, feed, wait=True)
    worker.join()
    assert (summary.queued, summary.indexed, summary.failed + summary.refused, summary.taken) == (4, 3, 1, 3)
    assert sum(summary.images_refused.values()) == 1
    alone = open_worker_parts(tmp_path / "alone", another_url)
    ingest_feed(replace(alone, sources=replace(alone.sources, root=None)), feed)
    there, here = state_of(alone), state_of(parts)
    assert there["rows"] == here["rows"]
    assert there["images"] == here["images"]
    write_feed(tmp_path, [row("a", price="9.00 EUR"), *rows[1:]])
    (tmp_path / "none.png").unlink()
    looked = parts.pipeline.scenes  # type: ignore[attr-defined]
    queued(parts, feed)
    work_until_done(parts)
    assert parts.store.items("upper_wear_visual", ["a#0"])[0].price == 9.0  # type: ignore[union-attr]
    assert parts.pipeline.scenes == looked  # type: ignore[attr-defined]
    close_parts(alone)


def test_two_identical_feeds_at_once(tmp_path: Path, url: str, parts: IngestDependencies) -> None:
    """Brought twice at the same time, each product is looked at once."""
    feed, other = a_feed(tmp_path, 24), open_worker_parts(tmp_path, url)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda who: queued(who, feed), [parts, other]))
    work_until_done(parts)
    assert parts.pipeline.scenes == 24  # type: ignore[attr-defined]
    settled(parts)
    close_parts(other)


@pytest.mark.parametrize("operation", [1, 2, 4, 6, 8, 9, 11, 14])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_worker_killed_anywhere_is_taken_over(tmp_path: Path, url: str, operation: int, after: bool) -> None:
    """Killed with -9 before or after a durable step, its job is done by another: nothing lost, nothing doubled."""
    feed = a_feed(tmp_path, 6)
    first = open_worker_parts(tmp_path, url)
    queued(first, feed)
    close_parts(first)

    def dies() -> None:
        parts = open_worker_parts(tmp_path, url)
        _arm(parts, operation, after=after)
        work_until_done(parts)

    assert in_child(dies) == signal.SIGKILL
    parts = open_worker_parts(tmp_path, url)
    leases_over(parts)
    work_until_done(parts)
    settled(parts)
    assert parts.ledger.counts()[IngestState.INDEXED] == 6
    assert parts.store.count("upper_wear_visual") == parts.store.count("upper_wear_semantic") == 6
    close_parts(parts)


def _arm(parts: IngestDependencies, operation: int, *, after: bool) -> None:
    counter = itertools.count(1)

    def deadly(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            now = next(counter)
            if now == operation and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*arguments, **options)
            if now == operation:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for part, name in (("ledger", "replace"), ("objects", "put"), ("store", "upsert"), ("store", "delete_products")):
        setattr(getattr(parts, part), name, deadly(getattr(getattr(parts, part), name)))


class Hooked:
    """A part whose first call of one name does something else before it."""

    def __init__(self, part: Any, name: str, meanwhile: Callable[[], None]) -> None:
        self._part, self._name, self._meanwhile = part, name, meanwhile

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if name != self._name or self._meanwhile is None:
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            meanwhile, self._meanwhile = self._meanwhile, None  # type: ignore[assignment]
            if meanwhile:
                meanwhile()
            return found(*arguments, **options)

        return call


@pytest.mark.parametrize("moment", ["embed", "upsert", "put"])
def test_a_newer_put_wins_over_an_older_one_under_way(
    tmp_path: Path, url: str, another_url: str, parts: IngestDependencies, moment: str
) -> None:
    """Version two is put and indexed by another worker while the first still embeds or writes version one."""
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(picture(color=(9, 9, 200) if name == "b" else (200, 9, 9)))
    other = open_worker_parts(tmp_path, url)
    QueuedIntake(parts).submit([shirt("x", "One")])

    def version_two() -> None:
        QueuedIntake(other).submit([shirt("x", "Two", "b.png")])
        work_until_done_but_one(other)

    slow = _hooked(parts, moment, version_two)
    work_until_done(slow)
    work_until_done(parts)
    assert parts.ledger.get(["x"])["x"].product.title == "Two"
    settled(parts)
    alone = open_worker_parts(tmp_path / "alone", another_url)
    (tmp_path / "alone" / "b.png").write_bytes((tmp_path / "b.png").read_bytes())
    QueuedIntake(alone).submit([shirt("x", "Two", "b.png")])
    work_until_done(alone)
    assert state_of(alone)["rows"] == state_of(parts)["rows"]
    close_parts(other)
    close_parts(alone)


@pytest.mark.parametrize("moment", ["embed", "upsert", "put"])
def test_a_delete_during_a_write_leaves_nothing(
    tmp_path: Path, url: str, parts: IngestDependencies, moment: str
) -> None:
    """No entry, no row, no picture, however far the writer was."""
    (tmp_path / "a.png").write_bytes(picture())
    QueuedIntake(parts).submit([shirt("x", "One")])
    work_until_done(_hooked(parts, moment, lambda: QueuedIntake(parts).delete(["x"])))
    work_until_done(parts)
    assert parts.ledger.get(["x"]) == {}
    assert parts.store.count("upper_wear_visual") == parts.store.count("upper_wear_semantic") == 0
    assert list(parts.objects.keys()) == []


def _hooked(parts: IngestDependencies, moment: str, meanwhile: Callable[[], None]) -> IngestDependencies:
    part = {"embed": "pipeline", "upsert": "store", "put": "objects"}[moment]
    return replace(parts, **{part: Hooked(getattr(parts, part), moment, meanwhile)})  # type: ignore[arg-type]


def work_until_done_but_one(parts: IngestDependencies) -> None:
    """Until all is done but the one job whose worker waits for this very call."""
    assert parts.work is not None
    stopping = Event()
    thread = Thread(target=queue_worker.work, args=(parts.work.dsn, lanes(JobWorker(parts, stopping)), stopping))
    thread.start()
    end = time.monotonic() + 60
    while parts.work.waiting(PRODUCTS) > 1:
        assert time.monotonic() < end
        time.sleep(0.05)
    stopping.set()
    thread.join()


class Deadly(FakePipeline):
    """Ends the whole program at the sight of one picture."""

    def scene(self, image: Any) -> Any:
        if tuple(image[50, 30]) == (1, 2, 3):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().scene(image)


def test_a_product_that_kills_workers_is_found_and_given_up(tmp_path: Path, url: str) -> None:
    """The others are indexed, it fails with a reason, and it never goes first again."""
    feed = a_feed(tmp_path, 8)
    (tmp_path / "p002.png").write_bytes(picture(color=(1, 2, 3)))
    parts = open_worker_parts(tmp_path, url)
    queued(parts, feed)
    close_parts(parts)

    def works() -> None:
        mine = open_worker_parts(tmp_path, url, Deadly())
        leases_over(mine)
        work_until_done(mine)

    deaths = 0
    while in_child(works):
        deaths += 1
        assert deaths < 10
    parts = open_worker_parts(tmp_path, url)
    counts = parts.ledger.counts()
    assert (counts[IngestState.INDEXED], counts[IngestState.FAILED]) == (7, 1)
    assert "the program ended" in (parts.ledger.get(["p002"])["p002"].reason or "")
    assert deaths <= 6
    close_parts(parts)


def test_a_put_does_not_wait_behind_a_feed(tmp_path: Path, parts: IngestDependencies) -> None:
    """A product that is put while a long feed is worked on is indexed long before the feed is done."""

    class Slow(FakePipeline):
        def scene(self, image: Any) -> Any:
            time.sleep(0.02)
            return super().scene(image)

    feed = a_feed(tmp_path, 120)
    queued(parts, feed)
    (tmp_path / "a.png").write_bytes(picture())
    worker = Thread(target=work_until_done, args=[replace(parts, pipeline=Slow())])
    worker.start()
    time.sleep(1.0)
    QueuedIntake(parts).submit([shirt("now", "Now")])
    while parts.ledger.get(["now"])["now"].state is IngestState.PENDING:
        time.sleep(0.05)
    assert parts.work is not None
    left = parts.work.waiting(FEED)
    worker.join()
    assert left > 3
    settled(parts)


def test_outages_pause_the_work(tmp_path: Path, parts: IngestDependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vector store or an object store that is away for a while costs no product and no attempt."""
    monkeypatch.setattr("ingest.scale.job_worker.PAUSE_S", (0.05, 0.1))
    feed, away = a_feed(tmp_path, 8), Event()
    away.set()

    class Away:
        def __init__(self, part: Any) -> None:
            self._part = part

        def __getattr__(self, name: str) -> Any:
            real = getattr(self._part, name)

            def call(*arguments: Any, **options: Any) -> Any:
                if away.is_set():
                    raise StoreUnavailable("It does not answer.")
                return real(*arguments, **options)

            return call

    for part in ("store", "objects"):
        queued(parts, feed)
        worker = Thread(target=work_until_done, args=[replace(parts, **{part: Away(getattr(parts, part))})])  # type: ignore[arg-type]
        worker.start()
        time.sleep(1.0)
        assert parts.ledger.counts()[IngestState.PENDING] == 8
        away.clear()
        worker.join()
        settled(parts)
        assert parts.ledger.counts()[IngestState.INDEXED] == 8
        away.set()
        QueuedIntake(parts).delete([f"p{n:03}" for n in range(8)])


def test_an_outage_that_is_over_at_once(tmp_path: Path, parts: IngestDependencies) -> None:
    """A store fails until it has been asked once whether it answers: no product of the job is left waiting."""
    feed, down = a_feed(tmp_path, 4), Event()
    down.set()

    class Once(FolderObjectStore):
        def put(self, key: str, data: bytes, content_type: str) -> None:
            if down.is_set():
                raise StoreUnavailable("It did not answer.")
            super().put(key, data, content_type)

        def exists(self, key: str) -> bool:
            if down.is_set():
                down.clear()
                raise StoreUnavailable("It did not answer.")
            return super().exists(key)

    queued(parts, feed)
    work_until_done(replace(parts, objects=Once(tmp_path / "images")))
    assert parts.ledger.counts()[IngestState.INDEXED] == 4
    settled(parts)


def test_a_worker_that_is_stopped_gives_its_job_back(tmp_path: Path, parts: IngestDependencies) -> None:
    """What is written stays written, the rest is at once another's; no attempt is counted against a product."""
    feed, stopping = a_feed(tmp_path, 8), Event()
    queued(parts, feed)

    class Stops(FakePipeline):
        def scene(self, image: Any) -> Any:
            stopping.set()
            return super().scene(image)

    assert parts.work is not None
    queue_worker.work(parts.work.dsn, lanes(JobWorker(replace(parts, pipeline=Stops()), stopping)), stopping)
    assert parts.work.waiting(FEED) >= 1
    assert {lane.picked for lane in parts.work.lanes(30.0)} == {0}
    work_until_done(parts)
    assert parts.ledger.counts()[IngestState.INDEXED] == 8
    settled(parts)


def test_a_job_that_nobody_can_read_is_put_aside_and_can_be_revived(parts: IngestDependencies) -> None:
    """It is among the dead, where `thatlook queue` shows it, and holds nothing up."""
    from engine.seams import Job

    assert parts.work is not None
    parts.work.enqueue([Job(FEED, b"not an order")])
    work_until_done(parts)
    assert [(lane.lane, lane.dead) for lane in parts.work.lanes(30.0)] == [(FEED, 1)]
    assert parts.work.revive() == 1
    with pytest.raises(Exception, match="cannot be read"):
        JobWorker(parts, Event()).do(Claim(FEED, b"not an order"))


def test_a_feed_whose_folder_is_not_on_the_worker(tmp_path: Path, parts: IngestDependencies) -> None:
    """The job goes back for a worker that has it; after many tries it is put aside with the reason, never a refusal."""
    queued(parts, a_feed(tmp_path, 1))
    (waiting,) = parts.ledger.get(["p000"]).values()
    order = Order({"p000": words_of(waiting.product)}, root=str(tmp_path / "elsewhere"))
    worker = JobWorker(parts, Event())
    with pytest.raises(TryLater, match="elsewhere is not there"):
        worker.do(Claim(FEED, msgspec.json.encode(order)))
    with pytest.raises(ContractBroken, match="elsewhere is not there"):
        worker.do(Claim(FEED, msgspec.json.encode(order), tries=FOLDER_TRIES))
    assert parts.ledger.get(["p000"])["p000"].state is IngestState.PENDING


def test_a_picture_server_that_is_down_is_asked_again_later(parts: IngestDependencies) -> None:
    """What may pass is tried again with growing pauses, behind all else; then it stays failed, with the reason."""
    away = replace(shirt("x", "One"), images=("http://127.0.0.1:9/x.png",))
    rules = replace(parts.sources, allow_private_hosts=True, tries=1)
    worker = JobWorker(replace(parts, sources=rules), Event())
    QueuedIntake(parts).submit([away])
    assert parts.work is not None
    for tried in range(1, ATTEMPTS + 1):
        order = Order({"x": words_of(away)}, again=tried > 1)
        worker.do(Claim(PRODUCTS, msgspec.json.encode(order)))
        entry = parts.ledger.get(["x"])["x"]
        assert (entry.state, attempts_of(entry)) == (IngestState.FAILED, tried)
        assert "could be fetched" in (entry.reason or "")
        assert parts.work.waiting(PRODUCTS) == 1 + min(tried, ATTEMPTS - 1)
