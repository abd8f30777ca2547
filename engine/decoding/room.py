"""Memory for decoding, shared by everybody in this process: who finds none waits, in the order of coming."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """So many bytes at once. A request for more than all waits until it is alone."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._free = total_bytes
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, size_bytes: int, until: float) -> Iterator[None]:
        """Hold bytes for the time of the block.

        Args:
            until: the moment on the monotonic clock after which waiting is in vain.
        Raises:
            TimeoutError: it came, and there was no room.
        """
        size = min(size_bytes, self._total)
        self._take(size, until)
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify()

    def _take(self, size: int, until: float) -> None:
        if not self._turn.acquire(timeout=max(0.0, until - time.monotonic())):
            raise TimeoutError
        try:
            with self._changed:
                if not self._changed.wait_for(lambda: self._free >= size, max(0.0, until - time.monotonic())):
                    raise TimeoutError
                self._free -= size
        finally:
            self._turn.release()
