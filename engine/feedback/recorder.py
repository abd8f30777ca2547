"""Writing queries down beside the searches: never on a search's own time, never more than fits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, Full, Queue
from threading import Event as Signal
from threading import Lock, Thread
from time import monotonic

from engine.errors import ThatLookError
from engine.feedback.events import AnsweredQuery, Event, EventBook, WeakQuery

_WAITING = 10_000
_TOGETHER = 500
_EVERY_S = 0.5
_PRUNE_S = 600.0
_log = logging.getLogger("thatlook.feedback")


class Recorder:
    """A book of queries and events with a thread that writes; what does not fit any more is dropped and counted."""

    def __init__(self, book: EventBook, days: int, most: int) -> None:
        """Start writing.

        Args:
            days: how long queries and events are kept; most: how many of each.
        """
        self.book, self.dropped = book, 0
        self._keep, self._most = timedelta(days=days), most
        self._waiting: Queue[AnsweredQuery] = Queue(_WAITING)
        self._writing, self._ending, self._pruned = Lock(), Signal(), monotonic()
        self._thread = Thread(target=self._write_on, name="feedback", daemon=True)
        self._thread.start()

    def note(self, query: AnsweredQuery) -> None:
        """Keep a query, soon."""
        try:
            self._waiting.put_nowait(query)
        except Full:
            self.dropped += 1

    def take(self, events: Sequence[Event]) -> None:
        """Keep events, now."""
        self.book.add_events(events)

    def weak(self, days: int, limit: int) -> list[WeakQuery]:
        """Queries of the last days without a good match."""
        self.flush()
        return self.book.weak(datetime.now(UTC) - timedelta(days=days), limit)

    def flush(self) -> None:
        """Write what waits; what another thread is writing is written too when this returns."""
        with self._writing:
            while waiting := self._some():
                self.book.add_queries(waiting)

    def close(self) -> None:
        """Write what waits, and end."""
        self._ending.set()
        self._thread.join()
        with suppress(ThatLookError):
            self.flush()
        self.book.close()

    def _write_on(self) -> None:
        self._prune()
        while not self._ending.wait(_EVERY_S):
            try:
                self.flush()
                if monotonic() - self._pruned > _PRUNE_S:
                    self._prune()
            except ThatLookError as error:
                _log.error("Queries could not be written down: %s", error)

    def _prune(self) -> None:
        self._pruned = monotonic()
        try:
            self.book.prune(datetime.now(UTC) - self._keep, self._most)
        except ThatLookError as error:
            _log.error("Old queries and events could not be forgotten: %s", error)

    def _some(self) -> list[AnsweredQuery]:
        found: list[AnsweredQuery] = []
        with suppress(Empty):
            while len(found) < _TOGETHER:
                found.append(self._waiting.get_nowait())
        return found
