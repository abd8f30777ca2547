"""The watched feed of a catalogue in servers: any worker may look, one of them does, and all know what it saw."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.errors import ThatLookError
from engine.jobs import WatchedFeed
from engine.ledger.work import SharedWork
from engine.seams import Ledger
from ingest.jobs.shared_feed_jobs import WATCHED, SharedFeedJobs
from ingest.jobs.watching import FeedWatch, WatchRules

_log = logging.getLogger(__name__)


class LedgerMemory:
    """What a watch knows, in the ledger that all workers share."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def read(self) -> dict[str, Any] | None:
        """What was kept."""
        try:
            return dict(msgspec.json.decode(self._ledger.get_setting(WATCHED) or "{}"))
        except ThatLookError as error:
            _log.warning("What is known of the watched feed cannot be read: %s", error.message)
            return None

    def keep(self, document: dict[str, Any], feed: WatchedFeed) -> None:  # noqa: ARG002
        """Keep it; whoever answers for the catalogue reads it from there."""
        try:
            self._ledger.set_setting(WATCHED, msgspec.json.encode(document).decode())
        except ThatLookError as error:
            _log.warning("What is known of the watched feed is not kept: %s", error.message)


class SharedFeedWatch(FeedWatch):
    """A watch beside others of its kind: who looks does so alone, and knows what the one before saw."""

    def __init__(self, jobs: SharedFeedJobs, rules: WatchRules, ledger: Ledger, work: SharedWork) -> None:
        super().__init__(jobs, rules, LedgerMemory(ledger))
        self._shared = work

    def look(self) -> WatchedFeed:
        """Ask for the feed, unless another worker did or does."""
        try:
            with self._shared.alone("watched feed") as mine:
                self.recall()
                if mine and self.feed.next_check <= datetime.now(UTC):
                    return super().look()
        except ThatLookError as error:
            _log.warning("The watched feed waits: %s", error.message)
        return self.feed

    def _pause_s(self) -> float:
        """Never less than a second: another worker may be at it, or the ledger away."""
        return max(1.0, super()._pause_s())
