"""The search: candidates from both embeddings → exact scores → one hit per product, or per look → rank.

Stores give candidates, perhaps approximate ones; every score that a caller sees is computed
here on the raw embeddings, the same way over every store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engine.color.palette import NAMES_FACET
from engine.domain import SPACES, Embeddings, Hit, Item, Product, Signals
from engine.errors import QueryRejected
from engine.filters import EVERYTHING, FacetCondition, Filter
from engine.retrieval.concurrent import together
from engine.retrieval.confidence import Confidences
from engine.retrieval.facet_votes import CATEGORY
from engine.retrieval.fusion import DEFAULTS, Weights, explain
from engine.retrieval.identity import identified_hits, in_front, matched_by
from engine.retrieval.listing import Listing, Page, Sources, page_of
from engine.retrieval.looks import (
    EVERY_PRODUCT,
    NOT_SOLD_OUT,
    Shown,
    by_size,
    group_of,
    look_of,
    of_same_look,
    sold_out,
)
from engine.retrieval.metadata_scores import near_names
from engine.retrieval.query_vectors import Calibrations, QueryVectors
from engine.retrieval.ranking import Ranked, count_of, rank
from engine.seams import Ledger, ShortlistQuery, VectorStore
from engine.system.clock import Stopwatch
from engine.taxonomy import collection_name
from engine.values import WORDS_FACET
from engine.words.categories import MEANT
from engine.words.codes import Identified
from engine.words.parsed_text import ParsedText

__all__ = ["MAX_K", "Ask", "Calibrations", "QueryVectors", "Searcher"]
MAX_K = 100
DEPTH = 100
"""Candidates that each embedding must give at first, where so many match. A store may give more."""
WIDEN = 4
MAX_VARIANTS = 2_000
"""Rows read at most, in one supercategory, to tell the variants of all hits."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """One search: what is looked for, among what, how it is weighed and shown, and how long it takes."""

    query_vectors: QueryVectors
    where: Filter
    weights: Weights
    watch: Stopwatch
    shown: Shown
    confidences: Confidences


def _none_unwanted(_: Hit) -> bool:
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One search as it is asked for.

    Attributes:
        others: supercategories that are turned to where the first ones hold too little.
        unwanted: hits that come behind those of other supercategories too.
        identified: products that the words name by a code: they come first.
    """

    query_vectors: QueryVectors
    supercategories: Sequence[str]
    watch: Stopwatch
    where: Filter = EVERYTHING
    weights: Weights | None = None
    shown: Shown = EVERY_PRODUCT
    others: Sequence[str] = ()
    unwanted: Callable[[Hit], bool] = _none_unwanted
    identified: Sequence[Identified] = ()


def _check(query_vectors: QueryVectors, k: int) -> None:
    if not 1 <= k <= MAX_K:
        raise QueryRejected(f"k is {k}; it goes from 1 to {MAX_K}.")
    if not any(query_vectors.vectors(space) for space in SPACES):
        raise QueryRejected("There is nothing to search with: give an image, a wanted text or a product.")


