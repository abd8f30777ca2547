"""The search: candidates from both embeddings → union → exact rescoring → one hit per product → rank.

Stores give candidates, perhaps approximate ones; every score that a caller sees is computed
here on the raw embeddings, the same way over every store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.clock import Stopwatch
from engine.color_look import NAMES_FACET, ColorLook
from engine.domain import SPACES, Embeddings, Hit, Item, Product, Signals, Space
from engine.errors import QueryRejected
from engine.evidence import WORDS_FACET, near_names, with_evidence
from engine.filters import EVERYTHING, FacetCondition, Filter
from engine.fusion import DEFAULTS, Asking, Signal, Weights, explain, fuse, log_odds, sigmoid
from engine.seams import Calibration, Ledger, VectorStore
from engine.taxonomy import collection_name
from engine.wish import NO_WISH, Wish

MAX_K = 100
DEPTH = 100
"""Candidates asked of each embedding at first; FACTS of the index say that rescoring 100 gives recall 0.99."""
WIDEN = 4


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """What one garment (or text, or product) is searched with. Vectors are (dim,) of unit norm.

    Attributes:
        visual, semantic: the query image's embeddings.
        positive, negative: embeddings of wanted and unwanted words, in the semantic space.
        look: the colours of the query's garment; wish: what its words ask for.
        words, facets, color: what the explanation compares hits with.
        exclude: product ids never to answer with.
    """

    visual: NDArray[np.float32] | None = None
    semantic: NDArray[np.float32] | None = None
    positive: NDArray[np.float32] | None = None
    negative: NDArray[np.float32] | None = None
    look: ColorLook | None = None
    wish: Wish = NO_WISH
    words: tuple[str, ...] = ()
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    color: str | None = None
    exclude: frozenset[str] = frozenset()

    @property
    def asking(self) -> Asking:
        """Whether a photo (or a product) asks, or words, or both; `recolor`: a photo, in another colour, no more."""
        if self.positive is None and self.negative is None:
            return "photo"
        if self.semantic is None and self.visual is None:
            return "words"
        return "recolor" if self.wish.colors and not self.wish.words else "both"

    def vectors(self, space: Space) -> list[NDArray[np.float32]]:
        """The vectors that bring candidates from one space."""
        if space == "visual":
            return [self.visual] if self.visual is not None else []
        return [v for v in (self.moved(), self.positive) if v is not None]

    def moved(self) -> NDArray[np.float32] | None:
        """The image's semantic embedding moved by the words: "the same in navy"."""
        if self.semantic is None:
            return None
        target = self.semantic.copy()
        if self.positive is not None:
            target += self.positive
        if self.negative is not None:
            target -= self.negative
        norm = float(np.linalg.norm(target))
        return (target / norm).astype(np.float32) if norm > 1e-6 else self.semantic


