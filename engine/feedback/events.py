"""Queries as they were answered, and what people did with the answers. No photo, no person, no address is kept.

The words are those of User Behavior Insights (UBI): a query has a `query_id`, and events name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from engine.values import folded

QueryKind = Literal["text", "image", "hybrid", "similar", "look"]
MOST_SHOWN = 50
"""Hits of an answer that are kept, of each garment."""
MOST_TEXT = 300
CLICKS = ("click", "click_through", "add_to_cart", "purchase")
"""Actions that say a person wanted a product; `view`, `watch` and `impression` only say that it was seen."""
_PERSONAL = re.compile(r"\S+@\S+\.\S+|(?:\+|\b00)\d[\d\s()/.-]{6,}\d")
"""E-mail addresses and telephone numbers, which people paste into search boxes."""
WEAK_WORDS = 0.5
"""Where the best hit for words alone scores less, the match is not good: it is as likely as not to be wrong."""


@dataclass(frozen=True, slots=True)
class AnsweredQuery:
    """A query and what its answer showed.

    Attributes:
        text: its words, or the product's id; empty for a photo alone.
        shown: product ids of each garment, best first; offset: hits that earlier pages showed.
        best: the best hit's score, None without hits; weak: nothing that was found is a good match.
    """

    query_id: str
    moment: datetime
    kind: QueryKind
    text: str
    shown: tuple[tuple[str, ...], ...] = ()
    offset: int = 0
    best: float | None = None
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """What somebody did with an answer; `rank` counts from 1."""

    query_id: str
    action: str
    moment: datetime
    object_id: str | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class WeakQuery:
    """A query that had no good match: how often it was asked, its best score ever, and when it was last asked."""

    query: str
    kind: str
    count: int
    best: float | None
    last: datetime


class EventBook(Protocol):
    """Where queries and events are kept. Safe to use from several threads and processes."""

    def add_queries(self, queries: Sequence[AnsweredQuery]) -> None:
        """Keep queries; of one query_id the first counts."""
        ...

    def add_events(self, events: Sequence[Event]) -> None:
        """Keep events; one that is there already changes nothing, so a batch may be sent again."""
        ...

    def queries(self, since: datetime) -> Iterator[AnsweredQuery]:
        """Queries from a moment on, in no order."""
        ...

    def events(self, since: datetime) -> Iterator[Event]:
        """Events from a moment on, in no order."""
        ...

    def weak(self, since: datetime, limit: int) -> list[WeakQuery]:
        """Queries without a good match, the most frequent first."""
        ...

    def prune(self, before: datetime, most: int) -> int:
        """Forget what is older, and the oldest of more than so many queries or events; returns how many rows went."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


def kept_text(text: str) -> str:
    """A query's words as they are kept: compared like values, cut, without what names a person."""
    return folded(_PERSONAL.sub("…", text))[:MOST_TEXT]
