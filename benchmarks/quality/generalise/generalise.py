"""`thatlook eval generalise`: each figure on sources that had no part in any training.

Parts are measured apart, so that one can be asked for alone; whoever adds one writes a module with a `Part` and
names it in `PARTS`. Nothing is fitted or trained on what is measured here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.generalise import retrieval as generalise_retrieval
from benchmarks.quality.generalise import supercategory as generalise_supercategory
from benchmarks.quality.report import Target
from engine.retrieval.search import Calibrations
from engine.vision.pipeline import VisionPipeline


@dataclass(frozen=True, slots=True)
class Part:
    """One subject: what is measured, what is aimed at, and what a person reads.

    Attributes:
        measure: models, their calibrations, the data folder and a folder for pictures (or None) → figures.
        targets: figures → targets.
        rows: figures → row → column → value.
    """

    measure: Callable[[VisionPipeline, Calibrations, Path, Path | None], Mapping[str, Any]]
    targets: Callable[[Mapping[str, Any]], Sequence[Target]]
    rows: Callable[[Mapping[str, Any]], Mapping[str, Mapping[str, Any]]]


PARTS: dict[str, Part] = {
    "supercategory": Part(
        generalise_supercategory.measure, generalise_supercategory.targets, generalise_supercategory.rows
    ),
    "retrieval": Part(generalise_retrieval.measure, generalise_retrieval.targets, generalise_retrieval.rows),
}


def evaluate_generalise(
    pipeline: VisionPipeline,
    calibrations: Calibrations,
    data: Path,
    parts: Sequence[str] = (),
    sheet: Path | None = None,
) -> dict[str, Mapping[str, Any]]:
    """Figures by part, of all parts where none is named."""
    return {name: PARTS[name].measure(pipeline, calibrations, data, sheet) for name in (parts or tuple(PARTS))}


def all_targets(figures: Mapping[str, Mapping[str, Any]]) -> list[Target]:
    """What the measured parts aim at."""
    return [target for name, measured in figures.items() for target in PARTS[name].targets(measured)]


def table_rows(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """What a person reads of the measured parts."""
    return {label: row for name, measured in figures.items() for label, row in PARTS[name].rows(measured).items()}
