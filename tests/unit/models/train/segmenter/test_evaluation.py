"""The segmenter's figures, checked by hand on small masks."""

from __future__ import annotations

import contextlib
import io
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from models.train.segmenter.evaluation import (
    MISSED,
    NOTHING,
    Instance,
    Photos,
    average_precision,
    confusion,
    evaluate,
    mask_box,
)


def square(x: int, y: int, side: int = 10, score: float = 1.0, label: str = "dress") -> Instance:
    mask = np.zeros((40, 60), bool)
    mask[y : y + side, x : x + side] = True
    return Instance(label, mask_box(mask), mask, score)


def test_finding_everything_scores_one() -> None:
    """Right class, right place, right mask."""
    figures = evaluate([[square(5, 5)]], [[square(5, 5, score=0.6)]], ["dress", "outerwear"])
    assert set(figures) == {"dress"}
    assert figures["dress"].mask_ap50 == figures["dress"].box_ap50 == figures["dress"].recall == 1.0
    assert figures["dress"].mask_iou == 1.0


def test_the_second_detection_of_one_garment_is_wrong() -> None:
    """A label can be found once: two garments, one found twice, is half the recall."""
    found = [[square(5, 5, score=0.9), square(6, 5, score=0.8)]]
    figures = evaluate([[square(5, 5), square(30, 20)]], found, ["dress"])
    assert figures["dress"].recall == 0.5
    assert figures["dress"].mask_ap50 == pytest.approx(0.5)


def test_a_good_box_with_a_bad_mask_counts_for_boxes_alone() -> None:
    """A hollow garment has the right box and a fifth of the pixels."""
    full, hollow = square(5, 5, 20), square(5, 5, 20, 0.9)
    hollow.mask[6:24, 6:24] = False
    figures = evaluate([[full]], [[hollow]], ["dress"])
    assert figures["dress"].box_ap50 == 1.0
    assert figures["dress"].mask_ap50 == 0.0


def test_average_precision_is_the_area_under_the_monotone_curve() -> None:
    """Right, wrong, right of two: precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1 → 1/2 + 1/2 · 2/3."""
    ap = average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 2)
    assert ap == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_nothing_found_scores_nothing() -> None:
    """And divides by nothing either."""
    assert average_precision(np.array([]), np.array([], bool), 3) == 0.0


def test_the_mean_over_ious_falls_with_a_loose_box() -> None:
    """A square moved by a tenth has an IoU of 9/11: right at 0.5 to 0.8, wrong at 0.85 to 0.95."""
    figures = evaluate([[square(5, 5)]], [[square(6, 5, score=0.6)]], ["dress"])["dress"]
    assert figures.box_ap50 == figures.mask_ap50 == 1.0
    assert figures.box_ap == figures.mask_ap == pytest.approx(0.7)


def test_confusion_says_what_was_taken_for_what() -> None:
    """A coat called dress, a shirt missed, and a shoe where nothing is."""
    truth = [[square(5, 5, label="outerwear"), square(30, 5, label="upper_wear")]]
    kept = [[square(6, 5, label="dress"), square(45, 25, label="foot_wear")]]
    assert confusion(truth, kept) == {
        ("outerwear", "dress"): 1,
        ("upper_wear", MISSED): 1,
        (NOTHING, "foot_wear"): 1,
    }
    assert confusion([[]], [[square(1, 1)]]) == {(NOTHING, "dress"): 1}
    assert confusion([[square(1, 1)]], [[]]) == {("dress", MISSED): 1}


def shifted(label: str, box: tuple[int, int, int, int], rng: np.random.Generator) -> Instance:
    """What a detector might find of a garment: a little elsewhere, with a score of its own."""
    x0, y0, x1, y1 = (int(np.clip(value + rng.integers(-2, 3), 0, 64)) for value in box)
    box = (min(x0, x1 - 2), min(y0, y1 - 2), x1, y1)
    return Instance(label, box, filled(box), float(rng.random()))


def filled(box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    mask = np.zeros((64, 64), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def coco_ap(truth: Photos, found: Photos, kind: str) -> NDArray[np.float64]:
    """COCO's own average precision at each IoU, read at a thousand recalls instead of a hundred and one."""
    coco, evaluation = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    encode = pytest.importorskip("pycocotools.mask").encode

    def rows(photos: Photos) -> list[dict[str, object]]:
        return [
            {
                "id": number,
                "image_id": photo,
                "category_id": 1,
                "iscrowd": 0,
                "bbox": [i.box[0], i.box[1], i.box[2] - i.box[0], i.box[3] - i.box[1]],
                "segmentation": encode(np.asfortranarray(i.mask.astype(np.uint8))),
                "area": float(i.mask.sum()),
                "score": i.score,
            }
            for number, (photo, i) in enumerate(((p, i) for p, shown in enumerate(photos) for i in shown), start=1)
        ]

    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
        tables = []
        for photos in (truth, found):
            table = coco.COCO()
            images = [{"id": n, "height": 64, "width": 64} for n in range(len(photos))]
            table.dataset = {"images": images, "annotations": rows(photos), "categories": [{"id": 1, "name": "coat"}]}
            table.createIndex()
            tables.append(table)
        judge = evaluation.COCOeval(*tables, kind)
        judge.params.recThrs = np.linspace(0, 1, 1001)
        judge.evaluate()
        judge.accumulate()
    return np.asarray(judge.eval["precision"][:, :, 0, 0, -1].mean(axis=1), np.float64)


def test_figures_are_those_of_coco() -> None:
    """pycocotools over the same scenes gives the same average precisions, of boxes and of masks."""
    rng, truth, found = np.random.default_rng(5), [], []
    for _ in range(30):
        corners = rng.integers(0, 40, (int(rng.integers(1, 4)), 2))
        boxes = [(int(x), int(y), int(x) + 20, int(y) + 16) for x, y in corners]
        truth.append([Instance("coat", box, filled(box)) for box in boxes])
        found.append([shifted("coat", box, rng) for box in boxes for _ in range(int(rng.integers(0, 3)))])
    figures = evaluate(truth, found, ("coat",))["coat"]
    for kind, ap50, ap in (("bbox", figures.box_ap50, figures.box_ap), ("segm", figures.mask_ap50, figures.mask_ap)):
        theirs = coco_ap(truth, found, kind)
        assert ap50 == pytest.approx(theirs[0], abs=2e-3)
        assert ap == pytest.approx(theirs.mean(), abs=2e-3)
        assert 0.2 < ap < 0.9
