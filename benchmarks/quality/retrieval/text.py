"""`thatlook eval text`: do words find garments? "navy t-shirt" and the like, over photos that no model was trained on.

Precision of the best ten (of as many as there are right answers, if fewer) for every colour with every kind that
has at least five. "Decidable" leaves out crops whose own word does not tell ("outwear" may be a jacket), "with
neighbours" counts what a person might call the same (navy for black, a pair of jeans for pants). Measured on the
cosines of the semantic embedding alone, and in the search as it is served, over a catalogue in memory, beside a plain
baseline and chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.retrieval.crops import HeldOut, read_held_out, served_crop, write_sheet
from benchmarks.quality.retrieval.fused_gallery import Evidence, Exhibit, Looked, catalogue, look_at, vocabulary_of
from engine.color.naming import COLOR_NAMES, color_shares
from engine.domain import Product
from engine.retrieval.search import MAX_K, Calibrations
from engine.service import TextQuery, ThatLook
from engine.vision.pipeline import VisionPipeline
from models.train.clip.captions import Caption, Facts, answered, truth
from models.train.clip.evaluation import AT_LEAST, color_category_queries, facts_for

BEST = 10
TARGET = 0.80
WAYS = ("embedding", "search_pictures", "search_shop")
"""`search_pictures`: the shop says nothing but the class (top, dress, …), as the segmenter would; `search_shop`: it
says its colour and kind too, in a shop's plain words."""
Rank = Callable[[int], Sequence[int]]
"""A query's number → the crops' numbers, best first."""


