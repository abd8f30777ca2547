"""The queue of work for many machines: PgQueuer's tables beside the ledger's, so that both change in one transaction.

Why this library: docs/adr/0016-queue-in-postgresql.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder
from pgqueuer.adapters.persistence.queries import SyncQueries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import SyncDriver
from psycopg import Connection as Psycopg
from psycopg import RawCursor
from psycopg.rows import dict_row
from sqlalchemy import Connection, text

from engine.seams import Job

_PREFIX = "thatlook_"
_TABLES = ("pgqueuer", "pgqueuer_log", "pgqueuer_statistics", "pgqueuer_schedules")
AT_ONCE = 500
"""Jobs per statement."""


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One lane of the queue: jobs that wait, that are worked on, that were lost by their worker or given up."""

    lane: str
    queued: int
    picked: int
    stale: int
    dead: int
    oldest_s: float


@cache
def queue_names() -> DBSettings:
    """The names of the queue's tables. All are said: the library would else read them from the environment."""
    table, log, statistics, schedules = (f"{_PREFIX}{name}" for name in _TABLES)
    return DBSettings(
        prefix=_PREFIX,
        channel=Channel(f"{_PREFIX}jobs"),
        function=f"fn_{_PREFIX}jobs_changed",
        statistics_table=statistics,
        queue_status_type=f"{_PREFIX}job_status",
        queue_table=table,
        queue_table_log=log,
        trigger=f"tg_{_PREFIX}jobs_changed",
        schedules_table=schedules,
        durability=Durability.durable,
        db_schema=None,
    )


class JobQueue:
    """The queue as those see it who bring work or ask how it stands; every call is within the caller's transaction."""

    def is_installed(self, connection: Connection) -> bool:
        """Whether the queue's tables are there."""
        named = {"name": queue_names().queue_table}
        return connection.execute(text("SELECT to_regclass(:name)"), named).scalar() is not None

    def install(self, connection: Connection) -> None:
        """Make the queue's tables where there are none yet."""
        if not self.is_installed(connection):
            _psycopg(connection).execute(QueryBuilderEnvironment(queue_names()).build_install_query().encode())

    def enqueue(self, connection: Connection, jobs: Sequence[Job]) -> None:
        """Bring work; workers see it when the transaction ends."""
        queries = SyncQueries(_InTransaction(_psycopg(connection)), QueryQueueBuilder(queue_names()))
        for start in range(0, len(jobs), AT_ONCE):
            some = jobs[start : start + AT_ONCE]
            queries.enqueue(
                [job.lane for job in some],
                [job.payload for job in some],
                [job.priority for job in some],
                [timedelta(seconds=job.delay_s) for job in some],
            )

    def waiting(self, connection: Connection, lane: str) -> int:
        """How many jobs of a lane are not done yet, those given up not counted."""
        found = connection.execute(
            text(f"SELECT count(*) FROM {queue_names().queue_table} WHERE entrypoint = :lane AND status <> 'failed'"),
            {"lane": lane},
        )
        return int(found.scalar_one())

    def ready(self, connection: Connection) -> int:
        """How many jobs are under way or could be: those of a later time and those given up not counted."""
        found = connection.execute(
            text(
                f"SELECT count(*) FROM {queue_names().queue_table}"
                " WHERE status = 'picked' OR (status = 'queued' AND execute_after <= now())"
            )
        )
        return int(found.scalar_one())

    def status(self, connection: Connection, stale_s: float) -> list[LaneStatus]:
        """Every lane that has jobs; `stale` are those whose worker has not been heard of for so long."""
        found = connection.execute(
            text(
                "SELECT entrypoint AS lane, count(*) FILTER (WHERE status = 'queued') AS queued,"
                " count(*) FILTER (WHERE status = 'picked') AS picked,"
                " count(*) FILTER (WHERE status = 'picked' AND heartbeat < now() - make_interval(secs => :stale))"
                " AS stale, count(*) FILTER (WHERE status = 'failed') AS dead,"
                " coalesce(extract(epoch FROM now() - min(created) FILTER (WHERE status = 'queued')), 0) AS oldest_s"
                f" FROM {queue_names().queue_table} GROUP BY entrypoint ORDER BY entrypoint"
            ),
            {"stale": stale_s},
        )
        return [LaneStatus(**row) for row in found.mappings()]

    def revive(self, connection: Connection) -> int:
        """Queue the jobs anew that were given up; how many there were."""
        revived = connection.execute(
            text(
                f"UPDATE {queue_names().queue_table} SET status = 'queued', execute_after = now(), updated = now(),"
                " attempts = 0, queue_manager_id = NULL WHERE status = 'failed'"
            )
        )
        return int(revived.rowcount)

    def forget_history(self, connection: Connection, days: float) -> None:
        """Drop what is noted of jobs that ended so long ago."""
        connection.execute(
            text(f"DELETE FROM {queue_names().queue_table_log} WHERE created < now() - make_interval(secs => :age)"),
            {"age": days * 86_400},
        )


class _InTransaction(SyncDriver):
    """PgQueuer's statements on a connection that is in the middle of a transaction of ours."""

    def __init__(self, connection: Psycopg[Any]) -> None:
        self._connection = connection

    def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        cursor = RawCursor(self._connection, row_factory=dict_row)
        cursor.execute(query.encode(), args or None)
        return cursor.fetchall()


def _psycopg(connection: Connection) -> Psycopg[Any]:
    raw: Any = connection.connection.driver_connection
    return raw  # type: ignore[no-any-return]