@dataclass(frozen=True, slots=True, eq=False)
class Searcher:
    """Searches the paired collections of a catalogue."""

    store: VectorStore
    ledger: Ledger
    calibrations: Calibrations

    def search(
        self,
        query_vectors: QueryVectors,
        supercategories: Sequence[str],
        k: int,
        where: Filter = EVERYTHING,
        weights: Weights | None = None,
        watch: Stopwatch | None = None,
        shown: Shown = EVERY_PRODUCT,
    ) -> tuple[Hit, ...]:
        """The k best hits over the given supercategories, best first, k whenever k exist.

        Raises:
            QueryRejected: k out of range, or the query vectors with nothing to search by.
        """
        _check(query_vectors, k)
        asked = _Asked(
            query_vectors,
            where,
            weights or DEFAULTS[query_vectors.query_kind],
            watch or Stopwatch(),
            shown.under(where),
            self.calibrations.confidences,
        )
        return self.with_variants(self._best_hits(asked, supercategories, k), where, asked.watch, shown)

    def page(self, ask: Ask, k: int, listing: Listing) -> Page:
        """One page of the hits that were asked for, listed as the caller wants them.

        Raises:
            QueryRejected: k out of range, or the query vectors with nothing to search by.
        """
        _check(ask.query_vectors, k)
        shown = ask.shown.under(ask.where)
        sources = Sources(self._added, self._embeddings_of, shown)
        page = page_of(partial(self._fetch, ask), k, listing, sources)
        return replace(page, hits=self.with_variants(page.hits, ask.where, ask.watch, ask.shown))

    def _fetch(self, ask: Ask, wanted: int, sold_out_last: bool) -> tuple[Hit, ...]:
        """The best hits, before them products that the words name by a code."""
        hits = self._nearest(ask, wanted, sold_out_last)
        if not ask.identified:
            return hits
        first = identified_hits(self.store, self.ledger, ask.identified, [*ask.supercategories, *ask.others], ask.where)
        return in_front(first, hits, one_per_look=ask.shown.one_per_look)[:wanted]

    def _nearest(self, ask: Ask, wanted: int, sold_out_last: bool) -> tuple[Hit, ...]:
        """The best hits of the supercategories; where these hold too few, those of the others behind them."""
        shown = replace(ask.shown.under(ask.where), sold_out_last=sold_out_last)
        weights = ask.weights or DEFAULTS[ask.query_vectors.query_kind]
        asked = _Asked(ask.query_vectors, ask.where, weights, ask.watch, shown, self.calibrations.confidences)
        hits = self._best_hits(asked, ask.supercategories, wanted)
        if not ask.others or len(hits) >= wanted:
            return hits
        hits += self._best_hits(asked, ask.others, wanted - len(hits))
        return tuple(sorted(hits, key=lambda hit: (sold_out_last and sold_out(hit.item), ask.unwanted(hit))))

    def _added(self, product_ids: Sequence[str]) -> Mapping[str, datetime]:
        return self.ledger.added(product_ids)

    def _embeddings_of(self, hits: Sequence[Hit]) -> Embeddings:
        """(hits, dim) visual embeddings of the hits' garments."""
        rows: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(hits)
        for name in dict.fromkeys(hit.item.supercategory for hit in hits):
            places = [at for at, hit in enumerate(hits) if hit.item.supercategory == name]
            ids = [hits[at].item.item_id for at in places]
            found, _ = self.store.embeddings(collection_name(name, "visual"), ids)
            for at, row in zip(places, found, strict=True):
                rows[at] = row
        return np.stack(rows)

    def _best_hits(self, asked: _Asked, supercategories: Sequence[str], k: int) -> tuple[Hit, ...]:
        """The k best hits, without their variants."""
        wanted = k
        while True:
            found = self._best_of_each(asked, supercategories, wanted)
            with asked.watch.stage("rank"):
                hits = self._hits(asked, found, k)
            if len(hits) == k or all(ranked.complete for ranked in found):
                break
            wanted *= WIDEN  # The ledger does not have some of the products: they are being deleted.
        return hits

    def with_variants(self, hits: tuple[Hit, ...], where: Filter, watch: Stopwatch, shown: Shown) -> tuple[Hit, ...]:
        """Hits that stand for a look, each with the products of it."""
        if shown.one_per_look and any("item_group_id" in hit.item.facets for hit in hits):
            with watch.stage("variants"):
                return self._with_variants(hits, where)
        return hits

    def search_each(
        self,
        queries: Sequence[tuple[QueryVectors, Sequence[str]]],
        k: int,
        where: Filter = EVERYTHING,
        weights: Weights | None = None,
        watch: Stopwatch | None = None,
        shown: Shown = EVERY_PRODUCT,
    ) -> list[tuple[Hit, ...]]:
        """What `search` says of each, in its supercategories; a store on servers is asked for all of them at once.

        Raises:
            QueryRejected: as `search`.
        """
        watch = watch or Stopwatch()
        parts = [Stopwatch(watch.deadline) for _ in queries]
        calls = [
            partial(self.search, vectors, names, k, where, weights, part, shown)
            for (vectors, names), part in zip(queries, parts, strict=True)
        ]
        with watch.side_by_side(parts):
            return together(self.store, calls)

    def _best_of_each(self, asked: _Asked, supercategories: Sequence[str], wanted: int) -> list[Ranked]:
        """The best of every supercategory, each asked on a watch of its own."""
        parts = [replace(asked, watch=Stopwatch(asked.watch.deadline)) for _ in supercategories]
        calls = [partial(self._best, part, name, wanted) for part, name in zip(parts, supercategories, strict=True)]
        with asked.watch.side_by_side([part.watch for part in parts]):
            return [ranked for each in together(self.store, calls) for ranked in each]

    def _best(self, asked: _Asked, supercategory: str, wanted: int) -> list[Ranked]:
        """The best of one supercategory; with too few that can be bought among the nearest, those farther off too."""
        ranked = self._widened(asked, supercategory, wanted)
        if not asked.shown.sold_out_last or ranked.complete or ranked.buyable >= wanted:
            return [ranked]
        narrowed = replace(asked, where=Filter((*asked.where.conditions, NOT_SOLD_OUT)))
        return [self._widened(narrowed, supercategory, wanted), ranked]

    def _widened(self, asked: _Asked, supercategory: str, wanted: int) -> Ranked:
        """Widen the candidates until they hold so many hits, or every matching row was seen."""
        query_vectors, where, watch = asked.query_vectors, asked.where, asked.watch
        spaces = {collection_name(supercategory, space): query_vectors.vectors(space) for space in SPACES}
        vectors = {name: np.stack(each) for name, each in spaces.items() if each}
        words, also = collection_name(supercategory, "semantic"), _narrower(query_vectors.parsed, where)
        least = max(DEPTH, 4 * wanted)
        while True:
            with watch.stage("candidates"):
                listed = self.store.shortlist(ShortlistQuery(vectors, words, least, where, also, query_vectors.exclude))
                enough = listed.exhausted or count_of(listed.products) >= wanted
            if enough:
                with watch.stage("rescore"):
                    ranked = rank(
                        listed, query_vectors, supercategory, self.calibrations, asked.weights, wanted, asked.shown
                    )
                if listed.exhausted or len(ranked.items) >= wanted:
                    return ranked
            least *= WIDEN

    def _hits(self, asked: _Asked, found: Sequence[Ranked], k: int) -> tuple[Hit, ...]:
        """Merge the supercategories, keep one hit per product or look, and bring the products' words."""
        merged = sorted(
            ((ranked, row) for ranked in found for row in range(len(ranked.items))),
            key=lambda each: (each[1] >= each[0].buyable, -each[0].scores[each[1]]),
        )
        hits: dict[str, Hit] = {}
        looks: set[tuple[str, ...]] = set()
        for start in range(0, len(merged), 2 * k):
            self._append_hits(hits, looks, merged[start : start + 2 * k], asked)
            if len(hits) >= k:
                break
        return tuple(hits.values())[:k]

    def _append_hits(
        self, hits: dict[str, Hit], looks: set[tuple[str, ...]], entries: Sequence[tuple[Ranked, int]], asked: _Asked
    ) -> None:
        products = self.ledger.products([ranked.items[row].product_id for ranked, row in entries])
        for ranked, row in entries:
            item = ranked.items[row]
            product = products.get(item.product_id)
            look = look_of(item) if asked.shown.one_per_look else frozenset()
            if product and product.product_id not in hits and looks.isdisjoint(look):
                signals, agreed = ranked.signals(row), ranked.agreed[row]
                hits[product.product_id] = _hit(product, item, ranked.scores[row], signals, agreed, asked)
                looks |= look

    def _with_variants(self, hits: Sequence[Hit], where: Filter) -> tuple[Hit, ...]:
        """The hits, each with all products of its look that match the filter."""
        groups: dict[str, set[str]] = {}
        for hit in hits:
            groups.setdefault(hit.item.supercategory, set()).update(hit.item.facets.get("item_group_id", ()))
        items = [
            item
            for name, ids in groups.items()
            if ids
            for item in self.store.matching(
                collection_name(name, "semantic"),
                Filter((*where.conditions, FacetCondition("item_group_id", frozenset(ids)))),
                MAX_VARIANTS,
            )
        ]
        by_group: dict[str | None, list[Item]] = {}
        for item in items:
            by_group.setdefault(group_of(item), []).append(item)
        alike = [self._alike(hit, by_group.get(group_of(hit.item), ())) for hit in hits]
        products = self.ledger.products(list(dict.fromkeys(id_ for ids in alike if len(ids) > 1 for id_ in ids)))
        variants = [by_size([products[i] for i in ids if i in products]) if len(ids) > 1 else () for ids in alike]
        return tuple(replace(hit, variants=each) for hit, each in zip(hits, variants, strict=True))

    @staticmethod
    def _alike(hit: Hit, group: Sequence[Item]) -> dict[str, None]:
        """The products of a hit's look, of its group's items; none where its group has no other product."""
        if len(group) < 2 or group_of(hit.item) is None:
            return {}
        return dict.fromkeys(item.product_id for item in of_same_look(hit.item, group))


