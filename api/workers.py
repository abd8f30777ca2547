"""Threads for work that blocks: what would be answered too late is turned away at once instead of piling up."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil
from typing import TypeVar

from engine.errors import DeadlineExceeded, Unavailable
from engine.system.clock import Deadline

T = TypeVar("T")
HOPE = 0.5
"""Work is taken on if, as things went lately, it ends within this share of its time; the rest is for being wrong."""
_NEWEST = 0.1
"""How much the newest duration counts in the mean."""


class Busy(Unavailable):
    """As much is under way as can be; the caller should come back after `retry_after_s`."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Workers:
    """A pool of threads behind a queue that admits only what it expects to end in time.

    `waiting`, `running` and `mean_s` are for an operator to watch.
    """

    def __init__(self, name: str, *, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._threads, self._places = threads, threads + queue
        self._lock = threading.Lock()
        self._held = 0
        self.running = 0
        self._mean_s = 0.0

    @property
    def waiting(self) -> int:
        """Calls that were taken on and not begun."""
        return max(0, self._held - self.running)

    def mean_s(self) -> float:
        """The mean duration of late; 0 before the first call ended."""
        return self._mean_s

    def expect(self, deadline: Deadline) -> None:
        """See whether a call could be taken on now, so that nothing is prepared in vain.

        Raises:
            Busy: it would wait too long, or every place is held.
        """
        with self._lock:
            self._check(deadline)

    async def run(self, call: Callable[[], T], deadline: Deadline) -> T:
        """Run a blocking call on a thread; the event loop stays free.

        Work that is still queued when the deadline passes is never begun; work under way goes
        on to its next check of the deadline, but its caller no longer waits.

        Raises:
            Busy: it would wait too long, or every place is held.
            DeadlineExceeded: no result by the deadline.
        """
        future = self._submit(call, deadline)
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

    def _submit(self, call: Callable[[], T], deadline: Deadline) -> Future[T]:
        with self._lock:
            self._check(deadline)
            self._held += 1
        try:
            future = self._pool.submit(contextvars.copy_context().run, self._timed, call)
        except BaseException:
            self._release(None)
            raise
        future.add_done_callback(self._release)
        return future

    def _check(self, deadline: Deadline) -> None:
        """With a thread free there is nothing to fear, however slow things were before."""
        if self._held < self._threads:
            return
        wait_s = (self._held - self._threads + 1) / self._threads * self._mean_s
        in_time = wait_s + self._mean_s <= HOPE * (deadline.at - time.monotonic())
        if not in_time or self._held >= self._places:
            raise Busy("Too many requests are under way; try again in a moment.", max(1, ceil(wait_s)))

    def _timed(self, call: Callable[[], T]) -> T:
        start = time.monotonic()
        with self._lock:
            self.running += 1
        try:
            result = call()
        finally:
            with self._lock:
                self.running -= 1
        took = time.monotonic() - start  # Refusals raise, and are too quick to tell how long an answer takes.
        with self._lock:
            self._mean_s += (_NEWEST if self._mean_s else 1.0) * (took - self._mean_s)
        return result

    def _release(self, _: Future[T] | None) -> None:
        with self._lock:
            self._held -= 1
