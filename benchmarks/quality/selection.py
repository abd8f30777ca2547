"""`thatlook eval selection`: do the photos that `train select` picks hold more mistakes than photos picked at random?

Measured on CCP's validation photos, whose masks say what the segmenter gets wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import Garment
from models.train.data.datasets import CcpFolder
from models.train.selection.selection import Doubter, Seen, pick

SAME_IOU = 0.5
"""A garment is right where its mask overlaps the labelled one this much."""
DRAWS = 4000


def mistakes(garments: Iterable[Garment], truth: Mapping[str, NDArray[np.bool_]], size: tuple[int, int]) -> int:
    """Classes that are missing, made up, or drawn elsewhere than labelled."""
    found: dict[str, NDArray[np.bool_]] = {}
    for garment in garments:
        whole = found.setdefault(garment.label, np.zeros(size, bool))
        x0, y0 = int(garment.box[0]), int(garment.box[1])
        part = whole[y0 : y0 + garment.mask.shape[0], x0 : x0 + garment.mask.shape[1]]
        part |= garment.mask[: part.shape[0], : part.shape[1]]
    return sum(not _same(found.get(name), truth.get(name)) for name in {*found, *truth})


def _same(found: NDArray[np.bool_] | None, wanted: NDArray[np.bool_] | None) -> bool:
    if found is None or wanted is None:
        return False
    return float((found & wanted).sum()) >= SAME_IOU * float((found | wanted).sum())


def selection_figures(seen: Sequence[Seen], wrong: Sequence[int], budget: int) -> dict[str, Any]:
    """Mistakes per photo: of the picked ones, of all, and what one random pick in twenty reaches."""
    counts = dict(zip((s.path for s in seen), wrong, strict=True))
    picked = [counts[choice.seen.path] for choice in pick(seen, budget)]
    rng, everything = np.random.default_rng(0), np.array(wrong, float)
    size = min(budget, len(everything))
    draws = [rng.choice(everything, size, replace=False).mean() for _ in range(DRAWS)]
    return {
        "photos": len(seen),
        "budget": size,
        "mistakes_per_picked_photo": float(np.mean(picked)),
        "mistakes_per_random_photo": float(everything.mean()),
        "random_95_percent": float(np.quantile(draws, 0.95)),
    }


def evaluate_selection(profile: Path, data: Path, budget: int) -> dict[str, Any]:
    """Pick among the validation photos, and count the segmenter's mistakes."""
    folder, doubter = CcpFolder(data / "ccp"), Doubter(profile)
    seen, wrong = [], []
    for photo_id in folder.split("val"):
        photo = folder.read(photo_id)
        truth = {name: mask for name, mask in photo.masks.items() if name != "person"}
        seen.append(doubter.look(Path(photo_id), photo.pixels))
        height, width = photo.pixels.shape[:2]
        wrong.append(mistakes(seen[-1].garments, truth, (height, width)))
    return selection_figures(seen, wrong, budget)
