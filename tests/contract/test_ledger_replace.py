"""The contract of `Ledger.replace`: compare and set, over SQLite and over a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.domain import Product, Rejection
from engine.errors import ContractBroken, StoreUnavailable
from engine.ledger.sql import SqlLedger
from engine.seams import ImageRefusal, IngestState, Job, LedgerEntry

NOON = datetime(2026, 11, 29, 12, 0, 0, 123_457, tzinfo=UTC)


@pytest.fixture
def ledger(database_url: str) -> Iterator[SqlLedger]:
    made = SqlLedger(database_url)
    yield made
    made.close()


def entry(product_id: str, title: str, seconds: float = 0.0, reason: str | None = None) -> LedgerEntry:
    refused = (ImageRefusal("a.jpg", Rejection("gate", reason)),) if reason else ()
    words = Product(product_id, title, "https://shop.example/p", ("a.jpg",))
    return LedgerEntry(
        words, IngestState.INDEXED, "shop", "r", "c", NOON + timedelta(seconds=seconds), refusals=refused
    )


def titles(ledger: SqlLedger) -> dict[str, str]:
    return {i: e.product.title for i, e in ledger.get(["a", "b", "c", "d"]).items()}


def test_only_what_is_as_it_was_read_is_replaced(ledger: SqlLedger) -> None:
    """Changed, gone and newly made products are left alone, refusals included; the others are written."""
    ledger.put([entry("a", "old a"), entry("b", "other's b", 5, reason="other's"), entry("d", "other's d")])
    written = ledger.replace(
        [entry("a", "new a", 9), entry("b", "mine", 9), entry("c", "new c", 9), entry("d", "mine", 9)],
        {"a": NOON, "b": NOON, "c": None, "d": None},
    )
    assert written == {"a", "c"}
    assert titles(ledger) == {"a": "new a", "b": "other's b", "c": "new c", "d": "other's d"}
    assert [r.rejection.reason for r in ledger.get(["b"])["b"].refusals] == ["other's"]
    assert ledger.replace([entry("gone", "mine")], {"gone": NOON}) == frozenset()
    assert ledger.get(["gone"]) == {}


def test_a_delete_spares_what_was_changed_meanwhile(ledger: SqlLedger) -> None:
    """With what was read, only products that are still so are forgotten."""
    ledger.put([entry("a", "as read"), entry("b", "changed", 5), entry("c", "whatever")])
    ledger.delete(["a", "b"], expected={"a": NOON, "b": NOON})
    assert titles(ledger) == {"b": "changed", "c": "whatever"}
    ledger.delete(["c"])
    assert titles(ledger) == {"b": "changed"}


@pytest.mark.parametrize("before", [None, NOON], ids=["that is made", "that is changed"])
def test_of_many_who_read_the_same_one_writes(ledger: SqlLedger, before: datetime | None) -> None:
    """Eight writers who all read the same moment: exactly one of them is told that it wrote, and its words stand."""
    if before:
        ledger.put([entry("a", "first")])
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: ledger.replace([entry("a", f"w{n}", n + 1)], {"a": before}), range(8)))
    assert sum(bool(one) for one in told) == 1
    assert titles(ledger) == {"a": f"w{[bool(one) for one in told].index(True)}"}


def test_jobs_come_with_the_entries_or_not_at_all(ledger: SqlLedger) -> None:
    """On PostgreSQL the queue is part of the transaction; a ledger without a queue says so, and writes nothing."""

    def jobs(written: frozenset[str]) -> list[Job]:
        return [Job("feed", " ".join(sorted(written)).encode())]

    ledger.put([entry("b", "other's", 5)])
    if not ledger.has_queue:
        with pytest.raises(ContractBroken, match="no queue"):
            ledger.replace([entry("a", "new")], {"a": None}, jobs=jobs)
        assert titles(ledger) == {"b": "other's"}
        return
    assert ledger.work().waiting("feed") == 0
    ledger.replace([entry("a", "new"), entry("b", "mine")], {"a": None, "b": NOON}, jobs=jobs)
    (lane,) = ledger.work().lanes(30.0)
    assert (lane.lane, lane.queued, lane.picked, ledger.work().waiting("feed")) == ("feed", 1, 0, 1)
    broken = replace(entry("c", "c"), record_hash="x" * 1000)  # Longer than its column: PostgreSQL refuses it.
    with pytest.raises(StoreUnavailable):
        ledger.replace([broken], {"c": None}, jobs=jobs)
    assert ledger.work().waiting("feed") == 1
    assert "c" not in titles(ledger)
