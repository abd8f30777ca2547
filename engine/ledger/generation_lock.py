"""Whoever writes what belongs to a generation's rows does so while that generation serves, or not at all.

A change of generations is one transaction. On PostgreSQL writers hold a lock together, which the change holds alone;
SQLite lets one transaction write at a time anyhow.
"""

from __future__ import annotations

from sqlalchemy import Connection, select, text

from engine.generations.record import SETTING, GenerationChanged, Generations, parsed
from engine.ledger import tables

_LOCK = 0x7468_6174_6765_6E73  # "thatgens", for PostgreSQL's advisory locks


def check_serving(connection: Connection, number: int | None) -> None:
    """Go on only if this generation serves; until the transaction ends it goes on serving. None goes on in any case.

    Raises:
        GenerationChanged: another one serves.
    """
    if number is None:
        return
    _lock(connection, "pg_advisory_xact_lock_shared")
    if document(connection).serving != number:
        raise GenerationChanged


def change_alone(connection: Connection) -> None:
    """Wait until nobody writes, and let nobody write until the transaction ends."""
    _lock(connection, "pg_advisory_xact_lock")


def document(connection: Connection) -> Generations:
    """The generations, as this transaction sees them."""
    return parsed(connection.execute(select(tables.settings.c.value).where(tables.settings.c.name == SETTING)).scalar())


def _lock(connection: Connection, function: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT {function}(:lock)"), {"lock": _LOCK})
