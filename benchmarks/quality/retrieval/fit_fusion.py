"""Fit the fusion: what each signal is worth, learned on training products by asking as shoppers ask.

    python -m benchmarks.quality.retrieval.fit_fusion --data DIR [--profile DIR]

prints the weights of `engine.retrieval.fusion.DEFAULTS` and the calibrations of `engine.retrieval.metadata_scores`.
Three ways to ask, over
the luma products and flat-lays that the embedders may learn from (never the held-out ones, never venia): by a photo
from behind, by a front with words for another colour, by words alone. Weights maximise the likelihood of the right
product among all of its supercategory (McFadden's conditional logit), shrunk a little towards the present ones. A
photo has two aims that count the same: its very variant, and others of the same kind of garment.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.measured_models import SHIPPED, open_profile
from benchmarks.quality.retrieval.fused_gallery import Exhibit, Looked, asking, image_query, look_at
from engine.color.palette import Palette, alike, measured_facets, palettes_of, share_of
from engine.color.words import color_anchors
from engine.domain import Pixels, Product
from engine.retrieval.facet_votes import Facets
from engine.retrieval.fusion import DEFAULTS, SIGNALS, QueryKind, Signal, log_odds
from engine.retrieval.metadata_scores import with_metadata
from engine.retrieval.search import Calibrations, QueryVectors
from engine.service import TextQuery
from engine.vision.crops import box_area, cut
from engine.vision.pipeline import VisionPipeline
from engine.words.parsed_text import colors_in
from models.export.logistic import fit_calibration
from models.train.data.pictures import read_pixels
from models.train.splits import is_luma_validation

SHRINK = 0.02
STEPS = 1000
AT_LEAST = 5
"""Others of a kind, for a product to ask for them."""
FLAT_LAYS_ONE_IN = 8


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One question: the log-odds of every product of the kind, (n, 4) in the order of SIGNALS, and which are right."""

    logits: NDArray[np.float32]
    right: NDArray[np.bool_]
    all_of_them: bool = False
    """Whether every right one is to come, not only one of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """Training products as served, one exhibit for each front and back, with the facets measured on each."""

    pipeline: VisionPipeline
    calibrations: Calibrations
    looked: Looked
    palettes: Palette
    views: tuple[str, ...]
    triplets: tuple[tuple[str, str, str], ...]
    measured: tuple[Facets, ...]

    def fronts(self, supercategory: str | None = None) -> NDArray[np.int64]:
        """The rows that can be found."""
        return np.array(
            [
                n
                for n, (exhibit, view) in enumerate(zip(self.looked.exhibits, self.views, strict=True))
                if view == "front" and supercategory in (None, exhibit.supercategory)
            ],
            np.int64,
        )

    def product(self, row: int) -> Product:
        """What a row shows."""
        return self.looked.exhibits[row].product


def read_shop(data: Path, profile: Path) -> Shop:
    """The training half of the luma catalogue, as the profile's models see it."""
    pipeline, calibrations = open_profile(profile)
    photos = chain(
        _training_photos(pipeline, data / "magento_catalog"), _flat_lays(pipeline, data / "clothing_dataset")
    )
    shown = [(exhibit, view) for exhibit, view in photos if exhibit]
    exhibits = [exhibit for exhibit, _ in shown]
    rows = map(json.loads, (data / "magento_catalog" / "triplets_colour.jsonl").read_text("utf-8").splitlines())
    triplets = tuple((r["ref_variant"], r["text"], r["target_variant"]) for r in rows if r["source"] == "luma")
    palettes = palettes_of([exhibit.crop for exhibit in exhibits])
    views, measured = tuple(view for _, view in shown), tuple(measured_facets(exhibit.crop) for exhibit in exhibits)
    return Shop(pipeline, calibrations, look_at(pipeline, exhibits), palettes, views, triplets, measured)


def _training_photos(pipeline: VisionPipeline, root: Path) -> Iterator[tuple[Exhibit | None, str]]:
    for row in map(json.loads, (root / "products.jsonl").read_text("utf-8").splitlines()):
        if row["source"] != "luma" or row["class"] not in pipeline.taxonomy.classes:
            continue
        if is_luma_validation(row["product_id"]):
            continue
        product = Product(
            row["variant_id"], row.get("title", ""), "", (), color=row.get("colour") or None,
            item_group_id=str(row["product_id"]),
        )  # fmt: skip
        for image in row["images"]:
            if image["view"] in ("front", "back"):
                yield (
                    _worn(pipeline, product, read_pixels(root / "images" / image["file"]), row["class"]),
                    image["view"],
                )


def _flat_lays(pipeline: VisionPipeline, root: Path) -> Iterator[tuple[Exhibit | None, str]]:
    """Some of the training's flat-lays; each is a product of its own, and its label the kind."""
    if not (root / "images.csv").exists():
        return
    with (root / "images.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split_small"] == "train"][::FLAT_LAYS_ONE_IN]
    for row in rows:
        found = pipeline.taxonomy.classify(row["label"])
        if found is not None:
            product = Product(row["image"], row["label"], "", (), item_group_id=row["image"])
            yield _seen(pipeline, product, read_pixels(root / "images" / f"{row['image']}.jpg"), found.name), "front"


