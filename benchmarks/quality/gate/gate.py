"""`thatlook eval gate`: which pictures the gate keeps and refuses, by case, beside a plain teacher's rule.

Measured as served: the segmenter finds the people, the pose model looks at the main one, `engine.vision.gate` judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.quality.gate.captioned_sheet import captioned_sheet
from benchmarks.quality.gate.cases import (
    GateCase,
    catalogue_cases,
    composed_cases,
    cut_cases,
    everyday_cases,
    held_out_street,
)
from benchmarks.quality.gate.teachers import Teachers, is_whole, shoulders_say_front
from benchmarks.quality.report import Target
from engine.domain import GateReport, Pixels
from engine.vision.crops import box_area
from engine.vision.gate import BYSTANDER_SHARE
from engine.vision.pipeline import VisionPipeline
from models.train.data.keypoints.pose import PoseLabel
from models.train.data.pictures import DatasetUnreadable, read_pixels
from models.train.pose.measure import measure_against_teacher, measure_on_lspet, open_pose

FOLDERS = ("ccp", "magento_catalog", "coco128_person", "lspet", "weights")
"""What is measured on, below the folder given by --data."""
BLAZE_SEEN = 0.5
"""BlazePose's visibility from which on a landmark is seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One case and what was said of it.

    Attributes:
        kept: by the case's rule; teacher: whether the teacher's plain rule keeps it.
    """

    case: GateCase
    report: GateReport
    kept: bool
    teacher: bool

    @property
    def right(self) -> bool:
        """Kept if it was wanted, refused if not."""
        return self.kept == self.case.wanted


def judge_cases(pipeline: VisionPipeline, teachers: Teachers, cases: Iterable[GateCase]) -> Iterator[Judged]:
    """Ask the gate and the teacher's rule of every case."""
    for case in cases:
        report = pipeline.gate(case.pixels)
        yield Judged(case, report, is_kept(report, case), teacher_keeps(teachers, case))


def is_kept(report: GateReport, case: GateCase) -> bool:
    """By the gate's own `keep`, or, in a catalogue, as one person's front view however much of it is shown."""
    return report.keep if case.rule == "full front" else report.view == "front" and report.people == 1


def teacher_keeps(teachers: Teachers, case: GateCase) -> bool:
    """The plain way: YOLOX's people, MoveNet's shoulders; for full-fronts one person with nose, knees and ankles."""
    boxes = teachers.people(case.pixels)
    if not boxes:
        return False
    largest = max(boxes, key=box_area)
    several = sum(box_area(box) >= BYSTANDER_SHARE * box_area(largest) for box in boxes) > 1
    keypoints = teachers.movenet(case.pixels, largest)
    if several or not shoulders_say_front(keypoints):
        return False
    return case.rule == "front view" or is_whole(keypoints, case.pixels.shape)


def full_fronts(teachers: Teachers, root: Path) -> list[PoseLabel]:
    """Street photos that two teachers both take for full-front views; what they disagree on is left out."""
    found = []
    for label in held_out_street(root):
        pixels = read_pixels(label.image)
        size = pixels.shape[:2]
        other = teachers.blazepose(pixels, label.box)
        first = shoulders_say_front(label.keypoints) and is_whole(label.keypoints, size)
        if first and shoulders_say_front(other, BLAZE_SEEN) and is_whole(other, size, BLAZE_SEEN):
            found.append(label)
    return found


def evaluate_gate(pipeline: VisionPipeline, profile: Path, data: Path) -> tuple[list[Judged], dict[str, Any]]:
    """Every case judged, and the pose model's keypoints against the teacher's and against people's labels.

    Raises:
        DatasetUnreadable: a folder of pictures is missing.
    """
    if missing := [name for name in FOLDERS if not (data / name).is_dir()]:
        raise DatasetUnreadable(f"{data} lacks {', '.join(missing)}; the gate is measured on {', '.join(FOLDERS)}.")
    teachers = Teachers(data / "weights")
    street = full_fronts(teachers, data / "ccp")
    cases = chain(
        catalogue_cases(data / "magento_catalog"),
        cut_cases(street),
        composed_cases(street),
        everyday_cases(data / "coco128_person"),
    )
    judged = list(judge_cases(pipeline, teachers, cases))
    pose = open_pose(profile)
    keypoints = {
        "ccp and luma, against MoveNet": asdict(measure_against_teacher(pose, data / "ccp", data / "magento_catalog")),
        "lspet, joints set by people": asdict(measure_on_lspet(pose, data / "lspet")),
    }
    return judged, keypoints


