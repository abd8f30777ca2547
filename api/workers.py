"""Threads for work that blocks: bounded, so that a rush waits or is turned away instead of piling up."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from engine.clock import Deadline
from engine.errors import DeadlineExceeded, Unavailable

T = TypeVar("T")


class Busy(Unavailable):
    """As much is under way as can be; the caller should come back in a moment."""


class Workers:
    """A pool of threads with a bounded queue before it."""

    def __init__(self, name: str, *, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._places = threading.BoundedSemaphore(threads + queue)

    async def run(self, call: Callable[[], T], deadline: Deadline) -> T:
        """Run a blocking call on a thread; the event loop stays free.

        Work that is still queued when the deadline passes is never begun; work under way goes
        on to its next check of the deadline, but its caller no longer waits.

        Raises:
            Busy: the queue is full.
            DeadlineExceeded: no result by the deadline.
        """
        if not self._places.acquire(blocking=False):
            raise Busy("Too many requests are under way; try again in a moment.")
        future = self._submit(call)
        remaining = deadline.at - asyncio.get_running_loop().time()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), max(0.0, remaining))
        except TimeoutError:
            if future.done() and not future.cancelled():
                return future.result()  # Finished at the last moment, or itself raised a TimeoutError.
            raise DeadlineExceeded("The time for this request ran out; try again when it is quieter.") from None

    def close(self) -> None:
        """Drop what waits, and wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        try:
            future = self._pool.submit(contextvars.copy_context().run, call)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(lambda _: self._places.release())
        return future
