"""A circuit breaker: a server that does not answer is left alone for a while, so that not every caller waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from engine.errors import StoreUnavailable

FAILURES = 3
"""Calls in a row without an answer after which no more are made."""
FIRST_S = 0.5
LONGEST_S = 15.0


class Breaker:
    """Open after several calls in a row without an answer; then one call at a time tries whether the server is back.

    The time between tries doubles from `first_s` to `longest_s`, and is short again after the first answer.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        first_s: float = FIRST_S,
        longest_s: float = LONGEST_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed, self._first_s, self._longest_s, self._clock = failures, first_s, longest_s, clock
        self._lock = Lock()
        self._in_row, self._wait_s, self._next_try = 0, first_s, 0.0

    def check(self, who: str) -> None:
        """Let a call through, or refuse it at once.

        Raises:
            StoreUnavailable: the server did not answer lately, and it is not yet time for the next try.
        """
        with self._lock:
            if self._in_row < self._allowed:
                return
            now = self._clock()
            if now >= self._next_try:
                self._next_try = now + self._longest_s  # This call is the try; its end says when the next one is due.
                return
        raise StoreUnavailable(f"{who} has not answered lately and is asked again within {self._longest_s:.0f} s.")

    def answered(self) -> None:
        """The server answered, whatever it said."""
        with self._lock:
            self._in_row, self._wait_s = 0, self._first_s

    def failed(self) -> None:
        """The server did not answer."""
        with self._lock:
            self._in_row += 1
            if self._in_row >= self._allowed:
                self._next_try = self._clock() + self._wait_s
                self._wait_s = min(2 * self._wait_s, self._longest_s)
