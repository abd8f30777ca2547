"""A Milvus server that is killed while a generation is built or an index: nothing is lost for good, nothing doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.speed.milvus_process import MilvusProcess
from engine.domain import SPACES, CollectionSpec
from engine.errors import ThatLookError
from engine.ledger import queue_worker
from engine.seams import IngestState, ShortlistQuery
from engine.stores.generations import view_of
from engine.stores.milvus.store import MilvusStore
from ingest.generations import orders
from ingest.generations.orders import BUILD, BuildWorker
from ingest.generations.swap import builder_of
from ingest.pipeline import ingest_feed
from ingest.queue.patient import patiently
from ingest.queue.work_orders import FEED, PRODUCTS
from ingest.scale.deep_comparison import compare
from ingest.scale.job_worker import JobWorker
from ingest.scale.put_right import PutRight
from tests.contract.vector_store_cases import an_item, clustered
from tests.fixtures.catalogue import row, write_feed
from tests.fixtures.fake_generations import Servers, Shop, opened_shop
from tests.fixtures.milvus import wait_for_index
from tests.fixtures.postgres import fresh_database

IDS = [f"p{n:02}" for n in range(48)]
DIM, ROWS = 16, 2_000
pytestmark = pytest.mark.timeout(600)


@contextmanager
def working(shop: Shop) -> Iterator[None]:
    """A worker beside what happens in the block."""
    parts, stopping = shop.parts(), threading.Event()
    assert parts.work is not None
    jobs = JobWorker(parts, stopping, current=shop.parts)
    builds = BuildWorker(parts.work, lambda number: builder_of(shop.live, shop.parts.of, number, "prefer"))

    def do(claim: queue_worker.Claim) -> None:
        (builds.do if claim.lane == BUILD else jobs.do)(claim)

    lanes = queue_worker.Lanes((PRODUCTS, FEED, BUILD), do, lambda: None, poll_s=0.2)
    worker = threading.Thread(target=queue_worker.work, args=(parts.work.dsn, lanes, stopping))
    worker.start()
    try:
        yield
    finally:
        stopping.set()
        worker.join()


def test_while_a_generation_is_built(
    tmp_path: Path, killable: MilvusProcess, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change waits, goes on and comes to serve; what the server lost of what it had taken is found and put back."""
    monkeypatch.setattr("ingest.generations.orders.JOB_PRODUCTS", 4)
    monkeypatch.setattr(orders, "AWAY_S", 0.5)
    with opened_shop(tmp_path / "home", Servers(killable.uri, fresh_database(postgres_url))) as shop:
        ingest_feed(shop.parts(), write_feed(tmp_path / "feed", [row(each) for each in IDS]))
        book, ended = shop.swap.book, list[Any]()
        coming = shop.swap.begin("other")

        def change() -> None:
            ended.append(patiently(lambda: shop.swap.run(coming), lambda _why: None))

        with working(shop):
            changing = threading.Thread(target=change)
            changing.start()
            end = time.monotonic() + 120
            while book.standing(2).done < 8:
                assert time.monotonic() < end, book.standing(2)
                time.sleep(0.02)
            killable.kill()
            time.sleep(1.0)
            killable.start()
            changing.join(240)
            assert not changing.is_alive()
            found, _ = compare(shop.parts(), PutRight(shop.parts(), "prefer"))
            assert set(found.kinds) <= {"missing row"}, found
            end = time.monotonic() + 60
            while shop.parts().ledger.counts()[IngestState.INDEXED] < len(IDS):
                assert time.monotonic() < end
                time.sleep(0.1)
        assert ended[0].serving == 2
        again, _ = compare(shop.parts(), None)
        assert not again.kinds
        view = view_of(shop.live.current.store, 2)
        assert {space: sum(view.count(n) for n in view.collections() if n.endswith(space)) for space in SPACES} == {
            "visual": len(IDS),
            "semantic": len(IDS),
        }
        for number in (1, 2):
            for name in view_of(view, number).collections():
                view_of(view, number).drop(name)


@pytest.fixture
def rows(killable: MilvusProcess) -> Iterator[str]:
    """A collection of some rows, by its name."""
    store, name, rng = MilvusStore(killable.uri), "killed_visual", np.random.default_rng(0)
    store.ensure(CollectionSpec(name, DIM, "f"))
    store.upsert(name, [an_item(rng, n) for n in range(ROWS)], clustered(rng, ROWS, DIM))
    store.seal(name)
    yield name
    store.drop(name)
    store.close()


def found(store: MilvusStore, name: str) -> int:
    query = ShortlistQuery({name: clustered(np.random.default_rng(1), 1, DIM)}, name, least=200)
    return len(store.shortlist(query).products)


def back_again(killable: MilvusProcess, name: str) -> MilvusStore:
    """The store as a program opens it that starts afterwards."""
    killable.start()
    end = time.monotonic() + 120
    while True:
        try:
            store = MilvusStore(killable.uri)
            store.ensure(CollectionSpec(name, DIM, "f"))
        except ThatLookError:
            assert time.monotonic() < end, "the server did not come back"
            time.sleep(0.5)
        else:
            return store


def test_while_it_builds_an_index(killable: MilvusProcess, rows: str) -> None:
    """Sealed rows that it had no time to index are indexed after its start, and found all along."""
    killable.kill()
    store = back_again(killable, rows)
    assert store.count(rows) == ROWS
    assert found(store, rows) >= 200
    wait_for_index(store, rows, ROWS)
    assert found(store, rows) >= 200
    store.close()


@pytest.mark.parametrize("step", ["release_collection", "drop_index", "create_index"])
def test_between_the_steps_of_an_index_s_renewal(killable: MilvusProcess, rows: str, step: str) -> None:
    """However far it was, the next program that opens the collection has it indexed and loaded, with every row."""
    store = MilvusStore(killable.uri)
    store.ensure(CollectionSpec(rows, DIM, "f"))
    ask = store._server.ask

    def deadly(method: str, *given: Any, **options: Any) -> Any:
        answer = ask(method, *given, **options)
        if method == step:
            killable.kill()
        return answer

    store._server.ask = deadly  # type: ignore[method-assign]
    with pytest.raises(ThatLookError):
        store.rebuild(rows)
    store.close()
    again = back_again(killable, rows)
    assert again.count(rows) == ROWS
    assert found(again, rows) >= 200
    again.check_loaded()
    again.close()
