"""`thatlook eval retrieval`: how often the right product is found, by a photo of another side of it.

By each signal and by all together through the real engine, beside plain baselines that see the same crops and search
the same shelves. A query in which no garment is seen counts as one that found nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measured_models import open_profile
from benchmarks.quality.report import Report, Target
from benchmarks.quality.retrieval.cases import (
    TASKS,
    Cut,
    Question,
    Shown,
    read_photos,
    show_boxes,
    show_served,
)
from benchmarks.quality.retrieval.crops import read_held_out, served_crop
from benchmarks.quality.retrieval.fused_gallery import Exhibit, catalogue, image_query, look_at
from benchmarks.quality.retrieval.rankings import SIGNALS, Ranker, baselines, chance, engines
from engine.domain import Crop, Product
from engine.errors import QueryRejected
from engine.retrieval.search import Calibrations
from engine.system.console import plain_console
from engine.vision.pipeline import VisionPipeline
from models.train.embedder.teacher import TEACHER_FILE

CUTS: tuple[Cut, ...] = ("served", "boxes")
RANKS = (1, 5, 10)
_HITS = tuple(f"hit_rate_at_{k}" for k in RANKS)
SOURCES: Mapping[str, frozenset[str]] = {
    "luma": frozenset({"luma"}),
    "venia": frozenset({"venia"}),
    "both": frozenset({"luma", "venia"}),
}
GOALS: Mapping[str, float] = {"hit_rate_at_1": 0.65, "hit_rate_at_5": 0.90}
"""Targets of back → front, both shops, fused."""
TRIPLET_GAIN = 0.15
SEEN = "both, garment seen"


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """All figures, and what the sheet of errors is made of.

    Attributes:
        figures: cut → task → source → who answers → {queries, hit_rate_at_1, …, mean_average_precision}.
    """

    figures: Mapping[str, Any]
    shown: Sequence[Shown]
    worst: Sequence[tuple[Question, list[str]]]


def evaluate_retrieval(data: Path, profile: Path, cuts: Sequence[Cut] = CUTS, threads: int = 1) -> Measured:
    """Measure a profile; `worst` comes from the first cut.

    Raises:
        QueryRejected: the data folder lacks a set.
        ModelUnavailable, ModelMismatch: the profile is not whole.
    """
    pipeline, calibrations = open_profile(profile, threads)
    photos = read_photos(data, pipeline.taxonomy)
    figures: dict[str, Any] = {}
    shown_first: Sequence[Shown] = ()
    worst: list[tuple[Question, list[str]]] = []
    for cut in cuts:
        shown = show_served(pipeline, photos) if cut == "served" else show_boxes(data, photos, pipeline.taxonomy)
        mine = engines(pipeline, calibrations, shown)
        rankers: dict[str, Ranker] = {**mine, **baselines(shown, data / "weights" / TEACHER_FILE)}
        figures[cut] = {"seen": seen_shares(shown)} | {
            task: tasks_figures(shown, make(shown), rankers) for task, make in TASKS.items()
        }
        if not shown_first:
            shown_first, worst = shown, misses(TASKS["back_to_front"](shown), mine["fused"])
    figures["street_to_shop"] = street_to_shop(data, pipeline, calibrations)
    return Measured(figures, shown_first, worst)


def seen_shares(shown: Sequence[Shown]) -> dict[str, float]:
    """The share of photos of each view in which the product's garment was found and taken."""
    views = sorted({s.photo.view for s in shown})
    return {view: float(np.mean([s.exhibit is not None for s in shown if s.photo.view == view])) for view in views}


def tasks_figures(
    shown: Sequence[Shown], questions: Sequence[Question], rankers: Mapping[str, Ranker]
) -> dict[str, dict[str, Any]]:
    """One task by source and by who answers."""
    answers = {name: [(q, ranker(q)) for q in questions] for name, ranker in rankers.items()}
    out: dict[str, dict[str, Any]] = {}
    for source, members in SOURCES.items():
        mine = [q for q in questions if shown[q.asked].photo.source in members]
        if not mine:
            continue
        out[source] = _by_answerer(answers, set(mine))
        out[source]["chance"] = {f"hit_rate_at_{k}": chance(shown, mine, k) for k in RANKS}
    if seen := {q for q in questions if answerable(shown, q)}:
        out[SEEN] = _by_answerer(answers, seen)
    return out


def _by_answerer(
    answers: Mapping[str, Sequence[tuple[Question, list[str]]]], questions: Collection[Question]
) -> dict[str, dict[str, float]]:
    return {name: rates([(q, ids) for q, ids in rows if q in questions]) for name, rows in answers.items()}


def answerable(shown: Sequence[Shown], question: Question) -> bool:
    """Whether a garment was seen in the query, and in a right front too: what is left is the embeddings' work."""
    if shown[question.asked].exhibit is None:
        return False
    return any(s.exhibit and s.photo.view == "front" and s.photo.identity in question.wanted for s in shown)


def rates(answers: Sequence[tuple[Question, list[str]]]) -> dict[str, float]:
    """hit_rate_at_k and mean average precision over questions with their ranked identities."""
    out = {"queries": float(len(answers))}
    for k in RANKS:
        out[f"hit_rate_at_{k}"] = float(np.mean([bool(q.wanted & set(ids[:k])) for q, ids in answers]))
    return out | {"mean_average_precision": float(np.mean([average_precision(q.wanted, ids) for q, ids in answers]))}


