"""What a photo shows, in the shop's own words: the categories and colours of the products that look most alike vote.

Pictures of many kinds look alike, and a shop has said of each product what it is and what colour it has. If most of the
nearest are shirts the photo shows a shirt, and what the shop calls otherwise is less likely wanted; if most of those
nearest in colour are called olive, it is olive. Where the shop has no categories the garments that its titles name
count as such. A stored product that asks for others like it has a category and a
colour of its own, which count as much as all votes together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.words.parsed_text import colors_in

VOTERS = 30
"""Products that vote, the nearest."""
CATEGORY_GAIN = 8.0
"""The log-odds that a product loses of whose category none votes, where all vote for another."""
COLOR_GAIN = 1.5
"""The same of colours: less, for the measured colours have had their say already."""
COLOR_SHARPNESS = 2.0
"""What a voter's log-odds of the same colour are multiplied by: names of colours lie close together."""
LEAD = 1.0
"""The nearest voter's log-odds beyond the next one's that count: it may be the very product, and oddly kept."""
MOST = 0.5
"""The share of votes from which on a category is that of most."""
CATEGORY, COLOR = "category", "color"

Facets = Mapping[str, tuple[str, ...]]
Values = Sequence[tuple[str, ...]]


def categories_vote(
    logits: NDArray[np.float32], voters: NDArray[np.int64], categories: Values, own: Collection[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(rows,) log-odds less what speaks against each row's category, and the share of votes for it or NaN.

    Args:
        voters: rows, the nearest first; the first VOTERS that have a category vote.
        categories: of each row; own: of the product that asks.
    """
    shares = support(logits, voters, categories, own)
    if shares is None:
        return logits, np.full(len(logits), np.nan, np.float32)
    return lowered(logits, shares, CATEGORY_GAIN), shares


def colors_vote(
    logits: NDArray[np.float32],
    alike: NDArray[np.float32],
    voters: NDArray[np.int64],
    facets: Sequence[Facets],
    own: tuple[str, ...],
) -> NDArray[np.float32]:
    """(rows,) log-odds less what speaks against what the shop calls each row's colour.

    Args:
        alike: (rows,) log-odds that the measured colours are the same; voters: rows, the nearest in colour first.
        own: what the shop calls the colours of the product that asks.
    """
    names = [color_names(each.get(COLOR, ())) for each in facets]
    shares = support(COLOR_SHARPNESS * alike, voters, names, color_names(own))
    return logits if shares is None else lowered(logits, shares, COLOR_GAIN)


def support(
    logits: NDArray[np.float32], voters: NDArray[np.int64], values: Values, own: Collection[str] = ()
) -> NDArray[np.float32] | None:
    """(rows,) 0 to 1: the share of votes for each row's value; None where no voter has one.

    A row that has several values, or a path of them, has the mean of their shares; one that has none has the share
    that a voter has on average.

    Args:
        logits: (rows,) how alike each is; a vote weighs by its odds.
        voters: rows that vote, the nearest first.
        values: what the shop says of each row.
        own: what it says of the product that asks.
    """
    voting = [row for row in voters.tolist() if values[row]][:VOTERS]
    if not voting:
        return None
    odds = np.minimum(logits[voting], logits[voting[:2]].min() + LEAD)
    weights = np.exp(odds - odds.max())
    votes = dict.fromkeys(own, 1.0 * bool(own))
    for row, weight in zip(voting, (weights / weights.sum()).tolist(), strict=True):
        for name in values[row]:
            votes[name] = votes.get(name, 0.0) + weight
    whole = 2.0 if own else 1.0
    shares = {names: _mean([votes.get(name, 0.0) / whole for name in names]) for names in set(values)}
    found = np.array([shares[names] for names in values], np.float32)
    return np.where(np.isnan(found), found[voting] @ weights / weights.sum(), found).astype(np.float32)


def lowered(logits: NDArray[np.float32], shares: NDArray[np.float32], gain: float) -> NDArray[np.float32]:
    """Log-odds less what speaks against a row's value; the one with the most votes keeps what it has.

    The less the voters agree, the less they say: what half of them vote for takes half as much from the others.
    """
    most = shares.max()
    return np.asarray(logits + gain * most * (shares - most), np.float32)


@lru_cache(maxsize=4096)
def color_names(said: tuple[str, ...]) -> tuple[str, ...]:
    """The colours that a shop's words name: ("dark navy/white",) → ("navy", "white")."""
    return tuple(dict.fromkeys(name for text in said for name in colors_in(text) or (text.casefold(),)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
