"""`thatlook eval calibration`: how reliable each supercategory is, and the fit of what turns scores to confidence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.calibration.answers import Scored, held_out_answers, unseen_answers
from benchmarks.quality.report import Target
from engine.retrieval.confidence import Confidences, ConfidenceTable
from engine.retrieval.search import Calibrations
from engine.vision.pipeline import VisionPipeline
from models.confidence import scored_by

BINS = 10
MOST_ECE = 0.05
ENOUGH = 100
"""Hits that a supercategory must have of its own to get a table of its own."""
PARTS, PART_HITS = 8, 60
TOLD = 300
"""Hits below which an error is mostly chance, and no target is set."""


def fit_table(scored: Scored) -> ConfidenceTable:
    """A rising curve through the shares that are right, in a few parts of as many hits each.

    Isotonic regression (Zadrozny and Elkan 2002) over the parts' means: of a logistic on log-odds and of 6, 8, 10 and
    16 parts the one with the least error on held-out garments, each half told by the other. So confidence never falls
    as the score rises. It is nothing at a score of 0: there are too few such hits to tell, and in a catalogue that
    holds nothing alike there would be many.
    """
    from sklearn.isotonic import IsotonicRegression

    parts = np.array_split(np.argsort(scored.scores, kind="stable"), _parts(len(scored.right)))
    scores = np.array([scored.scores[part].mean() for part in parts])
    shares = np.array([scored.right[part].mean() for part in parts])
    weights = [len(part) for part in parts]
    risen = IsotonicRegression(y_min=0.01, y_max=0.99).fit_transform(scores, shares, sample_weight=weights)
    return ConfidenceTable((0.0, *scores.round(4).tolist()), (0.0, *risen.round(4).tolist()))


def _parts(hits: int) -> int:
    """So many parts that each has hits enough for its share to mean something."""
    return min(PARTS, max(3, hits // PART_HITS))


def fit_confidences(scored: Scored, made_of: str) -> Confidences:
    """A table of each supercategory with hits enough, right ones and wrong ones; nothing is promised of the others."""
    tables = {}
    for name in sorted(set(scored.supercategories.tolist())):
        mine = scored.only(scored.supercategories == name)
        if len(mine.right) >= ENOUGH and 0 < mine.right.mean() < 1:
            tables[name] = fit_table(mine)
    return Confidences(made_of, tables)


def expected_calibration_error(promised: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The mean distance of what is promised from the share that is right, over bins of as many hits each.

    Source: Naeini et al. 2015; bins of equal mass as in Nixon et al. 2019, arXiv:1904.01685.
    """
    order = np.argsort(promised, kind="stable")
    bins = [each for each in np.array_split(order, BINS) if len(each)]
    return float(sum(len(b) * abs(promised[b].mean() - right[b].mean()) for b in bins) / len(right))


def reliability(promised: NDArray[np.float64], right: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """(promised, right, hits) of each bin."""
    order = np.argsort(promised, kind="stable")
    return [(float(promised[b].mean()), float(right[b].mean()), len(b)) for b in np.array_split(order, BINS) if len(b)]


def evaluate_calibration(
    pipeline: VisionPipeline, calibrations: Calibrations, data: Path
) -> tuple[dict[str, Any], Confidences]:
    """Figures by source and supercategory, and the tables fitted on the held-out products.

    What `held out` tells of each half of these products is by tables of the other half; nothing of the unseen shop has
    a part in any fit, and it is told by the tables of both halves, which are those that come back.
    """
    held = held_out_answers(pipeline, calibrations, data)
    made_of = scored_by(pipeline.visual.fingerprint, pipeline.semantic.fingerprint, calibrations)
    unseen, fitted = unseen_answers(pipeline, calibrations, data), fit_confidences(held, made_of)
    return {
        "held out": figures_of(held, promised_across(held)),
        "unseen shop": figures_of(unseen, promised_by(fitted, unseen)),
    }, fitted


def promised_across(scored: Scored) -> NDArray[np.float64]:
    """What tables of the one half of the products say of the other half's hits, and the other way round."""
    promised = np.zeros(len(scored.scores))
    for half in (0, 1):
        mine = scored.halves == half
        promised[mine] = promised_by(fit_confidences(scored.only(~mine), ""), scored.only(mine))
    return promised


def figures_of(scored: Scored, promised: NDArray[np.float64]) -> dict[str, Any]:
    """By supercategory and of all: hits, the share that is right, the errors of score and of confidence, the bins."""
    names = sorted(set(scored.supercategories.tolist()))
    parts = {name: scored.supercategories == name for name in names} | {"all": np.ones(len(promised), bool)}
    return {name: _figures(scored.only(part), promised[part]) for name, part in parts.items()}


def _figures(scored: Scored, promised: NDArray[np.float64]) -> dict[str, Any]:
    told = ~np.isnan(promised)
    return {
        "hits": len(scored.right),
        "right": float(scored.right.mean()),
        "told": float(told.mean()),
        "ece_score": expected_calibration_error(scored.scores, scored.right),
        "ece_confidence": expected_calibration_error(promised[told], scored.right[told]) if told.any() else None,
        "bins": reliability(promised[told], scored.right[told]),
    }


def promised_by(confidences: Confidences, scored: Scored) -> NDArray[np.float64]:
    """What the tables say of each hit, NaN where they say nothing."""
    pairs = zip(scored.supercategories.tolist(), scored.scores.tolist(), strict=True)
    found = [confidences.of(name, score) for name, score in pairs]
    return np.array([np.nan if each is None else each for each in found], np.float64)


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """An expected calibration error of at most 0.05 in each supercategory with hits enough, as its negative."""
    return [
        Target(f"{source}, {name}, minus the error", -MOST_ECE, -row["ece_confidence"])
        for source, rows in figures.items()
        for name, row in rows.items()
        if row["hits"] * row["told"] >= TOLD
    ]


def table_rows(figures: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """For people: errors by source and supercategory, and below them the reliability of each."""
    rows = {
        f"{source}: {name}": {key: value for key, value in row.items() if key != "bins"}
        for source, found in figures.items()
        for name, row in found.items()
    }
    bins = {
        f"{source}: {name}, bin {n}": {"promised": promised, "right": right, "hits in it": count}
        for source, found in figures.items()
        for name, row in found.items()
        for n, (promised, right, count) in enumerate(row["bins"], 1)
        if name == "all"
    }
    return {**rows, **bins}


def write_plot(path: Path, figures: Mapping[str, Any]) -> None:
    """The reliability of every supercategory in each source: what was promised against what was right."""
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(6 * len(figures), 5))
    for axes, (source, rows) in zip(sheet.subplots(1, len(figures), squeeze=False)[0], figures.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
        for name, row in rows.items():
            if row["hits"] * row["told"] >= ENOUGH:
                promised, right, _ = zip(*row["bins"], strict=True)
                axes.plot(promised, right, marker="o", label=f"{name}, ECE {row['ece_confidence']:.3f}")
        axes.set(title=source, xlabel="confidence", ylabel="share of the same article", xlim=(0, 1), ylim=(0, 1))
        axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.savefig(path, dpi=100)
