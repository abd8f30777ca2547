"""More like this, and words, on a shop that no training saw: do the first ten hits hold what was asked for?

Every product is indexed the way of the ingest and then asked for others like it, itself left out; one that is not
indexed has found nothing, and a place that nothing fills counts as wrong. Words name a colour and an article, in the
shop's plain words and in words that no caption had. Beside the search as served stand two plain ImageNet networks over
whole pictures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.generalise.baselines import whole_pictures
from benchmarks.quality.generalise.sheet import write_sheet
from benchmarks.quality.generalise.supercategory import UPRIGHT, Sold
from benchmarks.quality.report import Target
from benchmarks.quality.retrieval.fused_gallery import (
    Evidence,
    Exhibit,
    Looked,
    catalogue,
    image_query,
    look_at,
    product_query,
    vocabulary_of,
)
from engine.domain import Product
from engine.retrieval.search import Calibrations
from engine.service import TextQuery, ThatLook
from engine.vision.pipeline import VisionPipeline
from ingest.run.select_image import Picture, select_image

BEST = 10
AT_LEAST = 10
"""Products that a pair of colour and article must have to be asked for."""
WORDS: Mapping[str, tuple[str, str]] = {
    "Shirts": ("shirts", "button-down shirts"),
    "Tshirts": ("tshirts", "tees"),
    "Casual Shoes": ("casual shoes", "leisure shoes"),
    "Sports Shoes": ("sports shoes", "workout shoes"),
    "Heels": ("heels", "high heel shoes"),
    "Flip Flops": ("flip flops", "flip-flop sandals"),
    "Sweaters": ("sweaters", "woollen pullovers"),
    "Sandals": ("sandals", "open-toed sandals"),
    "Trousers": ("trousers", "suit pants"),
    "Jeans": ("jeans", "five pocket denims"),
    "Formal Shoes": ("formal shoes", "wingtips"),
    "Jackets": ("jackets", "wind jackets"),
    "Shorts": ("shorts", "bermuda pants"),
}
"""An article → the shop's word for it, and one that no caption of the training had."""
GOALS = {
    "like this, same article": 0.78,
    "like this, same article and colour": 0.36,
    "like a stored product, same article": 0.78,
    "like a stored product, same article and colour": 0.36,
    "words, pictures alone": 0.65,
    "words, the shop's words": 0.90,
}
SYNONYMS_WITHIN = 0.05
SAID: Mapping[str, Evidence] = {"pictures alone": "picture", "the shop's words": "shop"}
STORED = "the shop's words, asked by the stored product"
SHEET_ROWS = 24


@dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """The products, and those of them that were indexed: `row_of[i]` is product i's row of `looked`, or -1."""

    facts: Sequence[Mapping[str, Any]]
    looked: Looked
    row_of: NDArray[np.int64]

    def matches(self, *fields: str) -> NDArray[np.bool_]:
        """(products, products): which agree in all of the fields."""
        same = np.ones((len(self.facts), len(self.facts)), bool)
        for field in fields:
            values = np.array([fact[field] for fact in self.facts])
            same &= values[:, None] == values[None]
        return same


def read_shop(pipeline: VisionPipeline, root: Path) -> Shop:
    """The unseen shop as the ingest would index it, whatever its words say."""
    facts = [json.loads(line) for line in (root / "products.jsonl").read_text("utf-8").splitlines()]
    exhibits = [_exhibit(pipeline, fact, root) for fact in facts]
    row_of = np.cumsum([exhibit is not None for exhibit in exhibits]) - 1
    row_of[[exhibit is None for exhibit in exhibits]] = -1
    return Shop(facts, look_at(pipeline, [e for e in exhibits if e is not None]), row_of)


def _exhibit(pipeline: VisionPipeline, fact: Mapping[str, Any], root: Path) -> Exhibit | None:
    pixels = Sold(root / "images" / fact["file"], fact["class"], UPRIGHT).pixels()
    product = Product(
        fact["id"], fact["title"], fact["description"], (fact["file"],), color=fact["colour"], brand=fact["brand"],
        gender=fact["gender"], category=fact["article"],
    )  # fmt: skip
    chosen, _ = select_image(pipeline, [Picture(fact["file"], pixels)], None, "prefer")
    return Exhibit(product, chosen.garment.label, chosen.garment.supercategory, chosen.crop) if chosen else None