def average_precision(wanted: frozenset[str], ranked: Sequence[str]) -> float:
    """The mean precision at each right answer; one that is not among the ranked counts 0."""
    places = [n for n, identity in enumerate(ranked, 1) if identity in wanted]
    return sum(found / place for found, place in enumerate(places, 1)) / len(wanted)


def misses(questions: Iterable[Question], ranker: Ranker) -> list[tuple[Question, list[str]]]:
    """Questions whose answer came late or not at all, the worst first."""

    def place(answer: tuple[Question, list[str]]) -> int:
        question, ids = answer
        return next((n for n, identity in enumerate(ids) if identity in question.wanted), len(ids) + 1)

    answers = [(q, ids) for q in questions if (ids := ranker(q))]
    return sorted((a for a in answers if place(a) > 0), key=lambda a: -place(a))


def street_to_shop(
    data: Path, pipeline: VisionPipeline, calibrations: Calibrations, k: int = 5
) -> dict[str, dict[str, float]]:
    """Garments worn in the street, cut by true masks → class of the nearest in one gallery of all classes.

    The gallery is flat-lays and catalogue fronts that were held out. Searches in use stay within a supercategory.
    """
    held = read_held_out(data)
    rows = [n for n, r in enumerate(held.records) if r.source == "ccp" or r.view in {"flat", "front"}]
    labels = {str(n): held.records[n].label for n in rows}
    looked = look_at(pipeline, [_exhibit(str(n), labels[str(n)], served_crop(held.crops[n]), pipeline) for n in rows])
    street = [place for place, n in enumerate(rows) if held.records[n].source == "ccp"]
    searcher = catalogue(pipeline, calibrations, looked.only(sorted(set(range(len(rows))) - set(street))))
    everywhere, out = list(pipeline.taxonomy.supercategories), {}
    for name, weights in SIGNALS.items():
        answers = [searcher.search(image_query(looked, n), everywhere, k, weights=weights) for n in street]
        found = [[labels[hit.product.product_id] for hit in hits] for hits in answers]
        out[name] = class_agreement([looked.exhibits[n].label for n in street], found)
    return out


def _exhibit(name: str, label: str, crop: Crop, pipeline: VisionPipeline) -> Exhibit:
    product = Product(product_id=name, title="", link="", images=())
    return Exhibit(product, label, pipeline.taxonomy.supercategory_of(label), crop)


def class_agreement(truth: Sequence[str], found: Sequence[Sequence[str]]) -> dict[str, float]:
    """How often the nearest, each of the nearest, and most of the nearest are of the query's class."""
    pairs = list(zip(truth, found, strict=True))
    return {
        "queries": float(len(pairs)),
        "class_at_1": float(np.mean([labels[0] == label for label, labels in pairs])),
        "class_precision_at_5": float(np.mean([np.mean([x == label for x in labels]) for label, labels in pairs])),
        "class_by_majority": float(np.mean([Counter(x).most_common(1)[0][0] == label for label, x in pairs])),
    }


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """Back → front of both shops, by what a customer gets, as served and (so that only embeddings count) on boxes."""
    out = []
    for cut in CUTS:
        rows = figures.get(cut, {}).get("back_to_front", {}).get("both", {})
        if "fused" not in rows:
            continue
        out += [Target(f"{cut}, fused, {name}", goal, rows["fused"][name]) for name, goal in GOALS.items()]
        for name in _HITS if "MobileNetV1" in rows else ():
            out.append(Target(f"{cut}, fused, {name}, MobileNetV1's", rows["MobileNetV1"][name], rows["fused"][name]))
    return out


def table_rows(figures: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """For people: one row per cut, task, source and answerer."""
    rows = {
        f"{cut}: {task}, {source}: {name}": row
        for cut in CUTS
        for task in (TASKS if cut in figures else ())
        for source, answerers in figures[cut][task].items()
        for name, row in answerers.items()
    }
    return rows | {f"street to shop: {name}": row for name, row in figures["street_to_shop"].items()}


def compare_report(
    profile: Path, data: Path, cache: Path | None, cpu_seconds: float, backbones: Collection[str] = ()
) -> tuple[Report, dict[str, Mapping[str, Any]]]:
    """The backbones side by side, and their rows for people.

    Args:
        backbones: these alone, and DenseNet121 with them; all where none is named.

    Raises:
        QueryRejected: no folder for the crops was given, or a backbone that is not among the compared.
    """
    if cache is None:
        raise QueryRejected("--compare trains on crops: give --cache, a folder where they are or may be kept.")
    from models.train.embedder.backbones import CANDIDATES
    from models.train.embedder.cache import build_cache
    from models.train.embedder.compare import Budget, compare_backbones

    known = {candidate.backbone for candidate in CANDIDATES}
    if unknown := sorted({*backbones} - known):
        raise QueryRejected(f"There is no backbone {', '.join(unknown)}; there are {', '.join(sorted(known))}.")
    if not (cache / "crops.npy").exists():
        build_cache(cache, data)
    console = plain_console()
    chosen = [c for c in CANDIDATES if not backbones or c.backbone in {"densenet121", *backbones}]
    figures = compare_backbones(Budget(cache, cpu_seconds), chosen, report=console.print)
    by_name = {row["name"]: row for row in figures}
    plain, taught = (by_name[name]["hit_rate_at_1"] for name in ("densenet121, classes only", "densenet121"))
    goal = Target("triplets over classes only, DenseNet121, hit_rate_at_1", TRIPLET_GAIN, taught - plain)
    rows: dict[str, Mapping[str, Any]] = {
        name: {key: row[key] for key in row if key not in {"name", "by_shop"}} for name, row in by_name.items()
    }
    return Report("retrieval, compare", profile, by_name, [goal]), rows
