"""Clicks against what was shown: figures by rank, and grades that a rank alone does not earn."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.feedback.clicks import as_trec, read_clicks
from engine.feedback.events import AnsweredQuery, Event, kept_text

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def answered(
    query_id: str, *shown: str, text: str = "navy dress", kind: str = "text", offset: int = 0
) -> AnsweredQuery:
    return AnsweredQuery(query_id, NOON, kind, text, (shown,), offset, 0.9)  # type: ignore[arg-type]


def click(query_id: str, product_id: str | None, action: str = "click") -> Event:
    return Event(query_id, action, NOON, product_id, 1)


def test_ranks_count_what_was_shown_and_clicked() -> None:
    """Twice clicked is clicked once; views and clicks on nothing are none; a page further counts its own ranks."""
    queries = [answered("a", "x", "y"), answered("b", "x", "y"), answered("c", "z", offset=2), answered("d")]
    events = [click("a", "y"), click("a", "y", "purchase"), click("b", "x", "view"), click("b", None), click("?", "x")]
    report = read_clicks(queries, [*events, click("c", "z")]).report()
    assert [(each.rank, each.shown, each.clicked) for each in report.ranks] == [(1, 2, 0), (2, 2, 1), (3, 1, 1)]
    assert (report.queries, report.clicked) == (4, 2)
    assert report.mrr == pytest.approx((1 / 2 + 1 / 3) / 4)
    assert report.actions == {"click": 4, "purchase": 1, "view": 1}


def test_hits_below_the_fold_count_where_they_were_clicked() -> None:
    """What nobody scrolled to was not refused."""
    clicks = read_clicks([answered("a", *"uvwxyz")], [click("a", "z")], depth=2)
    assert [(each.rank, each.clicked) for each in clicks.report().ranks] == [(1, 0), (2, 0), (6, 1)]


def test_coec_takes_the_rank_out_of_a_grade() -> None:
    """One clicked as often at rank 5 as another at rank 1 is the better one; by CTR they are the same."""
    other = [answered(f"o{n}", *"abcde", text="other") for n in range(200)]
    events = [click(f"o{n}", "a") for n in range(100)] + [click(f"o{n}", "e") for n in range(100, 110)]
    queries = [answered(f"q{n}", "first", "2", "3", "4", "fifth") for n in range(20)]
    events += [click(f"q{n}", "first") for n in range(8)] + [click(f"q{n}", "fifth") for n in range(8, 16)]
    clicks = read_clicks([*other, *queries], events)
    coec = {each.product_id: each for each in clicks.judgements("coec") if each.query == "navy dress"}
    ctr = {each.product_id: each for each in clicks.judgements("ctr") if each.query == "navy dress"}
    assert coec["fifth"].value > 3 * coec["first"].value
    assert (coec["fifth"].grade, coec["first"].grade, coec["3"].grade) == (3, 2, 0)
    assert ctr["fifth"].value == ctr["first"].value == 0.4
    assert clicks.judgements(least_shown=21) == [each for each in clicks.judgements() if each.query == "other"]


def test_photos_are_no_topics() -> None:
    """Each photo is another; only words come again."""
    assert read_clicks([answered("a", "x", kind="image", text="")] * 20, [click("a", "x")]).judgements() == []


def test_trec_lines_have_four_columns() -> None:
    """Whatever an id holds; the topics name the queries."""
    queries = [answered(f"q{n}", "a b", "c%d") for n in range(10)]
    lines, topics = as_trec(read_clicks(queries, [click(f"q{n}", "a b") for n in range(10)]).judgements())
    assert lines == ["1 0 a%20b 2", "1 0 c%25d 0"]
    assert topics == ["1\tnavy dress"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Navy  DRESS", "navy dress"),
        ("shoes for jane.doe@example.com please", "shoes for … please"),
        ("call +49 170 1234567", "call …"),
        ("4006381333931", "4006381333931"),
        ("x" * 400, "x" * 300),
    ],
)
def test_what_names_a_person_is_not_kept(written: str, kept: str) -> None:
    assert kept_text(written) == kept
