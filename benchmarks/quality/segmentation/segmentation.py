"""`thatlook eval segmentation`: boxes and masks of a profile's segmenter on CCP photos it was not trained on.

Recall and mask IoU are as served, wrapper and thresholds and all; average precision ranks every class by its own
scores, as COCO and ultralytics do. The truth has one instance per class of the photo's main person,
all pieces together, because the search uses garments that way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.report import Target
from benchmarks.quality.segmentation.prior import guess_all, learn_places
from models.architectures.accessories import ACCESSORIES, CLASSES
from models.networks.segmenter import PERSON
from models.train.segmenter.evaluation import ClassFigures, Photos, confusion, evaluate
from models.train.segmenter.measure import Measured, Seen, figures_of, see_split

GARMENTS = tuple(label for label in CLASSES if label != PERSON and label not in ACCESSORIES)
THREE = ("upper_wear", "lower_wear", "foot_wear")
"""The paper's supercategories. Dresses and outerwear have their own here and count for neither."""
WORN_ON_TOP = {"dress": "upper_wear", "outerwear": "upper_wear"}
"""The paper knows no others, so a dress or coat was upper wear to it: `three_with_dresses_and_coats`."""
TARGETS = {"five_classes": 0.75, "three_supercategories": 0.82}
RECALL_TARGETS = {"upper_wear": 0.75, "dress": 0.75}
"""What street photos hide most, tops under coats, and what they confuse most."""
AVERAGED = ("box_ap50", "box_ap", "mask_ap50", "mask_ap", "recall", "mask_iou")


def see_photos(profile: Path, data: Path, split: str = "val") -> Seen:
    """What the profile's segmenter sees in a split of CCP."""
    return see_split(Measured.open(profile), data / "ccp", split)


def evaluate_segmentation(seen: Seen, data: Path) -> dict[str, Any]:
    """All figures: per class, their means, what is taken for what, and the plain baseline on the same photos."""
    classes = figures_of(seen, CLASSES)
    together = {label: _known(label, row) for label, row in classes.items()}
    return {
        "photos": len(seen.names),
        "classes": together,
        "five_classes": mean_of(classes, GARMENTS),
        "three_supercategories": mean_of(classes, THREE),
        "three_with_dresses_and_coats": mean_of(figures_of(_as_worn(seen), THREE), THREE),
        "confusion": [
            {"labelled": labelled, "answered": answered, "garments": count}
            for (labelled, answered), count in sorted(confusion(_garments(seen.truth), _garments(seen.kept)).items())
        ],
        "baseline_usual_places": usual_places(seen, data),
    }


def usual_places(seen: Seen, data: Path) -> dict[str, Any]:
    """Guessing every class where it usually is on the person found; learned on the training photos."""
    people = [next((i.box for i in photo if i.label == PERSON), None) for photo in seen.kept]
    sizes = [_size(photo) for photo in seen.truth]
    figures = evaluate(seen.truth, guess_all(learn_places(data / "ccp"), people, sizes), GARMENTS)
    return {
        "classes": {label: asdict(row) for label, row in figures.items()},
        "five_classes": mean_of(figures, GARMENTS),
        "three_supercategories": mean_of(figures, THREE),
    }


def mean_of(figures: Mapping[str, ClassFigures], labels: Sequence[str]) -> dict[str, float]:
    """Every figure's mean over those of the classes that the truth shows."""
    rows = [figures[label] for label in labels if label in figures]
    return {name: float(np.mean([getattr(row, name) for row in rows])) for name in AVERAGED}


def targets_of(figures: Mapping[str, Any]) -> list[Target]:
    """Mask AP50 of the means, recall of the classes that are missed most."""
    means = [Target(f"{name}, mask_ap50", target, figures[name]["mask_ap50"]) for name, target in TARGETS.items()]
    classes = figures["classes"]
    recalls = [(label, target, classes.get(label, {}).get("recall")) for label, target in RECALL_TARGETS.items()]
    return means + [Target(f"{label}, recall", target, value) for label, target, value in recalls]


def table_rows(figures: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What a person reads: classes, means, and the baseline's means."""
    baseline = figures["baseline_usual_places"]
    return {
        **figures["classes"],
        "mean of 5 classes": figures["five_classes"],
        "mean of upper, lower, foot": figures["three_supercategories"],
        "… dresses, coats as upper": figures["three_with_dresses_and_coats"],
        "usual places, 5 classes": baseline["five_classes"],
        "usual places, 3": baseline["three_supercategories"],
    }


def _known(label: str, row: ClassFigures) -> dict[str, float]:
    """A row of figures; a person is served as a box, so there is no mask to judge."""
    figures = asdict(row)
    return {name: figures[name] for name in ("labelled", "box_ap50", "box_ap")} if label == PERSON else figures


def _as_worn(seen: Seen) -> Seen:
    def renamed(photos: Photos) -> Photos:
        return [[replace(i, label=WORN_ON_TOP.get(i.label, i.label)) for i in photo] for photo in photos]

    return Seen(seen.names, renamed(seen.truth), renamed(seen.ranked), renamed(seen.kept))


def _garments(photos: Photos) -> Photos:
    return [[i for i in photo if i.label != PERSON] for photo in photos]


def _size(photo: Sequence[Any]) -> tuple[int, int]:
    height, width = photo[0].mask.shape
    return int(height), int(width)
