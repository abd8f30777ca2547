"""How far an int8 model lies from the float model that it was made of, on pictures that neither was calibrated with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from engine.domain import Embeddings, Garment, Scene
from models.networks.overlap import mask_iou

NEIGHBOURS = 10


class Floor(msgspec.Struct, frozen=True):
    """What an int8 model must reach to be taken.

    Attributes:
        mean, worst: cosine between the two embeddings of a crop, over all crops and of any one.
        neighbours: share of each crop's ten nearest that are the same in both lists.
        found: share of garments that both see, of all that either sees.
        overlap: mean IoU of the masks of those.
    """

    mean: float = 0.995
    worst: float = 0.98
    neighbours: float = 0.9
    found: float = 0.9
    overlap: float = 0.93


class EmbedderAgreement(msgspec.Struct, frozen=True):
    """Of two embedders over the same crops; see `Floor`."""

    crops: int
    mean: float
    worst: float
    neighbours: float

    def reaches(self, floor: Floor) -> bool:
        """Whether the one may stand for the other."""
        return self.mean >= floor.mean and self.worst >= floor.worst and self.neighbours >= floor.neighbours


class SegmenterAgreement(msgspec.Struct, frozen=True):
    """Of two segmenters over the same pictures; see `Floor`."""

    pictures: int
    garments: int
    found: float
    overlap: float

    def reaches(self, floor: Floor) -> bool:
        """Whether the one may stand for the other; agreeing about nothing seen says nothing."""
        return self.garments > 0 and self.found >= floor.found and self.overlap >= floor.overlap


Agreement = EmbedderAgreement | SegmenterAgreement


def compare_embeddings(plain: Embeddings, int8: Embeddings) -> EmbedderAgreement:
    """Compare (n, dim) unit rows of the same n crops, n ≥ 2."""
    cosines = (plain * int8).sum(axis=1)
    same = neighbour_agreement(plain, int8)
    return EmbedderAgreement(len(plain), float(cosines.mean()), float(cosines.min()), same)


def neighbour_agreement(plain: Embeddings, int8: Embeddings, k: int = NEIGHBOURS) -> float:
    """Mean share of each row's k nearest other rows that both agree upon; fewer where there are not so many."""
    k = min(k, len(plain) - 1)
    pairs = zip(_nearest(plain, k), _nearest(int8, k), strict=True)
    return float(np.mean([len(set(a) & set(b)) / k for a, b in pairs]))


def _nearest(rows: Embeddings, k: int) -> list[list[int]]:
    likeness = rows @ rows.T
    np.fill_diagonal(likeness, -np.inf)
    nearest: list[list[int]] = np.argsort(-likeness, axis=1, kind="stable")[:, :k].tolist()
    return nearest


def compare_scenes(plain: Sequence[Scene], int8: Sequence[Scene]) -> SegmenterAgreement:
    """Match the garments of each picture by class and mask, and tell how many have a partner and how alike they are."""
    overlaps: list[float] = []
    seen = 0
    for one, other in zip(plain, int8, strict=True):
        met = _matched(one.garments, other.garments)
        overlaps += met
        seen += len(one.garments) + len(other.garments) - len(met)
    overlap = float(np.mean(overlaps)) if overlaps else 0.0
    return SegmenterAgreement(len(plain), seen, len(overlaps) / max(1, seen), overlap)


def _matched(these: Sequence[Garment], those: Sequence[Garment]) -> list[float]:
    """IoU of the garments that are one thing, best pair first, each garment in one pair at most."""
    pairs = [(garment_iou(a, b), i, j) for i, a in enumerate(these) for j, b in enumerate(those) if a.label == b.label]
    left, right, overlaps = set[int](), set[int](), list[float]()
    for overlap, i, j in sorted(pairs, reverse=True):
        if overlap >= 0.5 and i not in left and j not in right:
            left.add(i)
            right.add(j)
            overlaps.append(overlap)
    return overlaps


def garment_iou(a: Garment, b: Garment) -> float:
    """Intersection over union of two garments' masks in one picture."""
    (ax, ay), (bx, by) = map(int, a.box[:2]), map(int, b.box[:2])
    return mask_iou(a.mask, b.mask, (ax, ay), (bx, by))
