"""Picture servers that do not answer: a feed does not wait anew for each of their pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from ingest.images.not_fetched import ImageNotFetched

FAILURES = 3
"""So many tries in a row, over `SILENT_S` at least, without a picture or a plain no: the server is away."""
SILENT_S = 30.0
"""A server that restarts costs no product."""
TRY_EVERY_S = 60.0
"""One picture in so long is asked for while it is away."""
_MOST = 1_000


@dataclass(slots=True)
class _Silence:
    since: float
    failures: int = 0
    next_try: float = 0.0


class PictureHosts:
    """What is known of servers that failed lately. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._silent: dict[str, _Silence] = {}

    def check(self, host: str) -> float:
        """Let a picture be asked for, now or not at all; the moment of it.

        Raises:
            ImageNotFetched: the server is away.
        """
        with self._lock:
            now, found = self._clock(), self._silent.get(host)
            if found is None or found.failures < FAILURES or now - found.since < SILENT_S:
                return now
            if now >= found.next_try:
                found.next_try = now + TRY_EVERY_S
                return now
        raise ImageNotFetched(f"The picture server {host} does not answer; it is asked again later.", transient=True)

    def answered(self, host: str) -> None:
        """It gave a picture, or said that there is none."""
        if host in self._silent:
            with self._lock:
                self._silent.pop(host, None)

    def failed(self, host: str, asked: float) -> None:
        """It did not answer, or was in trouble, when it was `asked`."""
        with self._lock:
            if host not in self._silent and len(self._silent) >= _MOST:
                self._silent.pop(next(iter(self._silent)))
            self._silent.setdefault(host, _Silence(asked)).failures += 1


@lru_cache(1)
def the_hosts() -> PictureHosts:
    """What this process knows, over all feeds and products."""
    return PictureHosts()