def _seen(pipeline: VisionPipeline, product: Product, pixels: Pixels, label: str) -> Exhibit | None:
    supercategory = pipeline.taxonomy.supercategory_of(label)
    fit = [g for g in pipeline.garments(pixels) if g.supercategory == supercategory]
    best = max(fit, key=lambda g: g.score * box_area(g.box), default=None)
    return Exhibit(product, label, supercategory, cut(pixels, best)) if best else None


def _worn(pipeline: VisionPipeline, product: Product, pixels: Pixels, label: str) -> Exhibit | None:
    """The garment that a photo shows for certain, though the segmenter may call it by a neighbouring class."""
    supercategory = pipeline.taxonomy.supercategory_of(label)
    seen = [g for g in pipeline.garments(pixels) if g.supercategory != "foot_wear"]
    best = max(seen, key=lambda g: (g.supercategory == supercategory, g.score * box_area(g.box)), default=None)
    return Exhibit(product, label, supercategory, cut(pixels, best)) if best else None


def photo_trials(shop: Shop) -> Iterator[Trial]:
    """From behind, the exact variant."""
    for row, view in enumerate(shop.views):
        gallery = shop.fronts(shop.looked.exhibits[row].supercategory)
        right = np.array([shop.product(g).product_id == shop.product(row).product_id for g in gallery])
        if view == "back" and right.any():
            yield Trial(_logits(shop, image_query(shop.looked, row), gallery), right)


def kind_trials(shop: Shop) -> Iterator[Trial]:
    """A product's own front, or a flat-lay: others of its kind, whatever their colour."""
    for row in shop.fronts():
        exhibit, kind = shop.looked.exhibits[row], _kind(shop.product(int(row)))
        gallery = shop.fronts(exhibit.supercategory)
        gallery = gallery[[shop.product(int(g)).item_group_id != exhibit.product.item_group_id for g in gallery]]
        right = np.array([_kind(shop.product(int(g))) == kind for g in gallery], bool)
        if kind and AT_LEAST <= right.sum() < len(right):
            yield Trial(_logits(shop, image_query(shop.looked, int(row)), gallery), right, all_of_them=True)


def both_trials(shop: Shop) -> list[Trial]:
    """The two aims of a photo, as many trials of each."""
    variants, kinds = list(photo_trials(shop)), list(kind_trials(shop))
    rng = np.random.default_rng(0)
    return variants + [kinds[i] for i in rng.choice(len(kinds), min(len(variants), len(kinds)), replace=False)]


def recolor_trials(shop: Shop) -> Iterator[Trial]:
    """A front and "the same in …": once by pictures alone, once with the shop's colour words."""
    row_of = {shop.product(row).product_id: int(row) for row in shop.fronts()}
    for shown, text, wanted in shop.triplets:
        if shown in row_of and wanted in row_of and colors_in(text):
            row = row_of[shown]
            gallery = shop.fronts(shop.looked.exhibits[row].supercategory)
            gallery = gallery[gallery != row]
            query_vectors = asking(shop.pipeline, TextQuery((text,)), image_query(shop.looked, row))
            for told in (False, True):
                yield Trial(_logits(shop, query_vectors, gallery, told=told), gallery == row_of[wanted])


def words_trials(shop: Shop) -> Iterator[Trial]:
    """A colour and a kind, by pictures alone: the shop's words are the truth here."""
    gallery = shop.fronts()
    facts = [(_color(shop.product(row)), _kind(shop.product(row))) for row in gallery]
    for color, kind in sorted(set(facts)):
        if color and kind:
            right = np.array([fact == (color, kind) for fact in facts])
            yield Trial(_logits(shop, asking(shop.pipeline, TextQuery((f"{color} {kind}",))), gallery), right)


def _color(product: Product) -> str:
    return next(iter(colors_in(product.color or "")), "")


def _kind(product: Product) -> str:
    return product.title.replace("®", "").split()[-1].casefold() if product.title else ""


def _logits(
    shop: Shop, query_vectors: QueryVectors, gallery: NDArray[np.int64], *, told: bool = False
) -> NDArray[np.float32]:
    rows, cal = {space: shop.looked.embeddings[space][gallery] for space in ("visual", "semantic")}, shop.calibrations
    logits: dict[Signal, NDArray[np.float32]] = {}
    if query_vectors.visual is not None:
        logits["visual"] = log_odds(rows["visual"] @ query_vectors.visual, cal.visual)
    if (moved := query_vectors.moved()) is not None:
        logits["semantic"] = log_odds(rows["semantic"] @ moved, cal.semantic)
    if query_vectors.positive is not None:
        logits["text"] = log_odds(rows["semantic"] @ query_vectors.positive, cal.text)
    joined = with_metadata(
        logits, query_vectors.palette, query_vectors.parsed, [_facets(shop, int(row), told) for row in gallery]
    )
    absent = np.zeros(len(gallery), np.float32)
    table = np.stack([joined.get(signal, absent) for signal in SIGNALS], axis=1)
    return np.asarray(np.nan_to_num(table), np.float32)


