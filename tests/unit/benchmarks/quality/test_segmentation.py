"""The figures and pictures of `eval segmentation`, on a tiny CCP whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality.segmentation.prior import learn_places
from benchmarks.quality.segmentation.segmentation import evaluate_segmentation, table_rows
from benchmarks.quality.segmentation.sheet import errors, write_sheets
from models.networks.overlap import mask_iou
from models.train.data.datasets import CcpFolder
from models.train.segmenter.evaluation import Instance
from models.train.segmenter.measure import Seen, labelled

LABELS = ["null", "shirt", "pants", "shoes", "dress", "coat", "skin"]
MAPPING = {"upper_wear": ["shirt"], "lower_wear": ["pants"], "foot_wear": ["shoes"], "dress": ["dress"],
           "outerwear": ["coat"]}  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve people who wear shirt, trousers and shoes at the same place of their body; the last wears a coat."""
    root = tmp_path / "ccp"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    (root / "labels.json").write_text(json.dumps({"labels": LABELS, "mapping": MAPPING}))
    names = [f"{number:04d}" for number in range(12)]
    (root / "splits.json").write_text(json.dumps({"train": names[:9], "val": names[9:]}))
    for number, name in enumerate(names):
        values = np.zeros((120, 80), np.uint8)
        x = 15 + 2 * number
        values[10:20, x + 8 : x + 16] = 6
        values[20:60, x : x + 24] = 5 if number == 11 else 1
        values[60:100, x : x + 24] = 2
        values[100:110, x : x + 24] = 3
        Image.fromarray(values).save(root / "masks" / f"{name}.png")
        Image.fromarray(np.full((120, 80, 3), 90, np.uint8)).save(root / "images" / f"{name}.jpg")
    return tmp_path


def seen_by(data: Path, answer: Callable[[Instance], Instance | None]) -> Seen:
    """What someone sees who answers every label in a way of his own."""
    folder = CcpFolder(data / "ccp")
    truth = [list(labelled(folder.read(name))) for name in folder.split("val")]
    found = [[got for got in map(answer, photo) if got is not None] for photo in truth]
    return Seen(folder.split("val"), truth, found, found)


def renamed(i: Instance) -> Instance:
    """Calls every coat a top."""
    return Instance("upper_wear" if i.label == "outerwear" else i.label, i.box, i.mask, i.score)


def test_who_sees_all_scores_one_and_the_baseline_does_not_know_coats(data: Path) -> None:
    """Usual places: three classes are where they always are; the coat was never seen in training."""
    figures = evaluate_segmentation(seen_by(data, lambda i: i), data)
    assert figures["photos"] == 3
    assert figures["three_supercategories"]["mask_ap50"] == figures["five_classes"]["mask_ap"] == 1.0
    assert {(row["labelled"], row["answered"]) for row in figures["confusion"]} == {
        (label, label) for label in ("upper_wear", "lower_wear", "foot_wear", "outerwear")
    }
    baseline = figures["baseline_usual_places"]["classes"]
    assert baseline["lower_wear"]["mask_ap50"] == 1.0
    assert baseline["outerwear"]["mask_ap50"] == 0.0
    assert table_rows(figures)["mean of 5 classes"]["recall"] == 1.0


def test_a_coat_called_a_top_is_wrong_but_for_the_papers_three(data: Path) -> None:
    """Five classes: the coat is lost and one top of three is wrong; with coats as upper wear, all is right."""
    figures = evaluate_segmentation(seen_by(data, renamed), data)
    assert figures["classes"]["outerwear"]["mask_ap50"] == 0.0
    assert figures["five_classes"]["recall"] == pytest.approx(0.75)
    assert figures["three_with_dresses_and_coats"]["mask_ap50"] == 1.0
    assert {"labelled": "outerwear", "answered": "upper_wear", "garments": 1} in figures["confusion"]


def test_usual_places_follow_the_person(data: Path) -> None:
    """Learned on some people, guessed on another's box, half of it beyond the picture."""
    places = learn_places(data / "ccp")
    mask = np.zeros((100, 100), bool)
    mask[10:50, 30:54] = True
    shirt = next(i for i in places.guess((30, 0, 54, 100), (100, 100)) if i.label == "upper_wear")
    assert mask_iou(shirt.mask, mask) > 0.85
    left = next(i for i in places.guess((-12, 0, 12, 100), (100, 100)) if i.label == "lower_wear")
    assert left.box[0] == 0
    assert left.box[2] == pytest.approx(12, abs=1)


def test_the_sheets_show_the_worst_photo_first(data: Path) -> None:
    """The one whose coat was missed; both pictures are written."""
    seen = seen_by(data, lambda i: None if i.label == "outerwear" else i)
    mistakes = [errors(truth, kept) for truth, kept in zip(seen.truth, seen.kept, strict=True)]
    assert mistakes == [0.0, 0.0, 1.0]
    files = write_sheets(data / "sheets", data / "ccp", seen, photos=2)
    assert [file.name for file in files] == ["photos.png", "worst.png"]
    for file in files:
        with Image.open(file) as sheet:
            assert sheet.size[0] > 400