def measure(
    pipeline: VisionPipeline, calibrations: Calibrations, data: Path, sheet: Path | None = None
) -> Mapping[str, Any]:
    """Both questions: as served, the shop's words known or not, and the baselines."""
    root = data / "unseen_shop"
    shop = read_shop(pipeline, root)
    found = {name: like_served(pipeline, calibrations, shop, evidence) for name, evidence in SAID.items()}
    found[STORED] = like_served(pipeline, calibrations, shop, "shop", stored=True)
    like = {name: like_figures(shop, best) for name, best in found.items()}
    if sheet is not None:
        write_rows(sheet / "more_like_this.png", shop, found["pictures alone"], root)
    paths = [Sold(root / "images" / fact["file"], "", UPRIGHT) for fact in shop.facts]
    for name, rows in whole_pictures(data, paths).items():
        like[name] = like_figures(shop, _nearest(rows))
    like |= {f"{space} alone": like_figures(shop, _like_embedding(shop, space)) for space in ("visual", "semantic")}
    words = {
        f"{name}, {saying}": words_figure(pipeline, calibrations, shop, evidence, at)
        for name, evidence in SAID.items()
        for at, saying in enumerate(("plain words", "words of no caption"))
    }
    return {"products": len(shop.facts), "indexed": int((shop.row_of >= 0).sum()), "like_this": like, "words": words}


def like_served(
    pipeline: VisionPipeline, calibrations: Calibrations, shop: Shop, evidence: Evidence, *, stored: bool = False
) -> NDArray[np.int64]:
    """(products, BEST) the products that a photo of each, or each stored product, finds; -1 where nothing stands."""
    looked = shop.looked if evidence == "shop" else _silent(shop.looked)
    searcher = catalogue(pipeline, calibrations, looked, evidence)
    place = {fact["id"]: number for number, fact in enumerate(shop.facts)}
    found = np.full((len(shop.facts), BEST), -1)
    for number, row in enumerate(shop.row_of):
        if row >= 0:
            exhibit = looked.exhibits[row]
            own = exhibit.product.product_id
            query_vectors = product_query(looked, int(row)) if stored else image_query(looked, int(row), exclude={own})
            hits = searcher.search(query_vectors, exhibit.supercategories, BEST)
            found[number, : len(hits)] = [place[hit.product.product_id] for hit in hits]
    return found


def like_scored(pipeline: VisionPipeline, calibrations: Calibrations, shop: Shop) -> list[list[tuple[str, float, int]]]:
    """For each product (supercategory, score, product) of its first hits, by the pictures alone."""
    looked = _silent(shop.looked)
    searcher = catalogue(pipeline, calibrations, looked, "picture")
    place = {fact["id"]: number for number, fact in enumerate(shop.facts)}
    found: list[list[tuple[str, float, int]]] = []
    for row in shop.row_of:
        if row < 0:
            found.append([])
            continue
        exhibit = looked.exhibits[row]
        asked = image_query(looked, int(row), exclude={exhibit.product.product_id})
        hits = searcher.search(asked, exhibit.supercategories, BEST)
        found.append([(h.item.supercategory, h.score, place[h.product.product_id]) for h in hits])
    return found


def write_rows(path: Path, shop: Shop, found: NDArray[np.int64], root: Path) -> None:
    """Some products, each before its hits; what is of another article has a mark."""
    tiles = []
    for number in np.linspace(0, len(shop.facts) - 1, SHEET_ROWS).astype(int):
        article = shop.facts[number]["article"]
        for place, other in enumerate((number, *found[number], -1)):
            fact = shop.facts[other] if other >= 0 else None
            shown = (
                Sold(root / "images" / fact["file"], "", UPRIGHT).pixels()
                if fact
                else np.full((4, 3, 3), 255, np.uint8)
            )
            told = f"{fact['article']}, {fact['colour']}" if fact else ""
            tiles.append((shown, told if not place or not fact or fact["article"] == article else f"X {told}"))
    write_sheet(path, tiles, len(tiles))


