"""The bounded pool: full means busy, late means late, and nothing begins after its deadline."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from api.http.logs import request_id
from api.workers import Busy, Workers
from engine.errors import DeadlineExceeded, TextRejected
from engine.system.clock import Deadline


@pytest.fixture
def workers() -> Iterator[Workers]:
    """One thread, one place to wait."""
    pool = Workers("test", threads=1, queue=1)
    yield pool
    pool.close()


def test_result_error_and_context_come_through(workers: Workers) -> None:
    """The value, the exception and the request's id cross the thread."""

    async def play() -> None:
        token = request_id.set("r1")
        assert await workers.run(request_id.get, Deadline.within(5)) == "r1"
        request_id.reset(token)
        with pytest.raises(TextRejected):
            await workers.run(lambda: (_ for _ in ()).throw(TextRejected("no")).__next__(), Deadline.within(5))

    asyncio.run(play())


def test_third_of_two_is_busy(workers: Workers) -> None:
    """One runs, one waits, the third is turned away at once; a place is free again afterwards."""

    async def play() -> None:
        gate = threading.Event()
        running = asyncio.create_task(workers.run(gate.wait, Deadline.within(5)))
        waiting = asyncio.create_task(workers.run(gate.wait, Deadline.within(5)))
        await asyncio.sleep(0.05)
        with pytest.raises(Busy):
            await workers.run(lambda: None, Deadline.within(5))
        gate.set()
        assert await running
        assert await waiting
        assert await workers.run(lambda: 3, Deadline.within(5)) == 3

    asyncio.run(play())


def test_late_work_is_left_and_queued_work_never_begins(workers: Workers) -> None:
    """The caller is answered at its deadline although the thread is still held."""

    async def play() -> None:
        gate, begun = threading.Event(), threading.Event()
        start = time.monotonic()
        slow = asyncio.create_task(workers.run(lambda: gate.wait(5), Deadline.within(0.1)))
        queued = asyncio.create_task(workers.run(begun.set, Deadline.within(0.1)))
        for task in (slow, queued):
            with pytest.raises(DeadlineExceeded):
                await task
        assert time.monotonic() - start < 1.0
        gate.set()
        assert await workers.run(lambda: "free", Deadline.within(5)) == "free"
        assert not begun.is_set()

    asyncio.run(play())


def test_what_could_not_end_in_time_is_turned_away_at_once() -> None:
    """Calls of 0.2 s on one thread: of those with 1 s, one may run and one wait; the third is told when to come."""

    async def play() -> None:
        pool = Workers("test", threads=1, queue=100)
        await pool.run(lambda: time.sleep(0.2), Deadline.within(5))
        assert 0.19 < pool.mean_s() < 0.5
        taken = [asyncio.create_task(pool.run(lambda: time.sleep(0.2), Deadline.within(1))) for _ in range(2)]
        await asyncio.sleep(0.02)
        assert (pool.running, pool.waiting) == (1, 1)
        start = time.monotonic()
        with pytest.raises(Busy) as refused:
            await pool.run(lambda: None, Deadline.within(1))
        assert refused.value.retry_after_s == 1
        with pytest.raises(Busy):
            pool.expect(Deadline.within(1))
        pool.expect(Deadline.within(60))
        assert time.monotonic() - start < 0.1
        await asyncio.gather(*taken)
        assert (pool.running, pool.waiting) == (0, 0)
        pool.close()

    asyncio.run(play())


def test_a_free_thread_always_takes_work() -> None:
    """One slow call must not lock everybody out: only the next one can show that it was an exception."""

    async def play() -> None:
        pool = Workers("test", threads=1, queue=4)
        await pool.run(lambda: time.sleep(0.3), Deadline.within(5))
        for _ in range(12):
            assert await pool.run(lambda: 7, Deadline.within(0.2)) == 7
        assert pool.mean_s() < 0.15
        pool.close()

    asyncio.run(play())


def test_refusals_do_not_make_answers_look_quick() -> None:
    """A call that raises says nothing about how long an answer takes."""

    async def play() -> None:
        pool = Workers("test", threads=1, queue=1)
        await pool.run(lambda: time.sleep(0.1), Deadline.within(5))
        before = pool.mean_s()
        with pytest.raises(TextRejected):
            await pool.run(lambda: (_ for _ in ()).throw(TextRejected("no")).__next__(), Deadline.within(5))
        assert pool.mean_s() == before
        pool.close()

    asyncio.run(play())