@dataclass(frozen=True, slots=True, eq=False)
class TextCase:
    """One query with its answer: which crops came, and which of them are right."""

    words: str
    precision: float
    decidable: float
    with_neighbours: float
    chance: float
    best: tuple[int, ...]
    right: tuple[bool, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TextTruth:
    """Which queries are asked, and which crops answer them surely or perhaps.

    `unknown`: crops whose own word says too little to tell ("outwear" may be a jacket or a coat).
    """

    queries: tuple[Caption, ...]
    sure: NDArray[np.bool_]
    maybe: NDArray[np.bool_]
    unknown: NDArray[np.bool_]

    @classmethod
    def of(cls, facts: Sequence[Facts]) -> TextTruth:
        """Every colour, alone and with every kind and class, that at least AT_LEAST crops show."""
        queries = color_category_queries()
        sure, maybe = truth(facts, [q.demands for q in queries])
        asked = np.flatnonzero(sure.sum(0) >= AT_LEAST)
        sure, maybe, kept = sure[:, asked], maybe[:, asked], tuple(queries[i] for i in asked)
        return cls(kept, sure, maybe, maybe & ~answered(facts, [q.demands for q in kept]))

    def judge(self, number: int, ranked: Sequence[int]) -> TextCase:
        """Precision of the best BEST, or of as many as are right; places that nothing fills count as wrong."""
        sure, maybe = self.sure[:, number], self.maybe[:, number]
        places = min(BEST, int(sure.sum()))
        best = tuple(int(row) for row in ranked[:places])
        told = [row for row in ranked if not self.unknown[row, number]][:places]
        return TextCase(
            self.queries[number].text,
            float(sure[list(best)].sum() / places),
            float(sure[told].sum() / places),
            float(maybe[list(best)].sum() / places),
            float(sure.mean()),
            best,
            tuple(bool(sure[row]) for row in best),
        )


def evaluate_text(
    pipeline: VisionPipeline, calibrations: Calibrations, data: Path, sheet: Path | None = None
) -> dict[str, Any]:
    """All figures of `eval text`, and pictures of the worst queries where a folder is given."""
    held = read_held_out(data)
    looked = look_at(pipeline, [_exhibit(held, row) for row in range(len(held.records))])
    known = TextTruth.of(facts_for(held.records))
    ways: dict[str, Rank] = {
        "embedding": by_embedding(pipeline, looked, known),
        "search_pictures": by_search(pipeline, calibrations, _silent(looked), known, "picture"),
        "search_shop": by_search(pipeline, calibrations, looked, known, "shop"),
        "measured_colour": by_color(held, known),
    }
    cases = {name: [known.judge(n, rank(n)) for n in range(len(known.queries))] for name, rank in ways.items()}
    if sheet:
        for name in ("embedding", "search_pictures"):
            worst = sorted(cases[name], key=lambda case: case.precision)[:12]
            rows = [(f"{c.words} {c.precision:.2f}", list(zip(c.best, c.right, strict=True))) for c in worst]
            write_sheet(sheet / f"text_{name}.png", held, rows)
    figures = {name: mean_of(some) for name, some in cases.items()}
    chance = float(np.mean([case.chance for case in cases["embedding"]]))
    worst = sorted(cases["embedding"], key=lambda case: case.precision)[:12]
    return {
        "queries": len(known.queries),
        "crops": len(held.records),
        **figures,
        "chance": {"precision_at_10": chance},
        "worst": [{"words": case.words, "precision": case.precision} for case in worst],
    }


def mean_of(cases: Sequence[TextCase]) -> dict[str, float]:
    """The mean over queries, each counting the same."""
    return {
        "precision_at_10": float(np.mean([case.precision for case in cases])),
        "precision_at_10_decidable": float(np.mean([case.decidable for case in cases])),
        "precision_at_10_with_neighbours": float(np.mean([case.with_neighbours for case in cases])),
    }


def by_embedding(pipeline: VisionPipeline, looked: Looked, known: TextTruth) -> Rank:
    """By the cosine of words and picture alone."""
    texts = pipeline.texts.embed_texts([q.text for q in known.queries])
    cosines = looked.embeddings["semantic"] @ texts.T
    return lambda number: np.argsort(-cosines[:, number], kind="stable").tolist()


def by_search(
    pipeline: VisionPipeline, calibrations: Calibrations, looked: Looked, known: TextTruth, evidence: Evidence
) -> Rank:
    """By the search as served: the kind that words name first, then everything that the taxonomy knows."""
    vocabulary = vocabulary_of(looked) if evidence == "shop" else None
    thatlook = ThatLook(pipeline, catalogue(pipeline, calibrations, looked, evidence), vocabulary=vocabulary)
    row_of = {exhibit.product.product_id: row for row, exhibit in enumerate(looked.exhibits)}

    def rank(number: int) -> list[int]:
        (found,) = thatlook.search_text(TextQuery(positive=(known.queries[number].text,)), k=MAX_K).garments
        return [row_of[hit.product.product_id] for hit in found.hits]

    return rank


def by_color(held: HeldOut, known: TextTruth) -> Rank:
    """The baseline: by how much of the named colour a crop holds, whatever kind of garment it is."""
    crops = [served_crop(crop) for crop in held.crops]
    shares = [color_shares(crop.pixels, crop.mask) for crop in crops]

    def rank(number: int) -> list[int]:
        colour = next(d.removeprefix("colour:") for d in known.queries[number].demands if d.startswith("colour:"))
        order = np.argsort([-share.get(colour, 0.0) for share in shares], kind="stable")
        return [int(row) for row in order]

    return rank


def _silent(looked: Looked) -> Looked:
    """The same crops of a shop that has no word for their kind."""
    silent = [replace(exhibit, product=replace(exhibit.product, category=None)) for exhibit in looked.exhibits]
    return Looked(tuple(silent), looked.embeddings)


def _exhibit(held: HeldOut, row: int) -> Exhibit:
    """A crop as a product of its own, its data set's word for its kind as the shop's category."""
    record = held.records[row]
    crop = served_crop(held.crops[row])
    colour = record.colours[0] if record.colours and record.colours[0] in COLOR_NAMES else None
    product = Product(
        f"{record.source}-{row}", record.title or record.category, "", ("picture.jpg",), color=colour,
        gender=record.gender or None, category=record.category,
    )  # fmt: skip
    return Exhibit(product, record.label, held.taxonomy.classes[record.label].supercategory, crop)