def _facets(shop: Shop, row: int, told: bool) -> Facets:
    exhibit = shop.looked.exhibits[row]
    color = {"color": (exhibit.product.color.casefold(),)} if told and exhibit.product.color else {}
    return {**shop.measured[row], **color}


def fit_weights(trials: Sequence[Trial], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Non-negative weights, scaled so that the first that counts in `start` sums with the others to as much."""
    used = start > 0
    scale = 0.5 / start[used].mean()
    weights = start * scale
    centre, rate = weights.copy(), 0.05
    moment = np.zeros_like(weights)
    for _ in range(STEPS):
        slope = sum((_slope(trial, weights) for trial in trials), np.zeros_like(weights)) / len(trials)
        moment = 0.9 * moment + slope - 2 * SHRINK * (weights - centre)
        step = np.where(used, rate * moment, 0)
        weights = np.maximum(weights + step, 0)
        if np.abs(step).max() < 1e-4:
            break
    return np.asarray(weights * start.sum() / max(float(weights.sum()), 1e-9), np.float64)


def _slope(trial: Trial, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    scores = trial.logits @ weights
    chance = np.exp(scores - scores.max())
    chance /= chance.sum()
    among = np.asarray(trial.right, np.float64) if trial.all_of_them else chance * trial.right
    among /= max(float(among.sum()), 1e-12)
    return np.asarray((among - chance) @ trial.logits, np.float64)


def ranks_of(trials: Sequence[Trial], weights: NDArray[np.float64]) -> dict[str, float]:
    """hit_rate_at_k of the first right one, and precision of the best ten where all right ones are to come."""
    ranks, shares = [], []
    for trial in trials:
        scores = trial.logits @ weights
        if trial.all_of_them:
            best = np.argsort(-scores, kind="stable")[:10]
            shares.append(float(trial.right[best].sum() / min(10, trial.right.sum())))
        else:
            ranks.append(int((scores > scores[trial.right].max()).sum()))
    found = {"queries": float(len(trials))}
    if shares:
        found["kind_precision_at_10"] = float(np.mean(shares))
    return found | {f"hit_rate_at_{k}": float(np.mean([r < k for r in ranks])) for k in (1, 5, 10) if ranks}


def fitted_calibrations(shop: Shop) -> dict[str, dict[str, float]]:
    """How likeness of looks, and shares of a colour, are to be read."""
    pairs: list[tuple[float, bool]] = []
    shares: list[tuple[float, bool]] = []
    for row, view in enumerate(shop.views):
        gallery = shop.fronts(shop.looked.exhibits[row].supercategory)
        if view == "back":
            others = Palette(shop.palettes.lab[gallery], shop.palettes.shares[gallery])
            same = [shop.product(g).product_id == shop.product(row).product_id for g in gallery]
            pairs += zip(alike(shop.palettes.row(row), others).tolist(), same, strict=True)
    fronts = np.array([row for row in shop.fronts() if _color(shop.product(row))], np.int64)
    named = [_color(shop.product(row)) for row in fronts]
    palettes = Palette(shop.palettes.lab[fronts], shop.palettes.shares[fronts])
    for color in sorted(set(named) - {""}):
        if (anchors := color_anchors(color)) is not None:
            shares += zip(share_of(palettes, anchors).tolist(), [name == color for name in named], strict=True)
    return {"ALIKE": _fitted(pairs), "OF_COLOR": _fitted(shares)}


def _fitted(pairs: Sequence[tuple[float, bool]]) -> dict[str, float]:
    values, truth = zip(*pairs, strict=True)
    found = fit_calibration(np.array(values, np.float32), np.array(truth, bool))
    return {"midpoint": round(found.midpoint, 4), "scale": round(found.scale, 4)}


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--profile", type=click.Path(exists=True, file_okay=False, path_type=Path), default=SHIPPED)
def main(data: Path, profile: Path) -> None:
    """Print one JSON document: calibrations, and the weights before and after with their hit rates in training."""
    shop = read_shop(data, profile)
    report: dict[str, object] = {"calibrations": fitted_calibrations(shop)}
    asked: dict[QueryKind, Callable[[Shop], Iterable[Trial]]]
    asked = {"photo": both_trials, "recolor": recolor_trials, "words": words_trials}
    for name, make in asked.items():
        trials, now = list(make(shop)), DEFAULTS[name]
        before = np.array([now.of(signal) for signal in SIGNALS]) * np.any([t.logits.any(0) for t in trials], axis=0)
        after = fit_weights(trials, before)
        report[name] = {
            "before": {"weights": dict(zip(SIGNALS, before.round(2), strict=True)), **ranks_of(trials, before)},
            "after": {"weights": dict(zip(SIGNALS, after.round(2), strict=True)), **ranks_of(trials, after)},
        }
    click.echo(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