def gate_figures(judged: Sequence[Judged], keypoints: Mapping[str, Any]) -> dict[str, Any]:
    """By source and case, summed up for catalogue and full-fronts, and keypoints."""
    catalogue = [j for j in judged if j.case.rule == "front view"]
    street = [j for j in judged if j.case.rule == "full front"]
    return {
        "cases": {f"{source}: {case}": _shares(_of(judged, source, case)) for source, case in _kinds(judged)},
        "catalogue": _summary(catalogue),
        **{source: _summary([j for j in catalogue if j.case.source == source]) for source in ("luma", "venia")},
        "full_front": _summary(street),
        "keypoints": keypoints,
    }


def gate_targets(figures: Mapping[str, Any]) -> list[Target]:
    """What is aimed at."""
    aims = (
        ("catalogue, fronts kept vs backs and details refused, balanced accuracy", 0.97, "catalogue", "balanced"),
        ("street, full-front kept", 0.95, "full_front", "kept_of_wanted"),
        ("cropped, empty or several-people pictures refused", 0.95, "full_front", "refused_of_others"),
    )
    return [Target(name, aim, figures[part][what]) for name, aim, part, what in aims]


def _kinds(judged: Sequence[Judged]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((j.case.source, j.case.case) for j in judged))


def _of(judged: Sequence[Judged], source: str, case: str) -> list[Judged]:
    return [j for j in judged if (j.case.source, j.case.case) == (source, case)]


def _shares(some: Sequence[Judged]) -> dict[str, Any]:
    wanted = some[0].case.wanted
    return {
        "pictures": len(some),
        "right": _share([j.right for j in some]),
        "movenet_rule": _share([j.teacher == wanted for j in some]),
        "keep_all": 1.0 if wanted else 0.0,
    }


def _summary(some: Sequence[Judged]) -> dict[str, float]:
    """Kept of the wanted, refused of the others, their mean, precision and recall of keeping; the teacher's beside."""
    kept = [j.kept for j in some if j.case.wanted]
    refused = [not j.kept for j in some if not j.case.wanted]
    by_teacher = [j.teacher for j in some if j.case.wanted], [not j.teacher for j in some if not j.case.wanted]
    return {
        "kept_of_wanted": _share(kept),
        "refused_of_others": _share(refused),
        "balanced": (_share(kept) + _share(refused)) / 2,
        "precision": sum(kept) / max(1, sum(kept) + len(refused) - sum(refused)),
        "recall": _share(kept),
        "teacher_balanced": (_share(by_teacher[0]) + _share(by_teacher[1])) / 2,
    }


def write_sheets(judged: Sequence[Judged], folder: Path, most: int = 40) -> list[Path]:
    """One PNG per case that has errors: the pictures, and what the gate said of them."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source, case in _kinds(judged):
        wrong = [j for j in _of(judged, source, case) if not j.right][:most]
        if wrong:
            path = folder / f"gate-{source}-{case.replace(', ', '-').replace(' ', '-')}.png"
            cv2.imwrite(str(path), _sheet(wrong)[..., ::-1])
            written.append(path)
    return written


def _sheet(wrong: Sequence[Judged]) -> Pixels:
    lines = [(j.case.name[-26:], f"{j.report.view}, {j.report.people}: {j.report.reason}"[:30]) for j in wrong]
    return captioned_sheet([j.case.pixels for j in wrong], lines)


def _share(flags: Sequence[bool]) -> float:
    return float(np.mean(flags)) if flags else 0.0
