"""The ledger's tables, and the steps that bring an older ledger to today's form."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)

from engine.errors import ContractBroken

SCHEMA_VERSION = 2

metadata = MetaData()

_KEY = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared by code points on every database, so that pages and orders agree."""

schema = Table("ledger_schema", metadata, Column("version", Integer, nullable=False))

products = Table(
    "products",
    metadata,
    Column("product_id", _KEY, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("feed", _KEY, nullable=False),
    Column("record_hash", String(64), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("updated", Float, nullable=False),  # seconds since 1970, UTC
    Column("product", Text, nullable=False),  # JSON
    Column("items", Text, nullable=False),  # JSON
    Column("reason", Text),
    Column("created", Float),  # as `updated`, of the first time that it was written
    Index("products_by_feed", "feed", "product_id"),
    Index("products_by_state", "state", "product_id"),
)

refusals = Table(
    "refusals",
    metadata,
    Column("product_id", _KEY, ForeignKey("products.product_id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("image", Text, nullable=False),
    Column("stage", String(32), nullable=False),
    Column("reason", _KEY, nullable=False),
    Index("refusals_by_reason", "reason"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Integer, primary_key=True, autoincrement=True),
    Column("feed", _KEY, nullable=False),
    Column("started", Float, nullable=False),
    Column("finished", Float),
    Column("total", Integer),
    Column("counts", Text, nullable=False),  # JSON
    sqlite_autoincrement=True,
)

errors = Table(
    "feed_errors",
    metadata,
    Column("error_id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", Integer, ForeignKey("runs.run_id", ondelete="CASCADE"), nullable=False),
    Column("feed", _KEY, nullable=False),
    Column("line", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("product_id", Text),
    Index("feed_errors_in_order", "run_id", "line", "error_id"),
)

settings = Table("settings", metadata, Column("name", _KEY, primary_key=True), Column("value", Text, nullable=False))


def _add_created(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE products ADD COLUMN created FLOAT"))
    connection.execute(update(products).values(created=products.c.updated))


MIGRATIONS: dict[int, Callable[[Connection], None]] = {1: _add_created}
"""From a version to the next; one entry for each version that was ever released before today's."""


def is_current(connection: Connection) -> bool:
    """Whether the tables are there in today's form, so that nothing has to be written."""
    if not inspect(connection).has_table(schema.name):
        return False
    return bool(connection.execute(select(schema.c.version)).scalar_one() == SCHEMA_VERSION)


def migrate(connection: Connection) -> None:
    """Create the tables, or bring those of an earlier version forward, in the caller's transaction.

    Raises:
        ContractBroken: the ledger was written by a later thatlook.
    """
    if not inspect(connection).has_table(schema.name):
        metadata.create_all(connection)
        connection.execute(insert(schema).values(version=SCHEMA_VERSION))
        return
    version = connection.execute(select(schema.c.version)).scalar_one()
    if version > SCHEMA_VERSION:
        raise ContractBroken(
            f"The ledger has schema version {version}, this thatlook knows {SCHEMA_VERSION}; use the later thatlook."
        )
    for step in range(version, SCHEMA_VERSION):
        MIGRATIONS[step](connection)
    connection.execute(update(schema).values(version=SCHEMA_VERSION))
