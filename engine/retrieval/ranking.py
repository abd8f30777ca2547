"""From a shortlist to products in order: exact scores for every row, words for those that may still come first.

The embeddings' signals are arrays over all rows. What an item's colours and the shop's words say needs its words, which
are slow to bring; they are brought for the rows that the embeddings alone put first (see `EVIDENCE`), and for the first
of those that came in under the query's own filters. So colours reorder these, and cannot lift a row from further
behind: there the embeddings have found some two hundred that are more alike. Where a photo or a product asks alone, the
categories and colours of the nearest have a say in the end (`facet_votes.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from engine.domain import Item, Signals
from engine.products.garments import garments_in
from engine.retrieval.facet_votes import CATEGORY, COLOR, Facets, Values, categories_vote, colors_vote
from engine.retrieval.fusion import Signal, Weights, fuse, log_odds, logit, sigmoid
from engine.retrieval.looks import EVERY_PRODUCT, Look, Shown, look_of, sold_out
from engine.retrieval.metadata_scores import facets_weighed, kept, with_metadata
from engine.retrieval.query_vectors import Calibrations, QueryVectors
from engine.seams import Shortlist
from engine.taxonomy import collection_name
from engine.values import WORDS_FACET
from engine.words.parsed_text import score_share

EVIDENCE = 200
"""Rows whose colours and words are weighed, at least; with more than 50 products wanted, four for each of them."""
_WIDEN = 4
_CHUNK = 16
"""Items read at a time where the first ones did not make the answer, as sizes of one dress do not."""
_NO_LOOK: Look = frozenset()
_EVEN = Weights(1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """One supercategory's hits in order, each by the item that matches best.

    Attributes:
        chances: what each signal says of each hit, 0 to 1, NaN where an item lacks it.
        buyable: the first so many can be bought, or were not asked whether they can.
        complete: no further product matches.
        agreed: the share of votes for each hit's category, NaN where none voted.
    """

    items: list[Item]
    scores: list[float]
    chances: dict[Signal, list[float]]
    buyable: int
    complete: bool
    agreed: list[float]

    def signals(self, row: int) -> Signals:
        """What each signal says of a hit, None where it had no part."""
        each = {name: values[row] for name, values in self.chances.items()}
        return Signals(**{name: None if isnan(value) else value for name, value in each.items()})


def rank(
    listed: Shortlist,
    query_vectors: QueryVectors,
    supercategory: str,
    calibrations: Calibrations,
    weights: Weights,
    wanted: int,
    shown: Shown = EVERY_PRODUCT,
) -> Ranked:
    """The shortlist's products in order, one of each look if so asked: `wanted` of them, or all there are."""
    logits, close = embedding_logits(listed, query_vectors, supercategory, calibrations)
    nearness = fuse(logits, weights if any(weights.of(signal) for signal in logits) else _EVEN)
    # Rows that were deleted meanwhile, or whose paired row is not written yet.
    nearness[np.isnan(np.stack(list(logits.values()))).any(axis=0)] = -1
    weighed = facets_weighed(query_vectors.palette, query_vectors.parsed, query_vectors.colors)
    voting = bool(weighed) and query_vectors.is_plain_photo(weights)
    weighed = tuple(dict.fromkeys((*weighed, CATEGORY, COLOR))) if voting else weighed
    reach, every = wanted, count_of(listed.products[nearness >= 0])
    while True:
        places = contenders(nearness, close, listed, reach, weighed=bool(weighed))
        joined = {signal: values[places] for signal, values in logits.items()}
        told = [facets or {} for facets in listed.facets(places.tolist(), weighed)] if weighed else []
        if weighed:
            joined = with_metadata(joined, query_vectors.palette, query_vectors.parsed, told, query_vectors.colors)
        joined = _as_understood(joined, query_vectors)
        scores = fuse(joined, weights) * (kept(query_vectors.parsed, told) if weighed else 1)
        agreed = np.full(len(scores), np.nan, np.float32)
        if voting:
            categories = _categories(listed, places, told, query_vectors)
            colors, products = joined.get("color"), listed.products[places]
            scores, agreed = _voted(scores, colors, products, told, categories, query_vectors.colors)
        order = _one_per_product(np.argsort(-scores, kind="stable"), listed.products[places])
        chosen = _choose(listed, places, order, wanted, shown, query_vectors.own)
        if chosen.buyable >= wanted or len(order) >= every:
            break
        reach *= _WIDEN
    best = np.array(chosen.rows, np.int64)
    chances = {signal: sigmoid(values[best]).tolist() for signal, values in joined.items()}
    complete = listed.exhausted and chosen.walked >= every
    return Ranked(chosen.items, scores[best].tolist(), chances, chosen.buyable, complete, agreed[best].tolist())


