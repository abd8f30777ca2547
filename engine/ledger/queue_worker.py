"""The worker's side of the queue: claims jobs, has them done on threads, and says all the while that it lives.

PgQueuer's event loop sends heartbeats while a job computes on a thread; a job whose worker is not heard of is taken
over by another. A job is done at least once: it must bear being done twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Any

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job as Picked

from engine.ledger.queue import queue_names

CONCURRENT = 2
"""Jobs of a lane in one worker: one computes while the other fetches and writes. PgQueuer takes no fewer."""
LEASE_S = 30.0
"""A worker that is not heard of for so long has lost its jobs."""
POLL_S = 5.0
RECONNECT_S = (1.0, 30.0)
ANSWER_S = 30.0
"""The queue's statements are short: one that is not answered for so long is one to a server that hangs."""
_HISTORY = 1000
_log = logging.getLogger(__name__)


class TryLater(Exception):
    """A job cannot be done now: it goes back into the queue, for whoever is free then."""

    def __init__(self, delay_s: float, reason: str) -> None:
        super().__init__(reason)
        self.delay_s, self.reason = delay_s, reason


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that this worker has.

    Attributes:
        losses: how often a worker had it that was not heard of again.
        tries: how often it was put back into the queue.
    """

    lane: str
    payload: bytes
    losses: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Lanes:
    """Which jobs are done, and how.

    Attributes:
        do: does a job, on a thread; what it raises puts the job among the dead, `TryLater` back into the queue.
        alive: called about every second for as long as the worker is in touch with the queue.
    """

    names: Sequence[str]
    do: Callable[[Claim], None]
    alive: Callable[[], None]
    lease_s: float = LEASE_S
    poll_s: float = POLL_S


def work(dsn: str, lanes: Lanes, stopping: Event) -> None:
    """Work until `stopping` is set; jobs under way are ended first. Outages of PostgreSQL are waited out.

    Args:
        dsn: libpq's address of the database.
    """
    logging.getLogger("pgqueuer").setLevel(logging.CRITICAL)  # It logs stacks of what we tell in words.
    asyncio.run(_work(dsn, lanes, stopping))


async def _work(dsn: str, lanes: Lanes, stopping: Event) -> None:
    wait_s = RECONNECT_S[0]
    while not stopping.is_set():
        clock = asyncio.get_running_loop().time
        begun = clock()
        told = await _told(_session(dsn, lanes, stopping))
        if told is None:
            continue
        if clock() - begun > RECONNECT_S[1]:
            wait_s = RECONNECT_S[0]
        _log.warning("The queue does not answer (%s); trying again in %g s", told, wait_s)
        await asyncio.get_running_loop().run_in_executor(None, stopping.wait, wait_s)
        wait_s = min(2 * wait_s, RECONNECT_S[1])


async def _told(session: Coroutine[Any, Any, None]) -> str | None:
    """Why a session ended with the database away; None where it ended by itself."""
    told: str | None = None
    try:
        await session
    except* Exception as group:  # A connection that breaks in the middle makes asyncpg raise whatever it likes.
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        told = str(first) or type(first).__name__
    return told


async def _session(dsn: str, lanes: Lanes, stopping: Event) -> None:
    """Work for as long as the connections hold."""
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_keep_alive(lanes, ended))
        working = [group.create_task(_serve(dsn, name, lanes, stopping)) for name in lanes.names]
        await asyncio.wait(working)
        ended.set()
        await watching


async def _keep_alive(lanes: Lanes, ended: asyncio.Event) -> None:
    while not ended.is_set():
        lanes.alive()
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), 1.0)


async def _serve(dsn: str, name: str, lanes: Lanes, stopping: Event) -> None:
    """One lane, over a connection of its own."""
    connection = await asyncpg.connect(dsn, timeout=10.0, command_timeout=ANSWER_S)
    pool = ThreadPoolExecutor(CONCURRENT, f"lane-{name}")
    try:
        queries = Queries(
            AsyncpgDriver(connection),
            QueryBuilderEnvironment(queue_names()),
            QueryQueueBuilder(queue_names()),
            QuerySchedulerBuilder(queue_names()),
        )
        manager = QueueManager(queries, queue_names().channel)

        async def do(job: Picked) -> None:
            await _do(queries, pool, lanes, job)

        manager.entrypoint(name, on_failure="hold")(do)
        stopper = asyncio.create_task(_stop(manager, stopping))
        try:
            await manager.run(
                batch_size=1,
                max_concurrent_tasks=CONCURRENT,
                heartbeat_timeout=timedelta(seconds=lanes.lease_s),
                dequeue_timeout=timedelta(seconds=lanes.poll_s),
                log_aggregation_interval=timedelta(0),
            )
        finally:
            stopper.cancel()
    finally:
        pool.shutdown(wait=False)
        with suppress(Exception):
            await connection.close(timeout=5.0)


async def _do(queries: Queries, pool: ThreadPoolExecutor, lanes: Lanes, job: Picked) -> None:
    claim = Claim(str(job.entrypoint), job.payload or b"", await _losses(queries, job), job.attempts)
    try:
        await asyncio.get_running_loop().run_in_executor(pool, lanes.do, claim)
    except TryLater as later:
        _log.info("A job of the lane %s goes back into the queue: %s", claim.lane, later.reason)
        raise RetryRequested(timedelta(seconds=later.delay_s), later.reason) from later
    except Exception:
        _log.exception("A job of the lane %s was given up; see `thatlook queue`", claim.lane)
        raise


async def _losses(queries: Queries, job: Picked) -> int:
    """How often the job was picked and neither ended nor was given back."""
    picks = 0
    for entry in await queries.job_log_history(job.id, _HISTORY):
        picks = picks + 1 if entry.status == "picked" else 0
    return max(0, picks - 1)


async def _stop(manager: QueueManager, stopping: Event) -> None:
    while not stopping.is_set():
        await asyncio.sleep(0.2)
    manager.shutdown.set()
