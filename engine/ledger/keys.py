"""Keys in a database: a file of the home, or beside the ledger in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Connection, Float, MetaData, String, Table, Text, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from engine.errors import StoreUnavailable
from engine.keys import ApiKey, Scope
from engine.ledger.rows import moment
from engine.ledger.sql import engine_of

_metadata = MetaData()
_keys = Table(
    "api_keys",
    _metadata,
    Column("key_id", String(16), primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("scopes", Text, nullable=False),  # with spaces between them
    Column("created", Float, nullable=False),  # seconds since 1970, UTC, as the other moments
    Column("expires", Float),
    Column("revoked", Float),
    Column("used", Float),
)


class SqlKeys:
    """Implements `engine.keys.KeyBook`; `url` is SQLAlchemy's."""

    def __init__(self, url: str) -> None:
        """Open, and make the table where there is none.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        self._engine = engine_of(url)
        with self._writing() as connection:
            _metadata.create_all(connection)

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        with self._writing() as connection:
            connection.execute(insert(_keys).values(_row(key)))

    def find(self, key_id: str) -> ApiKey | None:
        """A key by its id."""
        with self._translated(), self._engine.connect() as connection:
            row = connection.execute(select(_keys).where(_keys.c.key_id == key_id)).mappings().one_or_none()
        return None if row is None else _key(dict(row))

    def all_keys(self) -> Sequence[ApiKey]:
        """All keys, the oldest first."""
        with self._translated(), self._engine.connect() as connection:
            rows = connection.execute(select(_keys).order_by(_keys.c.created, _keys.c.key_id)).mappings().all()
        return [_key(dict(row)) for row in rows]

    def revoke(self, key_id: str, now: datetime) -> bool:
        """Let a key open nothing any more."""
        this = (_keys.c.key_id == key_id) & _keys.c.revoked.is_(None)
        with self._writing() as connection:
            return bool(connection.execute(update(_keys).where(this).values(revoked=now.timestamp())).rowcount)

    def note_use(self, key_id: str, now: datetime) -> None:
        """Write down that a key was used."""
        with self._writing() as connection:
            connection.execute(update(_keys).where(_keys.c.key_id == key_id).values(used=now.timestamp()))

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._translated(), self._engine.execution_options(writes=True).begin() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"The keys cannot be read or written ({type(error).__name__}).") from error


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "digest": key.digest,
        "scopes": " ".join(sorted(key.scopes)),
        "created": key.created.timestamp(),
        "expires": key.expires and key.expires.astimezone(UTC).timestamp(),
    }


def _key(row: Mapping[str, Any]) -> ApiKey:
    expires, revoked, used = (None if row[n] is None else moment(row[n]) for n in ("expires", "revoked", "used"))
    scopes = frozenset(map(Scope, row["scopes"].split()))
    return ApiKey(row["key_id"], row["name"], row["digest"], scopes, moment(row["created"]), expires, revoked, used)
