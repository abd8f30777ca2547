"""Who answers a question: the engine's search by each signal and by all, and plain baselines on the same crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.retrieval.cases import Question, Shown, pixels_of
from benchmarks.quality.retrieval.fused_gallery import Looked, catalogue, image_query, look_at
from engine.retrieval.fusion import Weights
from engine.retrieval.search import MAX_K, Calibrations, Searcher
from engine.vision.crops import NEUTRAL
from engine.vision.pipeline import VisionPipeline
from models.train.data.pictures import read_pixels
from models.train.embedder.teacher import teacher_embeddings, unit

SIGNALS: Mapping[str, Weights | None] = {
    "visual": Weights(visual=1, semantic=0, color=0),
    "semantic": Weights(visual=0, semantic=1, color=0),
    "visual + semantic": Weights(visual=1, semantic=1, color=0),
    "fused": None,
}
"""What each figure searches by; `fused` is what a shop's customer gets, by the engine's own weights."""
HISTOGRAM = (6, 10, 10)
SIDE = 160


class Ranker(Protocol):
    """Answers a question with identities, best first; empty where it saw no garment to ask with."""

    def __call__(self, question: Question) -> list[str]:
        """At most a hundred identities."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """The real search over the fronts that ingest took."""

    shown: Sequence[Shown]
    looked: Looked
    rows: Mapping[int, int]
    searcher: Searcher
    weights: Weights | None

    def __call__(self, question: Question) -> list[str]:
        """By the engine's own ranking."""
        exhibit = self.shown[question.asked].exhibit
        if exhibit is None:
            return []
        query_vectors = image_query(self.looked, self.rows[question.asked], exclude=question.exclude)
        hits = self.searcher.search(query_vectors, exhibit.supercategories, MAX_K, weights=self.weights)
        return [hit.product.product_id for hit in hits]


def engines(pipeline: VisionPipeline, calibrations: Calibrations, shown: Sequence[Shown]) -> dict[str, Engine]:
    """One engine per signal over the same embeddings."""
    seen = [n for n, s in enumerate(shown) if s.exhibit is not None]
    looked = look_at(pipeline, [e for s in shown if (e := s.exhibit) is not None])
    rows = {n: row for row, n in enumerate(seen)}
    searcher = catalogue(pipeline, calibrations, looked.only([rows[n] for n in seen if shown[n].photo.view == "front"]))
    return {name: Engine(shown, looked, rows, searcher, weights) for name, weights in SIGNALS.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """Nearest neighbours of one embedding by cosine, among the fronts of the same supercategory."""

    shown: Sequence[Shown]
    rows: NDArray[np.float32]
    unseen_count: bool = False

    def __call__(self, question: Question) -> list[str]:
        """By cosine."""
        asked = self.shown[question.asked]
        if asked.exhibit is None and not self.unseen_count:
            return []
        kin = [n for n, s in enumerate(self.shown) if s.photo.view == "front" and self._same_shelf(asked, s)]
        kin = [n for n in kin if self.shown[n].photo.identity not in question.exclude]
        order = np.argsort(-(self.rows[kin] @ self.rows[question.asked]), kind="stable")[:MAX_K]
        return [self.shown[kin[n]].photo.identity for n in order]

    def _same_shelf(self, asked: Shown, other: Shown) -> bool:
        if self.unseen_count:
            return True
        return (
            other.exhibit is not None
            and asked.exhibit is not None
            and other.exhibit.supercategory in asked.exhibit.supercategories
        )


def baselines(shown: Sequence[Shown], teacher: Path) -> dict[str, Plain]:
    """MobileNetV1 on the crops and on whole photos, and a colour histogram; the same questions, the same shelves."""
    found = {"colour histogram": Plain(shown, np.stack([histogram(pixels_of(s)) for s in shown]))}
    if teacher.exists():
        crops = np.stack([_square(pixels_of(s)) for s in shown])
        photos = np.stack([_square(read_pixels(s.photo.path)) for s in shown])
        found["MobileNetV1"] = Plain(shown, unit(teacher_embeddings(teacher, crops)))
        found["MobileNetV1, whole photo"] = Plain(shown, unit(teacher_embeddings(teacher, photos)), unseen_count=True)
    return found


def chance(shown: Sequence[Shown], questions: Sequence[Question], k: int) -> float:
    """The mean chance that k different fronts of the right shelf, drawn blindly, hold a right one."""
    shelves: dict[str, int] = {}
    for s in shown:
        if s.photo.view == "front" and s.exhibit:
            shelves[s.exhibit.supercategory] = shelves.get(s.exhibit.supercategory, 0) + 1
    chances = []
    for question in questions:
        exhibit = shown[question.asked].exhibit
        total = sum(shelves.get(name, 0) for name in exhibit.supercategories) if exhibit else 0
        right = len(question.wanted)
        misses = [max(0.0, (total - right - n) / (total - n)) for n in range(min(k, total))]
        chances.append(1 - float(np.prod(misses)) if total else 0.0)
    return float(np.mean(chances)) if chances else 0.0


def histogram(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A garment's colours in CIELAB, pure white left out, as a row of unit length."""
    lab = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB).reshape(-1, 3)
    garment = lab[pixels.reshape(-1, 3).min(1) < 250]
    counts, _ = np.histogramdd(garment.astype(np.float64), HISTOGRAM, range=((0, 256), (60, 200), (60, 200)))
    return np.asarray(np.sqrt(counts.ravel() / max(counts.sum(), 1.0)), np.float32)


def _square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    side = max(height, width)
    canvas = np.full((side, side, 3), NEUTRAL, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = pixels
    return np.asarray(cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
