"""Connections to SQLite and PostgreSQL, and what goes wrong with them in our own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy
from sqlalchemy import URL, Connection, Engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoResultFound, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from engine.errors import ContractBroken, HomeDamaged, StoreUnavailable
from engine.ledger.sqlite_file import SqliteFile, translated

BUSY_TIMEOUT_S = 30.0


class LedgerConnections:
    """Transactions of the ledger; `url` is SQLAlchemy's."""

    def __init__(self, url: str) -> None:
        self._engine = engine_of(url)
        self._writer = self._engine.execution_options(writes=True)
        self._where = self._engine.url.render_as_string(hide_password=True)
        self._file = _file_of(self._engine.url)

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()
        if self._file:
            self._file.closed()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if self._file:
            self._file.writing()
        with self._translated(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise translated(error.orig or error, self._where) from error
        except SQLAlchemyError as error:
            if isinstance(error, NoResultFound):
                raise translated(error, self._where) from error
            raise StoreUnavailable(f"The ledger at {self._where} did not answer ({type(error).__name__}).") from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise HomeDamaged(
                f"An entry of the ledger at {self._where} cannot be read ({error}). "
                "Restore a backup of the home, or run `thatlook doctor --repair`."
            ) from error


def engine_of(url: str) -> Engine:
    """Connections to a database of ours, SQLite or PostgreSQL.

    Raises:
        ContractBroken: an address of another kind.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        if parsed.get_backend_name() == "postgresql":
            return _postgresql(parsed)
    except (ArgumentError, NoSuchModuleError):
        pass
    raise ContractBroken("The ledger's address is not one of sqlite:///PATH or postgresql://USER@HOST/DATABASE.")


def dialect_of(engine: Engine) -> Any:
    """SQLAlchemy's module for the database, whose `insert` knows ON CONFLICT."""
    return postgresql if engine.dialect.name == "postgresql" else sqlite


def _sqlite(url: URL) -> Engine:
    """SQLite so that readers never wait for the writer, and one writer waits for the other."""
    engine = sqlalchemy.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # The driver would otherwise begin late, and deadlock on upgrading.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # An acknowledged write survives a power cut.
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    return engine


def _postgresql(url: URL) -> Engine:
    """PostgreSQL so that nobody waits for one that hangs."""
    from engine.ledger.bounded_connection import Watch  # With psycopg, which a home in SQLite has no use for.

    url = url.set(drivername="postgresql+psycopg")
    given, named = url.get_dialect()().create_connect_args(url)
    return sqlalchemy.create_engine(url, creator=Watch(*given, **named).connect, pool_pre_ping=True, pool_size=8)


def _file_of(url: URL) -> SqliteFile | None:
    """The file of a SQLite ledger."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return SqliteFile(Path(url.database))
