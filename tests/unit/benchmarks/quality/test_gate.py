"""The gate's measurement: its cases, what counts as kept, and what is summed up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

from benchmarks.quality.gate.cases import (
    DETAILS_NAMED_FRONT,
    FRONTS_NAMED_DETAIL,
    GateCase,
    Rule,
    catalogue_cases,
    composed_cases,
    cut_cases,
    everyday_cases,
)
from benchmarks.quality.gate.gate import (
    Judged,
    evaluate_gate,
    gate_figures,
    gate_targets,
    is_kept,
    judge_cases,
    teacher_keeps,
    write_sheets,
)
from benchmarks.quality.gate.teachers import Teachers, is_whole, shoulders_say_front
from engine.domain import GateReport, Pixels, View
from engine.vision.pipeline import VisionPipeline
from models.train.data.keypoints.pose import PoseLabel
from models.train.data.pictures import DatasetUnreadable
from models.train.splits import is_held_out

PIXELS = np.full((120, 60, 3), 200, np.uint8)


def case(wanted: bool, rule: Rule = "full front", name: str = "x.jpg", source: str = "ccp") -> GateCase:
    """A picture that is to be kept or not."""
    return GateCase(source, "full-front" if wanted else "cut", name, PIXELS, wanted, rule)


def said(view: View, *, keep: bool = False, people: int = 1) -> GateReport:
    """A gate's word."""
    return GateReport(people, view, keep, keep, "because")


def person() -> np.ndarray:
    """Upright in PIXELS: left shoulder on the right, nose at 10, shoulders at 30, hips at 60, knees 85, ankles 110."""
    keypoints = np.full((17, 3), (30.0, 10.0, 0.9), np.float32)
    for rows, y in (((5, 6), 30), ((7, 8), 45), ((9, 10), 58), ((11, 12), 60), ((13, 14), 85), ((15, 16), 110)):
        keypoints[list(rows)] = (30, y, 0.9)
    keypoints[5, 0], keypoints[6, 0] = 40, 20
    return keypoints


def test_in_a_catalogue_one_person_s_front_is_kept_however_much_is_shown() -> None:
    """A shirt's picture ends at the hips; a street photo is kept by the gate's own word."""
    assert is_kept(said("front"), case(True, "front view"))
    assert not is_kept(said("front", people=2), case(True, "front view"))
    assert not is_kept(said("none"), case(True, "front view"))
    assert not is_kept(said("front"), case(True))
    assert is_kept(said("front", keep=True), case(True))


class FakeTeachers:
    """Finds these boxes, and in each the same person."""

    def __init__(self, boxes: int) -> None:
        self._boxes = boxes

    def people(self, pixels: Pixels) -> tuple[tuple[float, float, float, float], ...]:
        return tuple((20.0 * k, 0.0, 20.0 * k + 20, 120.0) for k in range(self._boxes))

    def movenet(self, pixels: Pixels, box: object) -> np.ndarray:
        return person()


@pytest.mark.parametrize(("boxes", "kept"), [(0, False), (1, True), (2, False)])
def test_the_teacher_s_rule_wants_one_person(boxes: int, kept: bool) -> None:
    """As the gate does, so that the two can stand side by side."""
    assert teacher_keeps(cast(Teachers, FakeTeachers(boxes)), case(True)) == kept


def test_the_plain_rules() -> None:
    """Shoulders in order and seen; nose, knees and ankles in the picture."""
    keypoints = person()
    assert shoulders_say_front(keypoints)
    assert is_whole(keypoints, PIXELS.shape)
    assert not is_whole(keypoints, (100, 60)), "the ankles lie below"
    keypoints[5, 2] = 0.1
    assert not shoulders_say_front(keypoints)
    turned = person()
    turned[[5, 6]] = turned[[6, 5]]
    assert not shoulders_say_front(turned)


def test_cuts_end_where_they_say(tmp_path: Path) -> None:
    """At the knees, at the hips, and between nose and shoulders."""
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    label = PoseLabel(tmp_path / "a.png", (0.0, 0.0, 60.0, 120.0), person(), "street")
    heights = {c.case: (len(c.pixels), c.wanted) for c in cut_cases([label])}
    assert heights == {
        "full-front": (120, True),
        "ends at the knees": (85, False),
        "ends at the waist": (60, False),
        "without head": (120 - 23, False),
    }
    (both,) = composed_cases([label, label])
    assert (both.pixels.shape, both.wanted) == ((120, 120, 3), False)


