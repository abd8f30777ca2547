"""A worker's own port: alive, ready, draining, and its metrics."""

from __future__ import annotations

import threading
import time

import httpx
import pytest
from prometheus_client import CollectorRegistry

from engine.errors import Unavailable
from ingest.scale.worker_health import Health, answering
from ingest.scale.worker_metrics import WorkerMetrics
from tests.fixtures.s3 import free_port


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(CollectorRegistry(), threading.Event(), clock)


def ready(health: Health) -> tuple[int, list[str]]:
    told = health.answer("/readyz")
    assert told is not None
    return told[0], list(told[1]["waiting_for"])


def test_it_is_alive_while_parts_are_opened_and_ready_afterwards(health: Health, clock: Clock) -> None:
    """However long models and servers take."""
    clock.now += 600
    assert health.answer("/healthz") == (200, {"status": "ok"})
    assert ready(health) == (503, ["parts"])
    health.opened()
    assert ready(health) == (200, [])


def test_one_that_hangs_is_not_alive(health: Health, clock: Clock) -> None:
    """Sixty seconds without a touch with the queue."""
    health.opened()
    clock.now += 59
    assert ready(health) == (200, [])
    clock.now += 2
    assert health.answer("/healthz") == (503, {"status": "stuck"})
    assert ready(health) == (503, ["queue"])
    health.beat()
    assert ready(health) == (200, [])


def test_one_that_waits_for_a_store_says_so(health: Health) -> None:
    """It is alive, and takes no jobs."""
    health.opened()
    health.beat("Milvus does not answer.")
    assert health.answer("/healthz") == (200, {"status": "ok"})
    assert ready(health) == (503, ["stores"])


def test_told_to_end_it_is_unready_at_once_and_seen_for_a_while() -> None:
    """The port answers until the drain time is over, with the heartbeat and the process's series."""
    told, ending, port = WorkerMetrics(), threading.Event(), free_port()
    health = Health(told.registry, ending)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", verify=False) as client:
        with answering(health, told.registry, "127.0.0.1", port, drain_s=0.4):
            told.opened(None, "1.2", {"visual": "abc"})
            health.opened()
            text = client.get("/metrics").text
            assert 'thatlook_build_info{version="1.2"} 1.0' in text
            assert "thatlook_worker_ready 1.0" in text
            assert "thatlook_worker_heartbeat_age_seconds" in text
            assert 'thatlook_model_info{fingerprint="abc",model="visual"} 1.0' in text
            assert "process_resident_memory_bytes" in text
            assert client.get("/other").status_code == 404
            began = time.monotonic()
            ending.set()
            unready = client.get("/readyz")
            assert (unready.status_code, list(unready.json()["waiting_for"])) == (503, ["worker"])
        assert time.monotonic() - began >= 0.4
        with pytest.raises(httpx.TransportError):
            client.get("/healthz")


class _Unnoted(threading.Event):
    """Set, and nobody who waits for it has run yet."""

    def wait(self, _timeout: float | None = None) -> bool:
        return threading.Event().wait(1)


def test_one_that_ends_at_once_after_it_was_told_is_seen_as_long() -> None:
    """The thread that notes the moment may not have run by then; closing the port takes half a second at most."""
    told, ending = WorkerMetrics(), _Unnoted()
    with answering(Health(told.registry, ending), told.registry, "127.0.0.1", free_port(), drain_s=0.8):
        began = time.monotonic()
        ending.set()
    assert time.monotonic() - began >= 0.8


def test_a_port_that_is_taken_is_told() -> None:
    told, port = WorkerMetrics(), free_port()
    health = Health(told.registry, threading.Event())
    with (
        answering(health, told.registry, "127.0.0.1", port, 0.0),
        pytest.raises(Unavailable, match="Choose another"),
        answering(health, told.registry, "127.0.0.1", port, 0.0),
    ):
        pass
