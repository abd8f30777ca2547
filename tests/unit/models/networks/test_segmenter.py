"""From raw YOLO heads to a scene, on heads written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.domain import Scene
from engine.errors import ContractBroken
from engine.taxonomy import GarmentClass, Taxonomy, load_taxonomy
from models.manifest import ModelSpec
from models.networks.segmenter import Thresholds, YoloSegmenter

CLASSES = ("upper_wear", "lower_wear", "foot_wear", "dress", "outerwear", "person")
SPEC = ModelSpec(
    role="segmenter",
    file="s.onnx",
    architecture="hand",
    input_size=(64, 64),
    resize="letterbox",
    pad_value=114,
    classes=CLASSES,
)
Row = tuple[str, float, tuple[float, float, float, float], int]


class HandHeads:
    """Gives the rows it was made with; prototype i is +1 on the i-th pair of 8-pixel rows, the last one everywhere."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.seen: NDArray[np.float32] | None = None
        heads = np.zeros((1, 4 + len(CLASSES) + 9, 40), np.float32)
        for column, (name, score, (x0, y0, x1, y1), prototype) in enumerate(rows):
            heads[0, :4, column] = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
            heads[0, 4 + CLASSES.index(name), column] = score
            heads[0, 4 + len(CLASSES) + prototype, column] = 1
        prototypes = np.full((1, 9, 16, 16), -1, np.float32)
        for i in range(8):
            prototypes[0, i, 2 * i : 2 * i + 2] = 1
        prototypes[0, 8] = 1
        self._answer = {"output0": heads, "output1": prototypes}

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The rows, whatever the picture."""
        self.seen = inputs["images"]
        return self._answer


def segmenter(rows: Sequence[Row], **extra: object) -> tuple[YoloSegmenter, HandHeads]:
    """A segmenter that sees these rows."""
    session = HandHeads(rows)
    return YoloSegmenter(replace(SPEC, extra=extra), session, "mark", load_taxonomy()), session


BLACK = np.zeros((128, 128, 3), np.uint8)


def test_a_garment_in_the_pictures_pixels() -> None:
    """Prototype 2 covers rows 16 to 24 of the input: 32 to 48 of a picture twice its size."""
    pipeline, _ = segmenter([("dress", 0.9, (8, 0, 40, 64), 2)])
    (garment,) = pipeline.segment(BLACK).garments
    assert (garment.label, garment.supercategory) == ("dress", "full_body")
    assert garment.score == pytest.approx(0.9)
    assert garment.box == (16, 32, 80, 48)
    assert garment.mask.shape == (16, 64)
    assert garment.mask.all()
    assert {tuple(p) for p in garment.polygons[0].tolist()} == {(16, 32), (80, 32), (80, 48), (16, 48)}


def test_the_input_is_rgb_in_0_to_1_on_grey() -> None:
    """Red stays in the first plane; padding is 114."""
    pipeline, session = segmenter([])
    red = np.zeros((32, 64, 3), np.uint8)
    red[..., 0] = 255
    assert pipeline.segment(red).garments == ()
    assert session.seen is not None
    assert session.seen.shape == (1, 3, 64, 64)
    assert session.seen[0, :, 32, 32].tolist() == pytest.approx([1, 0, 0])
    assert session.seen[0, :, 2, 2].tolist() == pytest.approx([114 / 255] * 3)


def test_people_are_boxes_and_no_garments() -> None:
    """Cut at the picture's border, best first."""
    pipeline, _ = segmenter([("person", 0.6, (-6, 4, 30, 60), 8), ("person", 0.8, (30, 4, 62, 70), 8)])
    scene = pipeline.segment(BLACK)
    assert scene.garments == ()
    assert [p.box for p in scene.people] == [(60, 8, 124, 128), (0, 8, 60, 120)]
    assert [p.score for p in scene.people] == pytest.approx([0.8, 0.6])


