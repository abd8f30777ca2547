"""The ledger's tables, and the steps that bring an older ledger to today's form."""

from __future__ import annotations

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
    inspect,
    select,
)

from engine.errors import ContractBroken

SCHEMA_VERSION = 2
"""Raised when an earlier thatlook can no longer work with the tables; what only adds to them needs no raise."""
HEAD = "0006"
"""The last of the steps in `migrations/versions`."""

metadata = MetaData()

_KEY = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared by code points on every database, so that pages and orders agree."""

schema = Table("ledger_schema", metadata, Column("version", Integer, nullable=False))

revision = Table("ledger_revision", MetaData(), Column("version_num", String(32), primary_key=True))
"""Alembic's: which step the tables are at."""

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
    Index("products_by_feed_and_time", "feed", "updated"),
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

terms = Table(
    "terms",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(8), nullable=False),
    Column("term", _KEY, nullable=False),
    Column("label", Text, nullable=False),
    Index("terms_by_text", "kind", "term", unique=True),
    sqlite_autoincrement=True,
)

generation_products = Table(
    "generation_products",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("product_id", _KEY, primary_key=True),
    Column("updated", Float, nullable=False),  # of the product, as these rows are; 0 where they are of no moment
    Column("state", String(16), nullable=False),
    Column("content_hash", String(64), nullable=False),
    Column("items", Text, nullable=False),  # JSON
    Column("reason", Text),
)
"""What a product has, or would have, in a generation of collections: its rows, and how it stands there."""

settings = Table("settings", metadata, Column("name", _KEY, primary_key=True), Column("value", Text, nullable=False))

feed_jobs = Table(
    "feed_jobs",
    metadata,
    Column("job_id", _KEY, primary_key=True),
    Column("feed", _KEY, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created", Float, nullable=False),  # as `updated`
    Column("document", Text, nullable=False),  # JSON
    Index("feed_jobs_by_time", "created", "job_id"),
)


def is_current(connection: Connection) -> bool:
    """Whether the tables are there in today's form, so that nothing has to be written."""
    there = inspect(connection)
    if not (there.has_table(schema.name) and there.has_table(revision.name)):
        return False
    refuse_later(connection)
    return connection.execute(select(revision.c.version_num)).scalars().all() == [HEAD]


def refuse_later(connection: Connection) -> None:
    """Leave a ledger alone that a later thatlook wrote.

    Raises:
        ContractBroken: its tables have a form that this thatlook does not know.
    """
    version = connection.execute(select(schema.c.version)).scalar_one()
    if version > SCHEMA_VERSION:
        raise ContractBroken(
            f"The ledger has schema version {version}, this thatlook knows {SCHEMA_VERSION}; use the later thatlook."
        )
