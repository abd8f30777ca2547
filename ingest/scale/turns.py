"""Jobs of one worker: they run beside each other, but for those at which a worker died; how each is told to stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Event


class Turns:
    """Whoever is to run alone waits until the others are done, and nobody begins meanwhile."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._running = self._wanting = 0
        self._is_alone = False

    @contextmanager
    def taken(self, *, alone: bool) -> Iterator[None]:
        """A turn, for the time of the block."""
        with self._changed:
            self._wanting += alone
            self._changed.wait_for(lambda: self._may_begin(alone))
            self._wanting -= alone
            self._running, self._is_alone = self._running + 1, alone
        try:
            yield
        finally:
            with self._changed:
                self._running, self._is_alone = self._running - 1, False
                self._changed.notify_all()

    def _may_begin(self, alone: bool) -> bool:
        return self._running == 0 if alone else not (self._is_alone or self._wanting)


class JobStop(Event):
    """Set when its job breaks off, and whenever the whole worker is to stop; never the other way round."""

    def __init__(self, worker: Event) -> None:
        super().__init__()
        self._worker = worker

    def is_set(self) -> bool:
        """Whether the job is to stop."""
        return super().is_set() or self._worker.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the worker's end; a job that breaks off has nobody left who waits for long."""
        return self._worker.wait(timeout)