def test_one_garment_under_two_names_is_told_once() -> None:
    """The better name stays where masks coincide; an open coat over a dress shares a box, not a mask."""
    rows: list[Row] = [
        ("upper_wear", 0.6, (0, 0, 64, 64), 3),
        ("dress", 0.7, (0, 0, 64, 64), 3),
        ("outerwear", 0.5, (0, 0, 64, 64), 4),
    ]
    labels = [g.label for g in segmenter(rows)[0].segment(BLACK).garments]
    assert labels == ["dress", "outerwear"]
    tolerant = [g.label for g in segmenter(rows, same_iou=1.0)[0].segment(BLACK).garments]
    assert tolerant == ["dress", "upper_wear", "outerwear"]


def test_thresholds_come_from_the_manifest() -> None:
    """One for all classes, and others for single ones."""
    rows: list[Row] = [("dress", 0.4, (0, 0, 64, 30), 1), ("foot_wear", 0.3, (0, 30, 64, 64), 6)]
    assert [g.label for g in segmenter(rows)[0].segment(BLACK).garments] == ["dress", "foot_wear"]
    strict = segmenter(rows, score=0.5, scores={"foot_wear": 0.2})[0]
    assert [g.label for g in strict.segment(BLACK).garments] == ["foot_wear"]
    assert Thresholds.of({"nms_iou": 0.5, "something": 1}) == Thresholds(nms_iou=0.5)


def test_a_name_nearly_as_likely_is_a_doubt() -> None:
    """A jacket that half looks like a top is looked for among tops too, one that hardly does is not."""
    rows: list[Row] = [("outerwear", 0.8, (0, 0, 64, 30), 1), ("upper_wear", 0.3, (0, 0, 62, 30), 1)]
    (jacket,) = segmenter(rows, same_iou=0.5)[0].segment(BLACK).garments
    assert (jacket.label, jacket.also) == ("outerwear", ("upper_wear",))
    assert jacket.supercategories == ("outerwear", "upper_wear")
    (sure,) = segmenter(rows, same_iou=0.5, doubt=0.5)[0].segment(BLACK).garments
    assert sure.also == ()


def test_a_faint_second_name_counts_though_it_is_no_detection() -> None:
    """A skirt taken for a dress: the skirt's 0.1 is below every threshold for garments, yet the next best name."""
    rows: list[Row] = [
        ("dress", 0.4, (0, 0, 64, 30), 1),
        ("lower_wear", 0.1, (0, 0, 64, 29), 1),
        ("outerwear", 0.04, (0, 0, 64, 30), 1),
        ("person", 0.2, (0, 0, 64, 30), 1),
    ]
    (garment,) = segmenter(rows)[0].segment(BLACK).garments
    assert garment.also == ("lower_wear",)


FAINT = {"lower_wear": 0.1, "upper_wear": 0.1, "dress": 0.1}
UPRIGHT: Row = ("person", 0.9, (0, 0, 64, 64), 8)
SHOES: Row = ("foot_wear", 0.8, (0, 56, 64, 64), 7)
HARDLY_A_SKIRT: Row = ("lower_wear", 0.12, (0, 24, 64, 32), 3)


def test_what_a_person_wears_where_nothing_else_is_seen_may_be_faint() -> None:
    """A skirt at 0.12 above shoes is taken; below its own limit, and without the manifest's word, it is not."""
    rows = [UPRIGHT, SHOES, HARDLY_A_SKIRT]
    assert labels_of(rows, faint=FAINT) == ["foot_wear", "lower_wear"]
    assert labels_of(rows, faint={"lower_wear": 0.15}) == ["foot_wear"]
    assert labels_of(rows) == ["foot_wear"]


def test_nothing_faint_is_taken_where_nobody_is_seen() -> None:
    """No person, a doubtful one, or one who stands elsewhere: a skirt at 0.12 may be a curtain."""
    rows = [SHOES, HARDLY_A_SKIRT]
    assert labels_of(rows, faint=FAINT) == ["foot_wear"]
    assert labels_of([("person", 0.4, (0, 0, 64, 64), 8), *rows], faint=FAINT) == ["foot_wear"]
    assert labels_of([("person", 0.9, (32, 0, 64, 64), 8), *rows], faint=FAINT) == ["foot_wear"]


