"""Ledgers of earlier versions open, in SQLite and in PostgreSQL, with everything that is in them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from engine.domain import Product
from engine.errors import ContractBroken
from engine.ledger import tables
from engine.ledger.migrations.run import scripts
from engine.ledger.sql import SqlLedger
from engine.seams import IngestState, LedgerEntry

ENTRY = LedgerEntry(
    Product("p", "Grindelwald shirt", "https://shop.example/p", ("a.jpg",), brand="Acme"), IngestState.INDEXED, "shop",
    "r", "c",
    datetime(2026, 11, 29, tzinfo=UTC), (("upper_wear", "p#0"),),
)  # fmt: skip


def written(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
    for seal in Path(engine.url.database or "").parent.glob("*.seal.json"):
        seal.unlink()  # A former version's file, as a former version would have sealed it.


def as_before(url: str, version: int) -> None:
    """A ledger as it was before there were steps, with one product."""
    ledger = SqlLedger(url)
    ledger.put([ENTRY])
    ledger.close()
    tables_since = ("feed_jobs", "terms", "generation_products", "ledger_revision")
    written(url, "DROP INDEX products_by_feed_and_time", *(f"DROP TABLE {name}" for name in tables_since))
    if version == 1:
        written(url, "ALTER TABLE products DROP COLUMN created", "UPDATE ledger_schema SET version = 1")


@pytest.mark.parametrize("version", [1, 2])
def test_a_ledger_of_an_earlier_version_opens_after_the_steps(database_url: str, version: int) -> None:
    """It has what it had, and what came later; opening it once more changes nothing."""
    as_before(database_url, version)
    for _ in range(2):
        ledger = SqlLedger(database_url)
        assert ledger.get(["p"]) == {"p": ENTRY}
        assert ledger.added(["p"]) == {"p": ENTRY.updated}
        assert [(term.kind, term.text) for term in ledger.terms()] == [("brand", "acme"), ("word", "grindelwald")]
        ledger.close()
    engine = create_engine(database_url)
    assert "products_by_feed_and_time" in {index["name"] for index in inspect(engine).get_indexes("products")}
    engine.dispose()


def test_the_steps_make_the_tables_that_the_code_knows(database_url: str) -> None:
    """Nothing of what `tables.py` says is missing or different after all steps, and `HEAD` is the last of them."""
    SqlLedger(database_url).close()
    engine = create_engine(database_url)
    with engine.connect() as connection:
        options = {"version_table": tables.revision.name, "include_object": _ours}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)
    engine.dispose()
    assert differences == []
    assert scripts().get_heads() == [tables.HEAD]


def _ours(_object: object, name: str | None, kind: str, *_more: object) -> bool:
    return not (kind == "table" and (name or "").startswith(("thatlook_", "ledger_revision")))


def test_a_step_that_is_not_known_is_refused(database_url: str) -> None:
    """A ledger that a later thatlook brought forward is left as it is."""
    SqlLedger(database_url).close()
    written(database_url, "UPDATE ledger_revision SET version_num = '9999'")
    with pytest.raises(ContractBroken, match="later thatlook"):
        SqlLedger(database_url)
