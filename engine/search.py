"""The search: candidates from both embeddings → exact scores → one hit per product → rank.

Stores give candidates, perhaps approximate ones; every score that a caller sees is computed
here on the raw embeddings, the same way over every store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.clock import Stopwatch
from engine.color_look import NAMES_FACET
from engine.domain import SPACES, Hit, Item, Product, Signals
from engine.errors import QueryRejected
from engine.evidence import WORDS_FACET, near_names
from engine.filters import EVERYTHING, FacetCondition, Filter
from engine.fusion import DEFAULTS, Weights, explain
from engine.probe import Calibrations, Probe
from engine.ranking import Ranked, count_of, rank
from engine.seams import Ledger, ShortlistQuery, VectorStore
from engine.taxonomy import collection_name
from engine.wish import Wish

__all__ = ["MAX_K", "Calibrations", "Probe", "Searcher"]
MAX_K = 100
DEPTH = 100
"""Candidates that each embedding must give at first, where so many match. A store may give more."""
WIDEN = 4


@dataclass(frozen=True, slots=True, eq=False)
class Searcher:
    """Searches the sister collections of a catalogue."""

    store: VectorStore
    ledger: Ledger
    calibrations: Calibrations

    def search(
        self,
        probe: Probe,
        supercategories: Sequence[str],
        k: int,
        where: Filter = EVERYTHING,
        weights: Weights | None = None,
        watch: Stopwatch | None = None,
    ) -> tuple[Hit, ...]:
        """The k best products over the given supercategories, best first, k whenever k exist.

        Raises:
            QueryRejected: k out of range, or a probe with nothing to search by.
        """
        if not 1 <= k <= MAX_K:
            raise QueryRejected(f"k is {k}; it goes from 1 to {MAX_K}.")
        if not any(probe.vectors(space) for space in SPACES):
            raise QueryRejected("There is nothing to search with: give an image, a wanted text or a product.")
        watch, weights = watch or Stopwatch(), weights or DEFAULTS[probe.asking]
        wanted = k
        while True:
            found = [self._best_products(probe, name, wanted, where, weights, watch) for name in supercategories]
            with watch.stage("rank"):
                hits = self._hits(probe, found, k, weights)
            if len(hits) == k or all(ranked.complete for ranked in found):
                return hits
            wanted *= WIDEN  # The ledger does not have some of the products: they are being deleted.

    def _best_products(
        self, probe: Probe, supercategory: str, wanted: int, where: Filter, weights: Weights, watch: Stopwatch
    ) -> Ranked:
        """Widen the candidates until they hold so many products, or every matching row was seen."""
        spaces = {collection_name(supercategory, space): probe.vectors(space) for space in SPACES}
        asked = {name: np.stack(vectors) for name, vectors in spaces.items() if vectors}
        words, also = collection_name(supercategory, "semantic"), _narrower(probe.wish, where)
        least = max(DEPTH, 4 * wanted)
        while True:
            with watch.stage("candidates"):
                listed = self.store.shortlist(ShortlistQuery(asked, words, least, where, also, probe.exclude))
                enough = listed.exhausted or count_of(listed.products) >= wanted
            if enough:
                with watch.stage("rescore"):
                    ranked = rank(listed, probe, supercategory, self.calibrations, weights, wanted)
                if listed.exhausted or len(ranked.items) >= wanted:
                    return ranked
            least *= WIDEN

    def _hits(self, probe: Probe, found: Sequence[Ranked], k: int, weights: Weights) -> tuple[Hit, ...]:
        """Merge the supercategories, keep one hit per product, and bring the products' words."""
        merged = sorted(
            ((score, ranked, row) for ranked in found for row, score in enumerate(ranked.scores)),
            key=lambda entry: -entry[0],
        )
        hits: dict[str, Hit] = {}
        for start in range(0, len(merged), 2 * k):
            self._append_hits(hits, merged[start : start + 2 * k], probe, weights)
            if len(hits) >= k:
                break
        return tuple(hits.values())[:k]

    def _append_hits(
        self, hits: dict[str, Hit], entries: Sequence[tuple[float, Ranked, int]], probe: Probe, weights: Weights
    ) -> None:
        products = self.ledger.products([ranked.items[row].product_id for _, ranked, row in entries])
        for score, ranked, row in entries:
            item = ranked.items[row]
            if (product := products.get(item.product_id)) and product.product_id not in hits:
                hits[product.product_id] = _hit(product, item, score, ranked.signals(row), probe, weights)


def _hit(product: Product, item: Item, score: float, signals: Signals, probe: Probe, weights: Weights) -> Hit:
    why = explain(
        product,
        item,
        signals,
        weights,
        words=probe.words,
        shared=probe.facets,
        color=probe.color,
        wished=probe.wish.colors,
    )
    return Hit(product, item, score, signals, why)


def _narrower(wish: Wish, where: Filter) -> list[Filter]:
    """The filters under which more candidates are asked for."""
    colors = [FacetCondition(NAMES_FACET, near_names(wish))] if wish.colors else []
    words = [FacetCondition(WORDS_FACET, frozenset({word})) for word in sorted(wish.words)]
    return [Filter((*where.conditions, *some)) for some in (colors, words) if some]
