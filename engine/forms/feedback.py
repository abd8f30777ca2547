"""What the routes of feedback answer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from engine.feedback.clicks import ClickReport
    from engine.feedback.events import WeakQuery


class EventsReceipt(msgspec.Struct, frozen=True):
    """How many events were taken; one that came before counts, and changes nothing."""

    accepted: int


class WeakQueryForm(msgspec.Struct, frozen=True):
    """A query without a good match: its words (or product), how often it was asked, and the best score it ever had.

    `kind` is text, image, hybrid, similar or look; a photo has no words, so all of them are one row.
    """

    query: str
    kind: str
    count: int
    best_score: float | None
    last: datetime


class WeakQueries(msgspec.Struct, frozen=True):
    """Queries without a good match, the most frequent first."""

    queries: list[WeakQueryForm]


class RankForm(msgspec.Struct, frozen=True):
    """A rank: how often a hit was shown there, how often it was clicked, and the share."""

    rank: int
    shown: int
    clicked: int
    ctr: float


class ClicksForm(msgspec.Struct, frozen=True):
    """What people did with the answers of some days.

    `queries` had hits, `clicked` of them a click; `mrr` is the mean of 1 / rank of the first click, 0 without one.
    """

    queries: int
    clicked: int
    mrr: float
    ranks: list[RankForm]
    actions: dict[str, int]


def weak_queries_form(found: list[WeakQuery]) -> WeakQueries:
    """The report of queries without a good match."""
    rows = [
        WeakQueryForm(each.query, each.kind, each.count, None if each.best is None else round(each.best, 4), each.last)
        for each in found
    ]
    return WeakQueries(rows)


def clicks_form(report: ClickReport) -> ClicksForm:
    """The report of clicks."""
    ranks = [RankForm(each.rank, each.shown, each.clicked, round(each.ctr, 4)) for each in report.ranks]
    return ClicksForm(report.queries, report.clicked, round(report.mrr, 4), ranks, dict(report.actions))