@dataclass(frozen=True, slots=True)
class Calibrations:
    """How each signal's cosines are to be read."""

    visual: Calibration
    semantic: Calibration
    text: Calibration


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """Candidates of one supercategory with their exact scores, best first, one per product."""

    supercategory: str
    item_ids: list[str]
    product_ids: list[str]
    scores: NDArray[np.float32]
    signals: list[Signals]
    items: list[Item | None]


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
        found = [self._best_products(probe, name, k, where, weights, watch) for name in supercategories]
        with watch.stage("rank"):
            return self._hits(probe, found, k, weights)

    def _best_products(
        self, probe: Probe, supercategory: str, k: int, where: Filter, weights: Weights, watch: Stopwatch
    ) -> _Scored:
        """Widen the candidates until they hold k products, or every matching row was seen."""
        depth = max(DEPTH, 4 * k)
        while True:
            with watch.stage("candidates"):
                union, exhausted = self._candidates(probe, supercategory, depth, where)
            enough = len(set(union.values()) - probe.exclude) >= k
            if enough or exhausted:
                with watch.stage("rescore"):
                    return self._rescore(probe, supercategory, union, weights)
            depth *= WIDEN

    def _candidates(self, probe: Probe, supercategory: str, depth: int, where: Filter) -> tuple[dict[str, str], bool]:
        """item_id → product_id of the union, and whether no embedding has more to give.

        Where words name colours, or the shop's words hold all that is asked for, the best of those items
        alone come in too: among many they may not be near enough to be seen otherwise.
        """
        union: dict[str, str] = {}
        exhausted = True
        for space in SPACES:
            if vectors := probe.vectors(space):
                name = collection_name(supercategory, space)
                for answer in self.store.search(name, np.stack(vectors), depth, where):
                    union.update(zip(answer.item_ids, answer.product_ids, strict=True))
                    exhausted &= len(answer.item_ids) < depth
                for narrower in [] if exhausted else _narrower(probe.wish, where):
                    for answer in self.store.search(name, np.stack(vectors), depth, narrower):
                        union.update(zip(answer.item_ids, answer.product_ids, strict=True))
        return union, exhausted

    def _rescore(self, probe: Probe, supercategory: str, union: Mapping[str, str], weights: Weights) -> _Scored:
        item_ids = [i for i, product in union.items() if product not in probe.exclude]
        items = self.store.items(collection_name(supercategory, "semantic"), item_ids)
        logits, whole = self._logits(probe, supercategory, item_ids, items)
        scores = fuse(logits, weights)
        scores[~whole] = -1.0  # Rows that were deleted meanwhile, or whose sister row is not written yet.
        each = {signal: sigmoid(values) for signal, values in logits.items()}
        best: dict[str, int] = {}
        for row in np.argsort(-scores, kind="stable"):
            if scores[row] >= 0:
                best.setdefault(union[item_ids[row]], int(row))
        rows = list(best.values())
        signals = [Signals(**{name: _known(values[row]) for name, values in each.items()}) for row in rows]
        return _Scored(
            supercategory, [item_ids[row] for row in rows], list(best), scores[rows], signals, [items[r] for r in rows]
        )

    def _logits(
        self, probe: Probe, supercategory: str, item_ids: Sequence[str], items: Sequence[Item | None]
    ) -> tuple[dict[Signal, NDArray[np.float32]], NDArray[np.bool_]]:
        """Log-odds per signal on the raw embeddings and colours, and which rows exist in every space asked."""
        whole = np.array([item is not None for item in items], bool)
        rows: dict[Space, Embeddings] = {}
        for space in SPACES:
            if probe.vectors(space):
                rows[space], present = self.store.embeddings(collection_name(supercategory, space), item_ids)
                whole &= np.array(present, bool)
        logits: dict[Signal, NDArray[np.float32]] = {}
        if probe.visual is not None:
            logits["visual"] = log_odds(rows["visual"] @ probe.visual, self.calibrations.visual)
        if (moved := probe.moved()) is not None:
            logits["semantic"] = log_odds(rows["semantic"] @ moved, self.calibrations.semantic)
        if probe.positive is not None:
            logits["text"] = log_odds(rows["semantic"] @ probe.positive, self.calibrations.text)
        if probe.negative is not None:
            unwanted = log_odds(rows["semantic"] @ probe.negative, self.calibrations.text)
            logits["text"] = logits["text"] - unwanted if "text" in logits else -unwanted
        return with_evidence(logits, probe.look, probe.wish, items), whole

    def _hits(self, probe: Probe, found: Sequence[_Scored], k: int, weights: Weights) -> tuple[Hit, ...]:
        """Merge the supercategories, keep one hit per product, and bring the products' words."""
        merged = sorted(
            ((float(scored.scores[row]), scored, row) for scored in found for row in range(len(scored.item_ids))),
            key=lambda entry: -entry[0],
        )
        hits: dict[str, Hit] = {}
        for start in range(0, len(merged), 2 * k):
            self._append_hits(hits, merged[start : start + 2 * k], probe, weights)
            if len(hits) >= k:
                break
        return tuple(hits.values())[:k]

    def _append_hits(
        self, hits: dict[str, Hit], entries: Sequence[tuple[float, _Scored, int]], probe: Probe, weights: Weights
    ) -> None:
        products = self.ledger.products([scored.product_ids[row] for _, scored, row in entries])
        for score, scored, row in entries:
            product, item = products.get(scored.product_ids[row]), scored.items[row]
            if product and item and product.product_id not in hits:
                hits[product.product_id] = _hit(product, item, score, scored.signals[row], probe, weights)


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


def _known(value: np.float32) -> float | None:
    return None if np.isnan(value) else float(value)
