"""A feed that a server fetches by itself: asked for only if it has changed, less often while that fails."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from engine.errors import QueryRejected
from engine.jobs import FeedJob, FeedRequest, WatchedFeed
from engine.remote import RemoteLimits
from engine.system.durable import read_checked, write_checked
from engine.system.redaction import redacted
from engine.system.refusals import refusal
from ingest.jobs.accepting import error_of
from ingest.jobs.download import Served, download

FIRST_WAIT_S = 60.0
"""After a first failure; then twice as long each time, at most as long as between two looks."""
LEAST_EVERY_S = 60.0
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DOCUMENT = "watched.json"
_log = logging.getLogger(__name__)


def seconds_of(text: str) -> float:
    """A time such as `30m`, `6h`, `1d` or `3600`.

    Raises:
        QueryRejected: no such time, or less than a minute.
    """
    found = re.fullmatch(r"\s*(\d{1,7}(?:\.\d{1,3})?)\s*([a-z]*)\s*", text.lower())
    if not found or found[2] not in _UNITS or float(found[1]) * _UNITS[found[2]] < LEAST_EVERY_S:
        raise QueryRejected(f"THATLOOK_FEED_EVERY is {text!r}; give a minute or more, such as 30m, 6h or 1d.")
    return float(found[1]) * _UNITS[found[2]]


@dataclass(frozen=True, slots=True)
class WatchRules:
    """What is watched, and how its jobs are to be.

    Attributes:
        url: may carry a name and password, and lead into the operator's own network.
        prune: take out products that left the feed.
    """

    url: str
    every_s: float
    limits: RemoteLimits
    prune: bool = False
    name: str | None = None
    shop_url: str | None = None
    currency: str | None = None

    @property
    def trusting(self) -> RemoteLimits:
        """The limits, with the feed's own host trusted."""
        host = (urlsplit(self.url).hostname or "").casefold()
        return replace(self.limits, ports=frozenset(), trusted=frozenset({host}))


class TakesFeeds(Protocol):
    """What a watch needs of feed jobs."""

    def inbox(self) -> Path:
        """A new file's path."""
        ...

    def submit(self, request: FeedRequest) -> FeedJob:
        """Take a feed on."""
        ...


class WatchMemory(Protocol):
    """Where a watch keeps what it knows."""

    def read(self) -> dict[str, Any] | None:
        """What was kept."""
        ...

    def keep(self, document: dict[str, Any], feed: WatchedFeed) -> None:
        """Keep it, and have it shown."""
        ...


class HomeMemory:
    """A file beside the jobs of a home; `show` is told of what is known now."""

    def __init__(self, folder: Path, show: Callable[[WatchedFeed], None]) -> None:
        self._path, self._show = folder / _DOCUMENT, show

    def read(self) -> dict[str, Any] | None:
        """What was kept."""
        return read_checked(self._path)

    def keep(self, document: dict[str, Any], feed: WatchedFeed) -> None:
        """Keep it, and have it shown."""
        self._show(feed)
        try:
            write_checked(self._path, document)
        except OSError as error:
            _log.error("What is known of the watched feed is not kept: %s", refusal(error, "It", self._path).message)


class FeedWatch:
    """Looks at one address now and then, and gives what is new to the feed jobs. What it knows survives a restart."""

    def __init__(
        self, jobs: TakesFeeds, rules: WatchRules, memory: WatchMemory, now: Callable[[], datetime] | None = None
    ) -> None:
        self._jobs, self._rules, self._memory = jobs, rules, memory
        self._now = now or (lambda: datetime.now(UTC))
        self._stop = Event()
        self._thread: Thread | None = None
        self._known: Served | None = None
        self.feed = WatchedFeed(rules.url, rules.every_s, self._now())
        self.recall()

    def look(self) -> WatchedFeed:
        """Ask for the feed now, and hand it on if it is new; failures are kept, never raised."""
        now = self._now()
        try:
            feed = self._looked(now)
        except Exception as error:
            failures = self.feed.failures + 1
            wait_s = min(self._rules.every_s, FIRST_WAIT_S * 2 ** min(failures - 1, 20))
            _, said = error_of(error)
            feed = replace(self.feed, failures=failures, problem=said, last_checked=now)
            feed = replace(feed, next_check=now + timedelta(seconds=wait_s))
            _log.warning("The watched feed could not be fetched: %s", redacted(said))
        self._keep(feed)
        return feed

    def start(self) -> None:
        """Begin to look in the background."""
        self._thread = Thread(target=self._work, name="ingest-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(self._pause_s()):
            self.look()

    def _pause_s(self) -> float:
        return max(0.0, (self.feed.next_check - self._now()).total_seconds())

    def _looked(self, now: datetime) -> WatchedFeed:
        inbox = self._jobs.inbox()
        feed = replace(self.feed, last_checked=now, failures=0, problem=None)
        feed = replace(feed, next_check=now + timedelta(seconds=self._rules.every_s))
        try:
            served = download(self._rules.url, inbox, self._rules.trusting, known=self._known, stopping=self._stop)
            if served.changed:
                job = self._jobs.submit(self._request(inbox, served))
                feed = replace(feed, last_changed=now, last_job=job.job_id)
        finally:
            inbox.unlink(missing_ok=True)
        self._known = served
        return feed

    def _request(self, inbox: Path, served: Served) -> FeedRequest:
        rules = self._rules
        name = rules.name or served.file_name
        return FeedRequest(
            "schedule", str(inbox), name, served.file_name, prune=rules.prune, shop_url=rules.shop_url,
            currency=rules.currency,
        )  # fmt: skip

    def _keep(self, feed: WatchedFeed) -> None:
        self.feed = feed
        document = {"feed": msgspec.to_builtins(replace(feed, feed_url=redacted(feed.feed_url)))}
        document["known"] = msgspec.to_builtins(self._known)
        self._memory.keep(document, feed)

    def recall(self) -> None:
        """Know what was known before, if it was of this very address."""
        document = self._memory.read() or {}
        try:
            feed = msgspec.convert(document.get("feed"), WatchedFeed)
            known = msgspec.convert(document.get("known"), Served | None)
        except msgspec.ValidationError:
            return
        if feed.feed_url == redacted(self._rules.url):
            self._known = known
            next_check = min(feed.next_check, self._now() + timedelta(seconds=self._rules.every_s))
            self.feed = replace(feed, feed_url=self._rules.url, every_s=self._rules.every_s, next_check=next_check)


@contextmanager
def looking(watch: FeedWatch) -> Iterator[None]:
    """Look in the background, until the end."""
    watch.start()
    try:
        yield
    finally:
        watch.close()