def _hit(product: Product, item: Item, score: float, signals: Signals, agreed: float, asked: _Asked) -> Hit:
    query_vectors = asked.query_vectors
    plain = query_vectors.is_plain_photo(asked.weights)
    why = explain(
        product,
        item,
        signals,
        asked.weights,
        words=query_vectors.words,
        shared=query_vectors.facets,
        color=query_vectors.color,
        asked=query_vectors.parsed.colors,
        categories=_meant(query_vectors.parsed),
        agreed=agreed,
    )
    return Hit(
        product,
        item,
        score,
        signals,
        why,
        matched_by=matched_by(query_vectors.parsed, item),
        confidence=asked.confidences.of(item.supercategory, score) if plain else None,
    )


def _meant(parsed: ParsedText) -> list[str]:
    """The shop's categories that the words mean."""
    return [name for name, near in parsed.categories if near >= MEANT]


def _narrower(parsed: ParsedText, where: Filter) -> list[Filter]:
    """The filters under which more candidates are asked for."""
    colors = [FacetCondition(NAMES_FACET, near_names(parsed))] if parsed.colors else []
    words = [FacetCondition(WORDS_FACET, frozenset({word})) for word in sorted(parsed.words)]
    named = [[FacetCondition(each.facet, each.values)] for each in parsed.named]
    categories = [FacetCondition(CATEGORY, frozenset(meant))] if (meant := _meant(parsed)) else []
    return [Filter((*where.conditions, *some)) for some in (colors, words, *named, categories) if some]
