"""What kind of thing a photo shows, told by the shop's own categories: those of the products that look most alike vote.

Pictures of many kinds look alike, and a shop has said of each product what it is. If most of the nearest are shirts the
photo shows a shirt, and what the shop calls otherwise is less likely wanted. A stored product that asks for others like
it has a category of its own, which counts as much as all votes together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

VOTERS = 30
"""Products that vote, the nearest."""
GAIN = 2.0
"""The log-odds that a product loses of whose category none votes, where all vote for another."""
MOST = 0.5
"""The share of votes from which on a category is that of most."""
CATEGORY = "category"

Facets = Mapping[str, tuple[str, ...]]


def support(
    logits: NDArray[np.float32], voters: NDArray[np.int64], facets: Sequence[Facets], own: Collection[str] = ()
) -> NDArray[np.float32] | None:
    """(rows,) 0 to 1: the share of votes for each row's category; None where no voter has one.

    A row that has several categories, or a path of them, has the mean of their shares; one that has none has the share
    that a voter has on average.

    Args:
        logits: (rows,) how alike each is; a vote weighs by its odds.
        voters: rows that vote, the nearest first.
        own: categories of the product that asks.
    """
    voting = [row for row in voters.tolist() if facets[row].get(CATEGORY)][:VOTERS]
    if not voting:
        return None
    weights = np.exp(logits[voting] - logits[voting].max())
    votes = dict.fromkeys(own, 1.0 * bool(own))
    for row, weight in zip(voting, (weights / weights.sum()).tolist(), strict=True):
        for name in facets[row][CATEGORY]:
            votes[name] = votes.get(name, 0.0) + weight
    whole = 2.0 if own else 1.0
    shares = [_mean([votes.get(name, 0.0) / whole for name in each.get(CATEGORY, ())]) for each in facets]
    found = np.array(shares, np.float32)
    return np.where(np.isnan(found), found[voting] @ weights / weights.sum(), found).astype(np.float32)


def lowered(logits: NDArray[np.float32], shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log-odds less what speaks against a row's category; the one with the most votes keeps what it has."""
    return np.asarray(logits + GAIN * (shares - shares.max()), np.float32)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
