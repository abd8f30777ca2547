"""A Milvus server that hangs, is killed or cut off: searches fail in time and plainly, and go on when it is back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import numpy as np
import pytest

from engine.domain import CollectionSpec
from engine.errors import DeadlineExceeded, StoreUnavailable
from engine.seams import ShortlistQuery
from engine.stores.milvus.connection import MilvusOptions
from engine.stores.milvus.store import MilvusStore
from engine.system.clock import Deadline, Stopwatch
from tests.contract.vector_store_cases import an_item, clustered
from tests.fixtures.relay import Relay, relayed

pytestmark = pytest.mark.integration
DIM = 16
ROWS = 40


@pytest.fixture
def network(milvus_server: str) -> Iterator[Relay]:
    with relayed(milvus_server) as relay:
        yield relay


@pytest.fixture
def name() -> str:
    return f"t{uuid4().hex}"


@pytest.fixture
def store(milvus_server: str, network: Relay, name: str) -> Iterator[MilvusStore]:
    opened = MilvusStore(network.uri, options=MilvusOptions(search_timeout_s=1.0, timeout_s=20.0))
    rng = np.random.default_rng(0)
    opened.ensure(CollectionSpec(name, DIM, "f" * 64))
    opened.upsert(name, [an_item(rng, n) for n in range(ROWS)], clustered(rng, ROWS, DIM))
    searched(opened, name)
    yield opened
    opened.close()
    direct = MilvusStore(milvus_server)
    direct.drop(name)
    direct.close()


def searched(store: MilvusStore, name: str, budget_s: float = 30.0) -> int:
    """One search of a request with this much time; how many rows it brought."""
    query = ShortlistQuery({name: clustered(np.random.default_rng(1), 1, DIM)}, name, least=10)
    with Stopwatch(Deadline.within(budget_s)).stage("candidates"):
        return len(store.shortlist(query).products)


def seconds_until_refused(store: MilvusStore, name: str, budget_s: float = 30.0) -> float:
    begun = time.monotonic()
    with pytest.raises((StoreUnavailable, DeadlineExceeded)):
        searched(store, name, budget_s)
    return time.monotonic() - begun


def back_again(store: MilvusStore, name: str, patience_s: float = 60.0) -> int:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return searched(store, name)
        except StoreUnavailable:
            assert time.monotonic() < deadline, "the store did not come back"
            time.sleep(0.2)


def test_a_hanging_server_takes_only_the_first_callers_time(store: MilvusStore, network: Relay, name: str) -> None:
    """Each of the first searches ends after its own limit, the next ones at once; then answers come again."""
    network.silence()
    first = [seconds_until_refused(store, name) for _ in range(3)]
    later = [seconds_until_refused(store, name) for _ in range(5)]
    assert all(0.5 < seconds < 8 for seconds in first)
    assert sorted(later)[2] < 0.1
    network.mend()
    assert back_again(store, name) == ROWS


def test_a_killed_server_is_said_so_in_time(store: MilvusStore, network: Relay, name: str) -> None:
    """Its connections end in the middle and new ones are refused; searches say so and work once it is up again."""
    network.break_off()
    assert all(seconds_until_refused(store, name) < 8 for _ in range(4))
    assert seconds_until_refused(store, name) < 0.1
    network.mend()
    assert back_again(store, name) == ROWS


def test_a_call_ends_with_the_request_s_own_time(store: MilvusStore, network: Relay, name: str) -> None:
    """A request with 0.3 s left does not wait for the store's second."""
    network.silence()
    assert seconds_until_refused(store, name, budget_s=0.3) < 1.0
    network.mend()


def test_what_is_under_way_when_the_network_is_cut_arrives_later(store: MilvusStore, network: Relay, name: str) -> None:
    """A write outside a request waits for its own, longer limit: a short cut only delays it."""
    from threading import Timer

    network.silence()
    timer = Timer(2.0, network.mend)
    timer.start()
    rng = np.random.default_rng(2)
    store.upsert(name, [an_item(rng, 100 + n) for n in range(5)], clustered(rng, 5, DIM))
    timer.join()
    assert store.count(name) == ROWS + 5