def _like_embedding(shop: Shop, space: str) -> NDArray[np.int64]:
    """By the cosine of one embedding, over all supercategories."""
    rows = np.zeros((len(shop.facts), shop.looked.embeddings[space].shape[1]), np.float32)  # type: ignore[index]
    indexed = shop.row_of >= 0
    rows[indexed] = shop.looked.embeddings[space][shop.row_of[indexed]]  # type: ignore[index]
    found = _nearest(rows)
    found[~indexed] = -1
    return found


def _nearest(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    return np.asarray(np.argsort(-cosines, axis=1)[:, :BEST], np.int64)


def like_figures(shop: Shop, found: NDArray[np.int64]) -> dict[str, float]:
    """precision_at_10 of the same article, and of the same article and colour."""
    figures = {}
    for name, fields in (("same_article", ("article",)), ("same_article_and_colour", ("article", "colour"))):
        right = np.take_along_axis(shop.matches(*fields), np.maximum(found, 0), axis=1) & (found >= 0)
        figures[name] = float(right.mean())
    return figures


def words_figure(
    pipeline: VisionPipeline, calibrations: Calibrations, shop: Shop, evidence: Evidence, saying: int
) -> dict[str, float]:
    """Mean precision_at_10 over every pair of colour and article with enough products."""
    looked = shop.looked if evidence == "shop" else _silent(shop.looked)
    vocabulary = vocabulary_of(looked) if evidence == "shop" else None
    thatlook = ThatLook(pipeline, catalogue(pipeline, calibrations, looked, evidence), vocabulary=vocabulary)
    fact_of = {fact["id"]: fact for fact in shop.facts}
    shares = []
    for color, article in asked_pairs(shop.facts):
        query = TextQuery((f"{color.casefold()} {WORDS[article][saying]}",))
        (answer,) = thatlook.search_text(query, k=BEST).garments
        hits = [fact_of[hit.product.product_id] for hit in answer.hits]
        shares.append(sum(h["article"] == article and h["colour"] == color for h in hits) / BEST)
    return {"queries": len(shares), "precision_at_10": float(np.mean(shares))}


def asked_pairs(facts: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Colours with articles that at least AT_LEAST products have, of articles that there are words for."""
    counted: dict[tuple[str, str], int] = {}
    for fact in facts:
        counted[fact["colour"], fact["article"]] = counted.get((fact["colour"], fact["article"]), 0) + 1
    return sorted(pair for pair, count in counted.items() if count >= AT_LEAST and pair[1] in WORDS)


def _silent(looked: Looked) -> Looked:
    """The same crops of a shop whose words say nothing."""
    silent = [replace(e, product=replace(e.product, category=None, gender=None)) for e in looked.exhibits]
    return Looked(tuple(silent), looked.embeddings)


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """What the issue of the day aims at."""
    like, stored, words = figures["like_this"]["pictures alone"], figures["like_this"][STORED], figures["words"]
    values = {
        "like this, same article": like["same_article"],
        "like this, same article and colour": like["same_article_and_colour"],
        "like a stored product, same article": stored["same_article"],
        "like a stored product, same article and colour": stored["same_article_and_colour"],
        "words, pictures alone": words["pictures alone, plain words"]["precision_at_10"],
        "words, the shop's words": words["the shop's words, plain words"]["precision_at_10"],
    }
    lost = values["words, pictures alone"] - words["pictures alone, words of no caption"]["precision_at_10"]
    met = [Target(name, goal, values[name]) for name, goal in GOALS.items()]
    return [*met, Target("words of no caption against plain ones", -SYNONYMS_WITHIN, -lost)]


def rows(figures: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """For people: like this by who answers, words by how they are said."""
    like = {f"like this: {name}": row for name, row in figures["like_this"].items()}
    return like | {f"words: {name}": row for name, row in figures["words"].items()}
