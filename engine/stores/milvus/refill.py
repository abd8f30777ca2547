"""Embeddings are fetched behind searches: what these missed in memory, and whole collections that have room there.

A few rows at a time, and a small share of the time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import islice
from threading import Condition, Thread

from engine.errors import ThatLookError

AT_ONCE = 128
"""Rows of one request; half a megabyte of 1024 numbers each."""
MOST = 50_000
"""Rows that may wait; further ones are fetched when they are missed again."""
SHARE = 0.25
"""Of the time, that fetching takes at most."""
AFTER_FAILURE_S = 60.0
_log = logging.getLogger(__name__)


class Refill:
    """Fetches wanted rows on a thread of its own, which lives as long as there is something to fetch."""

    def __init__(
        self,
        fetch: Callable[[str, Sequence[str]], object],
        fetch_next: Callable[[str, str, int], str],
        *,
        share: float = SHARE,
        after_failure_s: float = AFTER_FAILURE_S,
    ) -> None:
        """Make one.

        Args:
            fetch: rows of a collection by their ids.
            fetch_next: so many rows of a collection from behind an id on; the last one's id, empty where there is none.
        """
        self._fetch, self._fetch_next, self._share, self._after_failure_s = fetch, fetch_next, share, after_failure_s
        self._wanted: dict[str, dict[str, None]] = {}
        self._whole: dict[str, str] = {}
        self._changed = Condition()
        self._running = self._closed = False
        self._not_before = 0.0

    def want(self, name: str, item_ids: Collection[str]) -> None:
        """Have rows of a collection fetched soon; forgotten where too many wait, or the server failed just now."""
        with self._changed:
            if self._closed or not item_ids or time.monotonic() < self._not_before:
                return
            if sum(map(len, self._wanted.values())) < MOST:
                self._wanted.setdefault(name, {}).update(dict.fromkeys(item_ids))
            self._begin()

    def want_all(self, name: str) -> None:
        """Have every row of a collection fetched, after those that were missed; forgotten as by `want`."""
        with self._changed:
            if not self._closed and time.monotonic() >= self._not_before:
                self._whole.setdefault(name, "")
                self._begin()

    def wait(self, patience_s: float) -> bool:
        """Whether everything that was wanted has come, or failed, within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, patience_s)

    def close(self) -> None:
        """Fetch nothing more."""
        with self._changed:
            self._closed = True
            self._wanted.clear()
            self._whole.clear()
            self._changed.notify_all()

    def _begin(self) -> None:
        if not self._running:
            self._running = True
            Thread(target=self._run, name="milvus-refill", daemon=True).start()

    def _run(self) -> None:
        while (fetch := self._next()) is not None:
            begun = time.monotonic()
            try:
                fetch()
            except ThatLookError as error:
                _log.info("Embeddings are not kept at hand for now: %s", error)
                self._give_up()
            pause_s = (time.monotonic() - begun) * (1 / self._share - 1)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, pause_s)

    def _next(self) -> Callable[[], object] | None:
        """What fetches some rows of one collection; None where no more are wanted, and then the thread ends."""
        with self._changed:
            if self._closed or not (self._wanted or self._whole):
                self._running = False
                self._changed.notify_all()
                return None
            if self._wanted:
                return self._missed()
            name = next(iter(self._whole))
            return partial(self._go_on, name, self._whole[name])

    def _missed(self) -> Callable[[], object]:
        name, waiting = next(iter(self._wanted.items()))
        ids = list(islice(waiting, AT_ONCE))
        for item_id in ids:
            del waiting[item_id]
        if not waiting:
            del self._wanted[name]
        return partial(self._fetch, name, ids)

    def _go_on(self, name: str, item_id: str) -> None:
        last = self._fetch_next(name, item_id, AT_ONCE)
        with self._changed:
            if name in self._whole and last:
                self._whole[name] = last
            else:
                self._whole.pop(name, None)

    def _give_up(self) -> None:
        with self._changed:
            self._wanted.clear()
            self._whole.clear()
            self._not_before = time.monotonic() + self._after_failure_s
