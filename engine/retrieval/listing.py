"""How found products are listed: their order, a least score, variety, and pages that neither repeat nor leave out.

A page is told by what was shown before it, not by a number: the catalogue may change between two pages, and a product
comes once all the same. Pages are cut from the best `STEPS` hits, so that the first fifty are the same in pages of ten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from engine.domain import Embeddings, Hit
from engine.errors import QueryRejected
from engine.filters import facet_value
from engine.retrieval.looks import Shown, look_of, sold_out

Sort = Literal["relevance", "price_asc", "price_desc", "newest"]
SORTS: tuple[Sort, ...] = ("relevance", "price_asc", "price_desc", "newest")
DiversityBy = Literal["likeness", "brand"]
WINDOW = 200
"""The best hits, among which another order, variety and totals work."""
MEANT = 0.5
"""The share of the best hit's score that others need where another order than by relevance is asked for."""
STEPS = (50, 100, WINDOW, 400, 700, 1000)
"""How many hits are ranked for a page that ends there."""
MOST = STEPS[-1]
Fetch: TypeAlias = Callable[[int, bool], tuple[Hit, ...]]
"""How many hits are wanted, and whether what is sold out comes last → the best of them, or all that there are."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What earlier pages showed: the tokens of their hits, and how many hits these were."""

    tokens: frozenset[int] = frozenset()
    hits: int = 0

    def joined(self, page: Sequence[Hit], shown: Shown) -> Seen:
        """These, and the hits of one more page."""
        return Seen(self.tokens.union(*(tokens_of(hit, shown) for hit in page)), self.hits + len(page))


@dataclass(frozen=True, slots=True)
class Listing:
    """What a caller asks of the list of hits.

    Attributes:
        min_score: hits below it are left out; 0 for none, or in other orders half of the best hit's score.
        diversity: 0 to 1, how much unlike each other the first hits are to be.
        total: whether to say how many hits there are.
        after: what earlier pages showed; None for the first page.
        diversity_by: in what: how they look (maximal marginal relevance), or their brands.
    Raises:
        QueryRejected: a number out of its range.
    """

    sort: Sort = "relevance"
    min_score: float = 0.0
    diversity: float = 0.0
    total: bool = False
    after: Seen | None = None
    diversity_by: DiversityBy = "likeness"

    def __post_init__(self) -> None:
        for name in ("min_score", "diversity"):
            if not 0 <= getattr(self, name) <= 1:
                raise QueryRejected(f"{name!r} is {getattr(self, name)}; it goes from 0 to 1.")
        if self.sort not in SORTS:
            raise QueryRejected(f"There is no order {self.sort!r}; use one of {', '.join(SORTS)}.")
        if self.diversity_by not in get_args(DiversityBy):
            raise QueryRejected(f"There is no diversity by {self.diversity_by!r}; use 'likeness' or 'brand'.")

    @property
    def is_plain(self) -> bool:
        """Whether the first hits are all that is asked for."""
        return replace(self, diversity_by=_PLAIN.diversity_by) == _PLAIN


_PLAIN = Listing()
BEST_FIRST = _PLAIN


@dataclass(frozen=True, slots=True)
class Total:
    """How many hits paging gives: exactly so many, or (`at_least`) so many and perhaps more."""

    value: int
    at_least: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One page of hits; `seen` asks for the next one, None where there is no more."""

    hits: tuple[Hit, ...]
    seen: Seen | None = None
    total: Total | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What an order may need to know of hits beside themselves.

    Attributes:
        added: product ids → when each was first written.
        embeddings: hits → (n, dim) unit rows that tell how alike they are.
    """

    added: Callable[[Sequence[str]], Mapping[str, datetime]]
    embeddings: Callable[[Sequence[Hit]], Embeddings]
    shown: Shown = field(default_factory=Shown)


def page_of(fetch: Fetch, k: int, listing: Listing, sources: Sources) -> Page:
    """One page of at most k hits."""
    shown, before = sources.shown, listing.after or Seen()
    if listing.is_plain:
        hits = fetch(k + 1, shown.sold_out_last)
        return Page(hits[:k], before.joined(hits[:k], shown) if len(hits) > k else None)
    wanted = _window(listing, before.hits + k + 1)
    hits = fetch(wanted, shown.sold_out_last and listing.min_score == 0)
    least = _least_score(hits, listing)
    kept = [hit for hit in hits if hit.score >= least]
    whole = len(hits) < wanted or len(kept) < len(hits)
    left = [hit for hit in _ordered(kept, listing, sources) if before.tokens.isdisjoint(tokens_of(hit, shown))]
    more = len(left) > k or (not whole and listing.sort == "relevance" and wanted < MOST)
    total = Total(len(kept), not whole) if listing.total else None
    return Page(tuple(left[:k]), before.joined(left[:k], shown) if more and left else None, total)


