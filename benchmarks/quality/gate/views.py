"""`thatlook eval views`: a front, a back, a side or a detail? Precision and recall of each, as in the paper.

Measured as served: the segmenter finds the person, the pose model looks, the gate says the view; where it can say
none, the picture counts as a detail. Tops and bottoms stand apart, for legs alone have no shoulders to tell by.

Source: "Buy Me That Look", arXiv:2008.11638, which reports its view classifier so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.quality.gate.captioned_sheet import captioned_sheet
from benchmarks.quality.gate.views_cases import DRAWN_EACH, PARTS, VIEWS, Shown, ViewCase, catalogue_views, drawn_views
from benchmarks.quality.report import Target
from engine.domain import GateReport
from engine.vision.pipeline import VisionPipeline
from models.train.data.pictures import DatasetUnreadable

AIM = 0.9
"""Least precision and recall that is aimed at for fronts, which is what the ingest takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """One case and the view that the gate told."""

    case: ViewCase
    view: Shown


def told_view(report: GateReport) -> Shown:
    """What the gate says of a picture; where it can tell no view there is too little of a person, so a detail."""
    return "detail" if report.view == "none" else report.view


def tell_views(pipeline: VisionPipeline, cases: Iterable[ViewCase]) -> list[Told]:
    """Ask the gate of every case."""
    return [Told(case, told_view(pipeline.gate(case.pixels))) for case in cases]


def evaluate_views(pipeline: VisionPipeline, data: Path, each: int = DRAWN_EACH) -> list[Told]:
    """The catalogues' and the drawn pictures, told by a profile's segmenter and pose model.

    Raises:
        DatasetUnreadable: the catalogue's folder is missing.
    """
    if not (data / "magento_catalog").is_dir():
        raise DatasetUnreadable(f"{data} lacks magento_catalog, whose views are measured on.")
    return tell_views(pipeline, catalogue_views(data / "magento_catalog")) + tell_views(pipeline, drawn_views(each))


def view_figures(told: Sequence[Told]) -> dict[str, Any]:
    """Source (catalogue or drawn) → part → precision and recall by view, and how often any is right.

    Precision weighs every view alike: what it would be if as many pictures of each were shown, beside the plain one.
    """
    groups: dict[str, Any] = {}
    for source in ("catalogue", "drawn"):
        some = [t for t in told if (t.case.source == "drawn") == (source == "drawn")]
        parts = {part: _figures([t for t in some if t.case.part == part]) for part in PARTS}
        groups[source] = {part: figures for part, figures in parts.items() if figures}
    return groups


def _figures(told: Sequence[Told]) -> dict[str, Any]:
    shown = [view for view in VIEWS if any(t.case.shown == view for t in told)]
    if not shown:
        return {}
    rows = {view: _row(told, view, shown) for view in shown}
    right = [t.view == t.case.shown for t in told]
    most = max(sum(t.case.shown == view for t in told) for view in shown)
    recalls = [row["recall"] for row in rows.values()]
    overall = {
        "accuracy": float(np.mean(right)),
        "balanced": float(np.mean(recalls)),
        "always_the_commonest": most / len(told),
    }
    return {"views": rows, "all": {"pictures": len(told), **overall}}


def _row(told: Sequence[Told], view: Shown, shown: Sequence[Shown]) -> dict[str, Any]:
    rates = {truth: float(np.mean([t.view == view for t in told if t.case.shown == truth])) for truth in shown}
    said = [t.case.shown == view for t in told if t.view == view]
    return {
        "pictures": sum(t.case.shown == view for t in told),
        "precision": float(np.mean(said)) if said else None,
        "precision_views_alike": rates[view] / sum(rates.values()) if sum(rates.values()) else None,
        "recall": rates[view],
    }


def view_rows(figures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The figures as rows of a table."""
    rows: dict[str, dict[str, Any]] = {}
    for source, parts in figures.items():
        for part, one in parts.items():
            rows |= {f"{source}, {part}: {view}": row for view, row in one["views"].items()}
    overall = {f"{source}, {part}": one["all"] for source, parts in figures.items() for part, one in parts.items()}
    return rows | overall


def view_targets(figures: Mapping[str, Any]) -> list[Target]:
    """Fronts, which the ingest takes: precision and recall by source and part."""
    return [
        Target(f"{source}, {part}: front, {name}", AIM, one["views"]["front"][name])
        for source, parts in figures.items()
        for part, one in parts.items()
        for name in ("precision", "recall")
        if "front" in one["views"]
    ]


def write_view_sheet(told: Sequence[Told], folder: Path, most: int = 48) -> Path:
    """One PNG of the pictures told wrongly, with what they show and what was told."""
    folder.mkdir(parents=True, exist_ok=True)
    wrong = [t for t in told if t.view != t.case.shown][:most]
    lines = ((t.case.name[-26:], f"{t.case.part}: {t.case.shown} told {t.view}") for t in wrong)
    path = folder / "views-wrong.png"
    cv2.imwrite(str(path), captioned_sheet([t.case.pixels for t in wrong], list(lines))[..., ::-1])
    return path
