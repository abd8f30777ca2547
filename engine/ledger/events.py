"""Queries and events in a database: a file of the home, or beside the ledger in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, cast

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    select,
)

from engine.feedback.events import AnsweredQuery, Event, QueryKind, WeakQuery
from engine.ledger.connections import dialect_of
from engine.ledger.database_book import DatabaseBook
from engine.ledger.rows import moment, storable, to_json

_PAGE = 5_000
_SHOWN = msgspec.json.Decoder(tuple[tuple[str, ...], ...])
_metadata = MetaData()
_queries = Table(
    "ubi_queries",
    _metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("query_id", String(100), nullable=False, unique=True),
    Column("moment", Float, nullable=False, index=True),  # seconds since 1970, UTC
    Column("kind", String(16), nullable=False),
    Column("query", Text, nullable=False),
    Column("shown", Text, nullable=False),  # JSON
    Column("first", Integer, nullable=False),
    Column("best", Float),
    Column("weak", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
_events = Table(
    "ubi_events",
    _metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("query_id", String(100), nullable=False),
    Column("action", String(100), nullable=False),
    Column("object_id", String(256), nullable=False),
    Column("moment", Float, nullable=False, index=True),
    Column("rank", Integer),
    Index("ubi_events_once", "query_id", "action", "object_id", "moment", unique=True),
    sqlite_autoincrement=True,
)


class SqlEvents(DatabaseBook):
    """Implements `engine.feedback.events.EventBook`; `url` is SQLAlchemy's."""

    metadata = _metadata
    contents = "Queries and events"

    def add_queries(self, queries: Sequence[AnsweredQuery]) -> None:
        """Keep queries; of one query_id the first counts."""
        self._add(_queries, [_query_row(query) for query in queries])

    def add_events(self, events: Sequence[Event]) -> None:
        """Keep events; one that is there already changes nothing."""
        self._add(_events, [_event_row(event) for event in events])

    def queries(self, since: datetime) -> Iterator[AnsweredQuery]:
        """Queries from a moment on."""
        for row in self._rows(_queries, since):
            kind = cast(QueryKind, row["kind"])
            shown = _SHOWN.decode(row["shown"])
            yield AnsweredQuery(
                row["query_id"],
                moment(row["moment"]),
                kind,
                row["query"],
                shown,
                row["first"],
                row["best"],
                row["weak"],
            )

    def events(self, since: datetime) -> Iterator[Event]:
        """Events from a moment on."""
        for row in self._rows(_events, since):
            yield Event(row["query_id"], row["action"], moment(row["moment"]), row["object_id"] or None, row["rank"])

    def weak(self, since: datetime, limit: int) -> list[WeakQuery]:
        """Queries without a good match, the most frequent first."""
        times, last = func.count().label("times"), func.max(_queries.c.moment).label("last")
        query = (
            select(_queries.c.query, _queries.c.kind, times, func.max(_queries.c.best), last)
            .where(_queries.c.weak, _queries.c.first == 0, _queries.c.moment >= since.timestamp())
            .group_by(_queries.c.query, _queries.c.kind)
            .order_by(times.desc(), last.desc(), _queries.c.query)
            .limit(limit)
        )
        with self._reading() as connection:
            found = connection.execute(query).all()
        return [WeakQuery(text, kind, int(n), best, moment(latest)) for text, kind, n, best, latest in found]

    def prune(self, before: datetime, most: int) -> int:
        """Forget what is older, and the oldest of more than so many queries or events."""
        gone = 0
        with self._writing() as connection:
            for table in (_queries, _events):
                gone += connection.execute(delete(table).where(table.c.moment < before.timestamp())).rowcount
                oldest = select(table.c.number).order_by(table.c.number.desc()).offset(most).limit(1).scalar_subquery()
                gone += connection.execute(delete(table).where(table.c.number <= oldest)).rowcount
        return gone

    def _add(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            with self._writing() as connection:
                connection.execute(dialect_of(self._engine).insert(table).on_conflict_do_nothing(), rows)

    def _rows(self, table: Table, since: datetime) -> Iterator[dict[str, Any]]:
        """Page by page: no transaction stays open while the caller works."""
        after = 0
        while True:
            query = select(table).where(table.c.number > after, table.c.moment >= since.timestamp())
            with self._reading() as connection:
                page = connection.execute(query.order_by(table.c.number).limit(_PAGE)).mappings().all()
            yield from map(dict, page)
            if len(page) < _PAGE:
                return
            after = page[-1]["number"]


def _query_row(query: AnsweredQuery) -> dict[str, Any]:
    return {
        "query_id": query.query_id,
        "moment": query.moment.timestamp(),
        "kind": query.kind,
        "query": storable(query.text),
        "shown": storable(to_json(query.shown)),
        "first": query.offset,
        "best": query.best,
        "weak": query.weak,
    }


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "query_id": storable(event.query_id),
        "action": storable(event.action),
        "object_id": storable(event.object_id or ""),
        "moment": event.moment.timestamp(),
        "rank": event.rank,
    }
