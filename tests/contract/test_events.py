"""The contract of `EventBook`, over SQLite and over a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from engine.feedback.events import AnsweredQuery, Event, WeakQuery
from engine.feedback.recorder import Recorder
from engine.ledger.events import SqlEvents

NOON = datetime(2026, 11, 30, 12, 0, 0, 250_000, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def book(database_url: str) -> Iterator[SqlEvents]:
    made = SqlEvents(database_url)
    yield made
    made.close()


def query(query_id: str, text: str = "kayak", hours: int = 0, **more: object) -> AnsweredQuery:
    values = {"kind": "text", "shown": (("a", "b\0"),), "best": 0.25, "weak": True, **more}
    return AnsweredQuery(query_id, NOON + timedelta(hours=hours), text=text, **values)  # type: ignore[arg-type]


def test_what_is_kept_comes_back(book: SqlEvents) -> None:
    """A query and an event that come twice are one each."""
    kept, event = query("q", offset=10), Event("q", "click", NOON, "a", 3)
    for _ in range(2):
        book.add_queries([kept])
        book.add_events([event, Event("q", "view", NOON)])
    assert [each.query_id for each in book.queries(LONG_AGO)] == ["q"]
    (found,) = book.queries(LONG_AGO)
    assert (found.moment, found.text, found.offset, found.best, found.weak) == (NOON, "kayak", 10, 0.25, True)
    assert found.shown == (("a", "b\0"),)
    assert sorted(book.events(LONG_AGO), key=lambda each: each.action) == [event, Event("q", "view", NOON)]
    assert list(book.queries(NOON + timedelta(hours=1))) == []


def test_weak_queries_are_counted(book: SqlEvents) -> None:
    """By words and kind, the most frequent first; further pages and good matches are none."""
    book.add_queries([query("1"), query("2", hours=2, best=0.4), query("3", "canoe", best=None, shown=())])
    book.add_queries([query("4", offset=10), query("5", "dress", weak=False), query("6", kind="image", text="")])
    found = book.weak(LONG_AGO, 10)
    assert found[0] == WeakQuery("kayak", "text", 2, 0.4, NOON + timedelta(hours=2))
    assert {(each.query, each.kind, each.count, each.best) for each in found[1:]} == {
        ("canoe", "text", 1, None),
        ("", "image", 1, 0.25),
    }
    assert [each.query for each in book.weak(NOON + timedelta(hours=1), 10)] == ["kayak"]
    assert len(book.weak(LONG_AGO, 1)) == 1


def test_what_is_old_or_too_much_is_forgotten(book: SqlEvents) -> None:
    book.add_queries([query(f"q{n}", hours=n) for n in range(10)])
    book.add_events([Event(f"q{n}", "click", NOON + timedelta(hours=n), "a") for n in range(10)])
    assert book.prune(NOON + timedelta(hours=4), 1_000) == 8
    assert [each.query_id for each in book.queries(LONG_AGO)] == [f"q{n}" for n in range(4, 10)]
    assert book.prune(LONG_AGO, 2) == 8
    assert [each.query_id for each in book.queries(LONG_AGO)] == ["q8", "q9"]
    assert book.prune(LONG_AGO, 2) == 0
    assert len(list(book.events(LONG_AGO))) == 2


def test_a_recorder_writes_beside_and_to_the_end(database_url: str) -> None:
    """Noted queries are there when it is closed; old ones are forgotten when it begins."""
    book = SqlEvents(database_url)
    book.add_queries([AnsweredQuery("old", LONG_AGO, "text", "x")])
    recorder = Recorder(book, days=30, most=1_000)
    for n in range(1_200):
        recorder.note(AnsweredQuery(f"q{n}", datetime.now(UTC), "text", "kayak", weak=True))
    assert [(each.query, each.count) for each in recorder.weak(7, 10)] == [("kayak", 1_200)]
    recorder.note(query("last"))
    recorder.close()
    book = SqlEvents(database_url)
    kept = {each.query_id for each in book.queries(LONG_AGO)}
    book.close()
    assert "last" in kept
    assert "old" not in kept