def _least_score(hits: Sequence[Hit], listing: Listing) -> float:
    """The caller's own. Another order than by relevance is of what may be meant: not the cheapest of everything."""
    if listing.sort == "relevance" or listing.min_score or not hits:
        return listing.min_score
    return MEANT * max(hit.score for hit in hits)


def tokens_of(hit: Hit, shown: Shown) -> frozenset[int]:
    """What a hit is known by on later pages: its look where one hit stands for a look, else its product."""
    names = [f"look\0{chr(0).join(each)}" for each in look_of(hit.item)] if shown.one_per_look else []
    return frozenset(map(_token, names or [f"product\0{hit.product.product_id}"]))


def _token(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little")


def _window(listing: Listing, wanted: int) -> int:
    """How many hits to rank. Another order than by relevance is of a fixed number, or pages would not fit together."""
    if listing.sort != "relevance":
        return WINDOW
    least = WINDOW if listing.total or listing.diversity or listing.min_score else 0
    return next((step for step in STEPS if step >= max(wanted, least)), MOST)


def _ordered(hits: Sequence[Hit], listing: Listing, sources: Sources) -> list[Hit]:
    ordered = list(hits)
    if listing.sort == "newest":
        added = sources.added([hit.product.product_id for hit in hits])
        never = datetime.min.replace(tzinfo=UTC)
        ordered.sort(key=lambda hit: added.get(hit.product.product_id, never), reverse=True)
    elif listing.sort != "relevance":
        ordered.sort(key=_by_price(descending=listing.sort == "price_desc"))
    elif listing.diversity and len(hits) > 2:
        first = ordered[:WINDOW]
        chosen = _spread_out(first, listing, sources)
        ordered = [first[at] for at in chosen] + ordered[WINDOW:]
    if sources.shown.sold_out_last:
        ordered.sort(key=lambda hit: sold_out(hit.item))
    return ordered


def _spread_out(hits: Sequence[Hit], listing: Listing, sources: Sources) -> list[int]:
    scores = np.array([hit.score for hit in hits], np.float32)
    if listing.diversity_by == "brand":
        return spread_brands(scores, [hit.product.brand for hit in hits], listing.diversity)
    return spread(scores, sources.embeddings(hits), listing.diversity)


def _by_price(*, descending: bool) -> Callable[[Hit], tuple[bool, float]]:
    """In the order of what a buyer pays; what has no price comes last."""

    def key(hit: Hit) -> tuple[bool, float]:
        price = hit.product.effective_price
        return price is None, (-(price or 0.0) if descending else (price or 0.0))

    return key


def spread(scores: NDArray[np.float32], embeddings: Embeddings, diversity: float) -> list[int]:
    """The places of hits in an order that weighs each score against the likeness to the hits before it.

    Args:
        scores: (n,) 0 to 1, best first; embeddings: (n, dim) unit rows.
    Source: Carbonell & Goldstein 1998, "The use of MMR".
    """
    alike = np.clip(embeddings @ embeddings.T, 0, 1)
    nearest, left = np.zeros(len(scores), np.float32), np.ones(len(scores), bool)
    chosen: list[int] = []
    for _ in range(len(scores)):
        worth = np.where(left, (1 - diversity) * scores - diversity * nearest, -np.inf)
        best = int(np.argmax(worth))
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, alike[best])
    return chosen


def spread_brands(scores: NDArray[np.float32], brands: Sequence[str | None], diversity: float) -> list[int]:
    """The places of hits in an order that weighs each score against how many of its brand come before it.

    The first of a brand loses nothing, the second half of `diversity`, the third three quarters; at 1 the brands take
    turns. What has no brand stands for itself.
    """
    names = [facet_value(brand or "") for brand in brands]
    numbers = np.array([names.index(name) if name else at for at, name in enumerate(names)], np.intp)
    before, left = np.zeros(len(names), np.float32), np.ones(len(names), bool)
    chosen: list[int] = []
    for _ in names:
        worth = (1 - diversity) * scores - diversity * (1 - 0.5**before)
        best = int(np.argmax(np.where(left, worth, -np.inf)))
        chosen.append(best)
        left[best] = False
        before += numbers == numbers[best]
    return chosen