def _categories(
    listed: Shortlist, places: NDArray[np.int64], told: Sequence[Facets], query_vectors: QueryVectors
) -> tuple[Values, Collection[str]]:
    """What the shop says each row is, and the product that asks; the garments of titles where it has no categories."""
    if any(each.get(CATEGORY) for each in told):
        return [each.get(CATEGORY, ()) for each in told], query_vectors.facets.get(CATEGORY, ())
    words = listed.facets(places.tolist(), (WORDS_FACET,))
    return [garments_in((each or {}).get(WORDS_FACET, ())) for each in words], query_vectors.titled


def _voted(
    scores: NDArray[np.float32],
    colors: NDArray[np.float32] | None,
    products: NDArray[np.int64],
    told: Sequence[Facets],
    categories: tuple[Values, Collection[str]],
    own_colors: tuple[str, ...],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(rows,) scores after the shop's words for the nearest voted, and the share of votes for each row's category."""
    nearest = _one_per_product(np.argsort(-scores, kind="stable"), products)
    logits, agreed = categories_vote(logit(scores), nearest, *categories)
    if colors is not None:
        near = colors[:EVIDENCE]  # However many are wanted, the same ones vote.
        nearest = _one_per_product(np.argsort(-near, kind="stable"), products[:EVIDENCE])
        nearest = nearest[~np.isnan(near[nearest])]
        logits = colors_vote(logits, colors, nearest, told, own_colors)
    return sigmoid(logits), agreed


def _as_understood(
    logits: Mapping[Signal, NDArray[np.float32]], query_vectors: QueryVectors
) -> dict[Signal, NDArray[np.float32]]:
    """Of words understood in part, that part of what they say; all signals are theirs where words ask alone."""
    share = score_share(query_vectors.parsed)
    if share >= 1:
        return dict(logits)
    lowered: dict[Signal, NDArray[np.float32]] = {}
    for signal, values in logits.items():
        mine = signal == "text" or query_vectors.query_kind == "words"
        lowered[signal] = logit(share * sigmoid(values)) if mine else values
    return lowered


@dataclass(slots=True, eq=False)
class _Chosen:
    """Rows that become hits, with their items; the first `buyable` can be bought. `walked` rows were looked at."""

    rows: list[int]
    items: list[Item]
    buyable: int = 0
    walked: int = 0


def _choose(
    listed: Shortlist, places: NDArray[np.int64], order: NDArray[np.int64], wanted: int, shown: Shown, own: Look
) -> _Chosen:
    """The first rows of an order that are to be hits; no more items are read than it takes to find them."""
    chosen, looks, later = _Chosen([], []), set[tuple[str, ...]](), list[tuple[int, Item, Look]]()
    while len(chosen.rows) < wanted and chosen.walked < len(order):
        part = order[chosen.walked : chosen.walked + max(wanted - len(chosen.rows), _CHUNK if chosen.walked else 1)]
        chosen.walked += len(part)
        for row, item in zip(part.tolist(), listed.items(places[part].tolist()), strict=True):
            look = look_of(item) if item and shown.one_per_look else _NO_LOOK
            if item is None or not own.isdisjoint(look):
                continue
            if shown.sold_out_last and sold_out(item):
                later.append((row, item, look))
            else:
                _append_look(chosen, looks, row, item, look)
    del chosen.rows[wanted:], chosen.items[wanted:]
    chosen.buyable = len(chosen.rows)
    for row, item, look in later[: 0 if chosen.buyable >= wanted else None]:
        _append_look(chosen, looks, row, item, look)
    return chosen


def _append_look(chosen: _Chosen, looks: set[tuple[str, ...]], row: int, item: Item, look: Look) -> None:
    if looks.isdisjoint(look):
        chosen.rows.append(row)
        chosen.items.append(item)
    looks |= look


def count_of(products: NDArray[np.int64]) -> int:
    """How many different ones there are."""
    return len(_starts(np.sort(products)))


def embedding_logits(
    listed: Shortlist, query_vectors: QueryVectors, supercategory: str, calibrations: Calibrations
) -> tuple[dict[Signal, NDArray[np.float32]], NDArray[np.float32]]:
    """(rows,) log-odds per signal on the raw embeddings, NaN for a row that one of the spaces asked does not have.

    Also the first cosines they are of: log-odds are capped, and rows beyond the cap are alike by them.
    """
    logits: dict[Signal, NDArray[np.float32]] = {}
    first: list[NDArray[np.float32]] = []
    if query_vectors.visual is not None:
        first = [listed.cosines(collection_name(supercategory, "visual"), query_vectors.visual[None])[:, 0]]
        logits["visual"] = log_odds(first[0], calibrations.visual)
    asked = {"moved": query_vectors.moved(), "positive": query_vectors.positive, "negative": query_vectors.negative}
    vectors = {name: vector for name, vector in asked.items() if vector is not None}
    if not vectors:
        return logits, first[0]
    cosines = listed.cosines(collection_name(supercategory, "semantic"), np.stack(list(vectors.values())))
    by_name = dict(zip(vectors, cosines.T, strict=True))
    if "moved" in by_name:
        logits["semantic"] = log_odds(by_name["moved"], calibrations.semantic)
    if "positive" in by_name:
        logits["text"] = log_odds(by_name["positive"], calibrations.text)
    if "negative" in by_name:
        unwanted = log_odds(by_name["negative"], calibrations.text)
        logits["text"] = logits["text"] - unwanted if "text" in logits else -unwanted
    return logits, [*first, cosines[:, 0]][0]


def contenders(
    nearness: NDArray[np.float32], close: NDArray[np.float32], listed: Shortlist, wanted: int, *, weighed: bool
) -> NDArray[np.int64]:
    """The places of the rows that may come first, nearest first.

    Args:
        nearness: (rows,) the score by embeddings alone; below 0 for a row that is not to come.
        close: (rows,) what tells equal ones apart, so that the same rows come from every store.
        weighed: whether colours or words will change the order; if not, one row of each wanted product is enough.
    """
    order = np.lexsort((-close, -nearness))
    order = order[nearness[order] >= 0]
    first = _one_per_product(np.arange(len(order)), listed.products[order])
    if not weighed:
        return order[first[:wanted]]
    reach = int(first[wanted - 1]) + 1 if len(first) >= wanted else len(order)
    chosen = np.arange(len(order)) < max(EVIDENCE, 4 * wanted, reach)
    for matched_by in listed.matched_by[1:]:
        chosen[np.flatnonzero(matched_by[order])[: max(EVIDENCE, 4 * wanted)]] = True
    return order[chosen]


def _one_per_product(order: NDArray[np.int64], products: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of rows in some order the first of each product, in that order."""
    found = products[order]
    by_product = np.argsort(found, kind="stable")
    return order[np.sort(by_product[_starts(found[by_product])])]


def _starts(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each run of equal numbers begins. NumPy's `unique` takes ten times as long for a thousand of them."""
    begins = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=begins[1:])
    return np.flatnonzero(begins)
