"""What the workers of many machines share beside the entries: the queue, a feed's progress, and who works alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, func, select, text

from engine.ledger import tables
from engine.seams import IngestState, Job

if TYPE_CHECKING:
    from engine.ledger.feed_jobs import FeedJobRows
    from engine.ledger.queue import JobQueue, LaneStatus

REASONS_TOLD = 1000
_Opened = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class FeedStanding:
    """What became of the products of a feed that were written since a moment."""

    states: Mapping[IngestState, int]
    products: Mapping[str, int]
    images: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class SharedWork:
    """Each call is a transaction of its own. `dsn` is libpq's address of the database, its password included.

    Raises:
        StoreUnavailable: PostgreSQL does not answer.
    """

    queue: JobQueue
    _transaction: _Opened
    _reading: _Opened
    dsn: str

    @property
    def feeds(self) -> FeedJobRows:
        """Feeds that were sent to the API."""
        from engine.ledger.feed_jobs import FeedJobRows

        return FeedJobRows(self.queue, self._transaction, self._reading)

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Bring work that goes with no entry."""
        if jobs:
            with self._transaction() as connection:
                self.queue.enqueue(connection, jobs)

    def waiting(self, lane: str) -> int:
        """How many jobs of a lane are not done yet, those given up not counted."""
        with self._reading() as connection:
            return self.queue.waiting(connection, lane)

    def ready(self) -> int:
        """How many jobs are under way or could be; see `JobQueue.ready`."""
        with self._reading() as connection:
            return self.queue.ready(connection)

    def lanes(self, stale_s: float) -> list[LaneStatus]:
        """Every lane that has jobs; see `JobQueue.status`."""
        with self._reading() as connection:
            return self.queue.status(connection, stale_s)

    def revive(self) -> int:
        """Queue the jobs anew that were given up; how many there were."""
        with self._transaction() as connection:
            return self.queue.revive(connection)

    def forget_history(self, days: float) -> None:
        """Drop what is noted of jobs that ended so long ago."""
        with self._transaction() as connection:
            self.queue.forget_history(connection, days)

    def states(self, feed: str, since: datetime) -> dict[IngestState, int]:
        """How many products of a feed that were written since then stand where."""
        query = select(tables.products.c.state, func.count()).where(*_of(feed, since)).group_by(tables.products.c.state)
        with self._reading() as connection:
            return {IngestState(state): int(n) for state, n in connection.execute(query)}

    def standing(self, feed: str, since: datetime) -> FeedStanding:
        """The same, with the reasons, the most frequent first."""
        amount, told = func.count().label("amount"), tables.products.c.reason
        ended = tables.products.c.state.in_((IngestState.REFUSED.value, IngestState.FAILED.value))
        products = select(told, amount).where(*_of(feed, since), ended, told.is_not(None)).group_by(told)
        images = (
            select(tables.refusals.c.reason, amount)
            .join(tables.products, tables.products.c.product_id == tables.refusals.c.product_id)
            .where(*_of(feed, since))
            .group_by(tables.refusals.c.reason)
        )
        with self._reading() as connection:
            reasons, refused = (
                {
                    str(reason): int(n)
                    for reason, n in connection.execute(query.order_by(amount.desc()).limit(REASONS_TOLD))
                }
                for query in (products, images)
            )
        return FeedStanding(self.states(feed, since), reasons, refused)

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Whether this process alone does what the name says, for the time of the block; the others get False."""
        with self._reading() as connection:
            asked = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
            yield bool(connection.execute(asked, {"name": f"thatlook {name}"}).scalar())


def _of(feed: str, since: datetime) -> tuple[ColumnElement[Any], ...]:
    return tables.products.c.feed == feed, tables.products.c.updated >= since.timestamp()