def test_a_catalogue_s_cases_go_by_its_file_names_and_by_eye(tmp_path: Path) -> None:
    """Held-out Luma and all of Venia, no accessories; wrong names are left out or counted as what they show."""
    (tmp_path / "images").mkdir()
    held = next(f"P{n}" for n in range(99) if is_held_out(f"P{n}"))
    learned = next(f"P{n}" for n in range(99) if not is_held_out(f"P{n}"))
    rows = [
        ("luma", held, "upper_wear", "a.jpg", "front"),
        ("luma", learned, "upper_wear", "b.jpg", "front"),
        ("venia", learned, "lower_wear", "c.jpg", "back"),
        ("venia", learned, "accessory_or_other", "d.jpg", "front"),
        ("venia", held, "dress", sorted(n for n in FRONTS_NAMED_DETAIL if n.startswith("venia"))[0], "detail"),
        ("luma", held, "outerwear", next(iter(DETAILS_NAMED_FRONT)), "front"),
    ]
    lines = []
    for source, product, kind, name, view in rows:
        Image.fromarray(PIXELS).save(tmp_path / "images" / name)
        images = [{"file": name, "view": view}]
        lines.append(json.dumps({"source": source, "product_id": product, "class": kind, "images": images}))
    (tmp_path / "products.jsonl").write_text("\n".join(lines))
    found = [(c.source, c.case, c.name, c.wanted) for c in catalogue_cases(tmp_path)]
    assert found == [
        ("luma", "front, upper body or whole", "a.jpg", True),
        ("venia", "back, legs alone", "c.jpg", False),
        ("luma", "detail", next(iter(DETAILS_NAMED_FRONT)), False),
    ]


def test_everyday_pictures_show_nobody_or_several(tmp_path: Path) -> None:
    """One person, or one with specks behind, says nothing of the gate and is left out."""
    (tmp_path / "images").mkdir()
    boxes = {"none": [], "one": [[0, 0, 0.5, 1]], "specks": [[0, 0, 0.5, 1], [0.9, 0.9, 0.92, 1]]}
    boxes["two"] = [[0, 0, 0.4, 1], [0.5, 0, 0.9, 1]]
    lines = []
    for name, people in boxes.items():
        Image.fromarray(PIXELS).save(tmp_path / "images" / f"{name}.png")
        lines.append(json.dumps({"file": f"{name}.png", "has_box_file": True, "person_boxes": people}))
    (tmp_path / "annotations.jsonl").write_text("\n".join(lines))
    assert {(c.name, c.case) for c in everyday_cases(tmp_path)} == {
        ("none.png", "nobody"),
        ("two.png", "several people"),
    }


def test_figures_count_by_case_and_meet_or_miss_their_targets(tmp_path: Path) -> None:
    """Balanced accuracy is the mean of kept fronts and refused others, whatever their numbers."""
    judged = [
        *(Judged(case(True, "front view", source="venia"), said("front"), k < 3, True) for k in range(4)),
        Judged(case(False, "front view", source="venia"), said("back"), False, True),
        Judged(case(True), said("front", keep=True), True, False),
        Judged(case(False, name="wrong.jpg"), said("front", keep=True), True, False),
        Judged(case(False), said("none"), False, False),
    ]
    figures = gate_figures(judged, {})
    assert figures["catalogue"] == {
        "kept_of_wanted": 0.75,
        "refused_of_others": 1.0,
        "balanced": 0.875,
        "precision": 1.0,
        "recall": 0.75,
        "teacher_balanced": 0.5,
    }
    assert figures["cases"]["ccp: cut"] == {"pictures": 2, "right": 0.5, "movenet_rule": 1.0, "keep_all": 0.0}
    assert figures["full_front"]["precision"] == 0.5
    assert [target.met for target in gate_targets(figures)] == [False, True, False]
    sheets = write_sheets(judged, tmp_path / "sheets")
    assert {path.name for path in sheets} == {"gate-ccp-cut.png", "gate-venia-full-front.png"}
    assert all(np.asarray(Image.open(path)).std() > 0 for path in sheets)


class FakePipeline:
    """Says of every picture that it is kept."""

    def gate(self, image: Pixels) -> GateReport:
        return said("front", keep=True)


def test_every_case_is_judged_by_the_gate_and_the_teacher() -> None:
    """In their order, right or wrong by what was wanted."""
    cases = [case(True), case(False)]
    judged = list(judge_cases(cast(VisionPipeline, FakePipeline()), cast(Teachers, FakeTeachers(1)), cases))
    assert [(j.kept, j.teacher, j.right) for j in judged] == [(True, True, True), (True, True, False)]


def test_a_data_folder_that_lacks_pictures_is_named(tmp_path: Path) -> None:
    """Before anything is measured."""
    (tmp_path / "ccp").mkdir()
    with pytest.raises(DatasetUnreadable, match="lacks magento_catalog, coco128_person, lspet, weights"):
        evaluate_gate(cast(VisionPipeline, FakePipeline()), tmp_path, tmp_path)
