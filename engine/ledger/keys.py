"""Keys in a database: a file of the home, or beside the ledger in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Float, MetaData, String, Table, Text, insert, select, update

from engine.keys import ApiKey, Scope
from engine.ledger.database_book import DatabaseBook
from engine.ledger.rows import moment

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


class SqlKeys(DatabaseBook):
    """Implements `engine.keys.KeyBook`; `url` is SQLAlchemy's."""

    metadata = _metadata
    contents = "The keys"

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        with self._writing() as connection:
            connection.execute(insert(_keys).values(_row(key)))

    def find(self, key_id: str) -> ApiKey | None:
        """A key by its id."""
        with self._reading() as connection:
            row = connection.execute(select(_keys).where(_keys.c.key_id == key_id)).mappings().one_or_none()
        return None if row is None else _key(dict(row))

    def all_keys(self) -> Sequence[ApiKey]:
        """All keys, the oldest first."""
        with self._reading() as connection:
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