def test_a_faint_garment_is_no_second_name_or_piece() -> None:
    """Where a sure garment lies already, or of a class that is there already, nothing faint is added."""
    covering: Row = ("dress", 0.8, (0, 24, 64, 32), 3)
    same_class: Row = ("lower_wear", 0.8, (0, 40, 64, 48), 5)
    assert labels_of([UPRIGHT, covering, HARDLY_A_SKIRT], faint=FAINT, same_iou=1.0) == ["dress"]
    assert labels_of([UPRIGHT, same_class, HARDLY_A_SKIRT], faint=FAINT) == ["lower_wear"]
    fainter: Row = ("upper_wear", 0.11, (0, 24, 64, 32), 3)
    assert labels_of([UPRIGHT, HARDLY_A_SKIRT, fainter], faint=FAINT) == ["lower_wear"]


def labels_of(rows: Sequence[Row], **extra: object) -> list[str]:
    """The garments that are seen, best first."""
    return [g.label for g in segmenter(rows, **extra)[0].segment(BLACK).garments]


def test_specks_are_no_garments() -> None:
    """A mask below the least area is dropped."""
    rows: list[Row] = [("dress", 0.9, (8, 16, 10, 18), 2)]
    assert len(segmenter(rows)[0].segment(BLACK).garments) == 1
    assert segmenter(rows, least_area=0.01)[0].segment(BLACK).garments == ()


def test_other_heads_than_yolos_are_named() -> None:
    """An export with NMS inside, or with other classes, must not be read as garments."""
    pipeline, session = segmenter([])
    session._answer["output0"] = np.zeros((1, 300, 6), np.float32)[..., :4].transpose(0, 2, 1)
    with pytest.raises(ContractBroken, match="raw YOLO head for 6 classes"):
        pipeline.segment(BLACK)


WITH_BAG = replace(SPEC, classes=("upper_wear", "lower_wear", "foot_wear", "dress", "outerwear", "bag"))
"""The hand-written heads' sixth class, called a bag."""


def with_bag(rows: Sequence[Row], taxonomy: Taxonomy | None = None) -> Scene:
    """What is seen where the sixth class is a bag, and set aside."""
    spec = replace(WITH_BAG, extra={"set_aside": ["bag", "headwear"], "doubt": 0.1})
    as_sixth: list[Row] = [("person" if name == "bag" else name, *rest) for name, *rest in rows]  # type: ignore[misc]
    return YoloSegmenter(spec, HandHeads(as_sixth), "mark", taxonomy or load_taxonomy()).segment(BLACK)


def test_a_bag_is_seen_and_set_aside_and_never_a_dress() -> None:
    """The surer name stays: a bag hides the dress that it was nearly taken for, and is no doubt of a garment."""
    scene = with_bag([("bag", 0.7, (0, 0, 64, 30), 1), ("dress", 0.6, (0, 0, 64, 30), 1)])
    assert scene.garments == ()
    assert [(a.label, a.box) for a in scene.accessories] == [("bag", (0, 0, 128, 60))]
    assert scene.accessories[0].score == pytest.approx(0.7)
    other = with_bag([("bag", 0.5, (0, 0, 64, 30), 1), ("dress", 0.6, (0, 0, 64, 30), 1)])
    assert [(g.label, g.also) for g in other.garments] == [("dress", ())]
    assert other.accessories == ()


def test_a_shop_that_sells_bags_gets_them_as_garments() -> None:
    """Its taxonomy says so; nothing else has to."""
    plain = load_taxonomy()
    bags = Taxonomy({**plain.classes, "bag": GarmentClass("bag", "bags")}, {**plain.supercategories, "bags": "bags"})
    scene = with_bag([("bag", 0.7, (0, 0, 64, 30), 1)], bags)
    assert [(g.label, g.supercategory) for g in scene.garments] == [("bag", "bags")]
    assert scene.accessories == ()


def test_a_class_that_nobody_knows_is_still_refused() -> None:
    """Only what the manifest sets aside may be missing from the taxonomy."""
    with pytest.raises(ContractBroken, match="bag"):
        YoloSegmenter(WITH_BAG, HandHeads([]), "mark", load_taxonomy())
