"""The bounded pool: full means busy, late means late, and nothing begins after its deadline."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from api.logs import request_id
from api.workers import Busy, Workers
from engine.clock import Deadline
from engine.errors import DeadlineExceeded, TextRejected


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
