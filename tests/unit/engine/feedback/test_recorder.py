"""Queries are written beside the searches, and are there for whoever reads them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event, Thread

from engine.feedback.events import AnsweredQuery
from engine.feedback.recorder import Recorder


class SlowBook:
    """Keeps queries once it is let."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.began, self.may_go_on = Event(), Event()

    def add_queries(self, queries: Sequence[AnsweredQuery]) -> None:
        self.began.set()
        assert self.may_go_on.wait(10)
        self.kept += [each.query_id for each in queries]

    def prune(self, *_: object) -> int:
        return 0

    def close(self) -> None:
        pass


def test_a_report_waits_for_what_is_being_written() -> None:
    """Else queries that the recorder's own thread has in hand would be missing from it."""
    book = SlowBook()
    recorder = Recorder(book, days=30, most=1_000)  # type: ignore[arg-type]
    recorder.note(AnsweredQuery("q", datetime.now(UTC), "text", "kayak"))
    assert book.began.wait(10)
    report = Thread(target=recorder.flush)
    report.start()
    report.join(0.05)
    assert report.is_alive()
    book.may_go_on.set()
    report.join(10)
    assert book.kept == ["q"]
    recorder.close()
