"""What the books beside the ledger share: tables of their own in a database that other processes use too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from sqlalchemy import Connection, MetaData
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.errors import StoreUnavailable
from engine.ledger.connections import engine_of
from engine.ledger.sqlite_file import why


class DatabaseBook:
    """Connections to the tables of a class; `url` is SQLAlchemy's.

    Attributes:
        metadata: the tables.
        contents: what they hold, as an error names it.
    """

    metadata: ClassVar[MetaData]
    contents: ClassVar[str]

    def __init__(self, url: str) -> None:
        """Open, and make the tables where there are none.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        self._engine = engine_of(url)
        self._where = self._engine.url.render_as_string(hide_password=True)
        with self._writing() as connection:
            self.metadata.create_all(connection)

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._translated(), self._engine.execution_options(writes=True).begin() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            reason = why(error.orig or error, self._where)
            raise StoreUnavailable(f"{self.contents} cannot be read or written: {reason}.") from error
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"{self.contents} cannot be read or written ({type(error).__name__}).") from error
