"""PostgreSQL restarted and hanging under workers: nothing lost, nothing doubled, and nobody waits for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from engine.errors import StoreUnavailable
from engine.ledger import queue_worker
from engine.seams import IngestState
from ingest.run.dependencies import IngestDependencies
from ingest.scale.job_worker import JobWorker
from tests.fixtures.catalogue import close_parts
from tests.fixtures.postgres import PostgresServer, fresh_database
from tests.fixtures.workers import lanes, leases_over, open_worker_parts, work_until_done
from tests.integration.ingest.test_workers import a_feed, queued, settled

pytestmark = pytest.mark.usefixtures("small_jobs", "soon_away")
LEASE_S = 1.0


def test_postgresql_restarted_and_hanging_in_the_middle(
    tmp_path: Path, stoppable_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker and a reader of a feed both go on where they were; nothing is lost or doubled."""
    monkeypatch.setattr(queue_worker, "RECONNECT_S", (0.2, 1.0))
    parts = open_worker_parts(tmp_path, fresh_database(stoppable_postgres.url))
    feed = a_feed(tmp_path, 80)
    worker = Thread(target=_until_indexed, args=[parts, 80])
    worker.start()
    reader = Thread(target=queued, args=[parts, feed])
    reader.start()
    time.sleep(0.3)
    stoppable_postgres.restart()
    _until(parts, lambda counts: counts[IngestState.INDEXED] >= 4)
    with stoppable_postgres.hanging():
        time.sleep(5.0)
    reader.join()
    worker.join()
    settled(parts)
    close_parts(parts)


def test_a_worker_can_be_stopped_while_postgresql_hangs(tmp_path: Path, stoppable_postgres: PostgresServer) -> None:
    """It does not wait for a server that may never answer; its products are another's afterwards."""
    parts = open_worker_parts(tmp_path, fresh_database(stoppable_postgres.url))
    queued(parts, a_feed(tmp_path, 40))
    stopping = Event()
    assert parts.work is not None
    args = parts.work.dsn, lanes(JobWorker(parts, stopping), LEASE_S), stopping
    worker = Thread(target=queue_worker.work, args=args)
    worker.start()
    _until(parts, lambda counts: counts[IngestState.INDEXED] >= 4)
    with stoppable_postgres.hanging():
        time.sleep(0.5)
        stopping.set()
        worker.join(20)
        assert not worker.is_alive()
    leases_over(parts)
    work_until_done(parts)
    assert parts.ledger.counts()[IngestState.INDEXED] == 40
    settled(parts)
    close_parts(parts)


def _until(parts: IngestDependencies, enough: Callable[[Any], bool], patience_s: float = 60.0) -> None:
    end = time.monotonic() + patience_s
    while True:
        with suppress(StoreUnavailable):
            if enough(parts.ledger.counts()):
                return
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)


def _until_indexed(parts: IngestDependencies, products: int) -> None:
    assert parts.work is not None
    stopping = Event()
    args = parts.work.dsn, lanes(JobWorker(parts, stopping), LEASE_S), stopping
    thread = Thread(target=queue_worker.work, args=args)
    thread.start()
    try:
        _until(parts, lambda counts: counts[IngestState.INDEXED] == products, patience_s=90)
    finally:
        stopping.set()
        thread.join()
