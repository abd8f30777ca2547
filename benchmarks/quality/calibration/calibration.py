"""`thatlook eval calibration`: how reliable each supercategory is, and the fit of what turns scores to confidence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.calibration.answers import Scored, held_out_answers, unseen_answers
from benchmarks.quality.report import Target
from engine.retrieval.confidence import EVERY, Confidences, ConfidenceTable
from engine.retrieval.search import Calibrations
from engine.vision.pipeline import VisionPipeline
from models.confidence import scored_by

BINS = 10
MOST_ECE = 0.05
ENOUGH = 100
"""Hits that a supercategory must have of its own to get a table of its own."""
POINTS = 9
_EDGE = 1e-4


def log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores as log-odds, which a logistic is fitted on."""
    clipped = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)


def fit_table(scored: Scored) -> ConfidenceTable:
    """A rising curve through the hits: a logistic on log-odds (Platt 1999), at the scores that there are.

    It has two numbers, so that a few hundred hits are enough, and it never ties two scores: confidence ranks as scores.
    """
    from sklearn.linear_model import LogisticRegression

    odds = log_odds(scored.scores)[:, None]
    fitted = LogisticRegression(C=1e3).fit(odds, scored.right)
    slope = max(float(fitted.coef_[0, 0]), 1e-3)
    offset = float(fitted.intercept_[0])
    points = np.unique(np.quantile(scored.scores, np.linspace(0, 1, POINTS)).round(4))
    shares = 1 / (1 + np.exp(-(slope * log_odds(points) + offset)))
    return ConfidenceTable(tuple(map(float, points)), tuple(map(float, shares.round(4))))


def fit_confidences(scored: Scored, made_of: str) -> Confidences:
    """A table of each supercategory with hits enough of both kinds, and one of all."""
    tables = {EVERY: fit_table(scored)}
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
    """Figures by source and supercategory, and the tables fitted on one half of the held-out products.

    The other half of these is what `held out` tells of; nothing of the unseen shop has a part in the fit.
    """
    held = held_out_answers(pipeline, calibrations, data)
    made_of = scored_by(pipeline.visual.fingerprint, pipeline.semantic.fingerprint, calibrations)
    fitted = fit_confidences(held.only(held.halves == 0), made_of)
    sources = {"held out": held.only(held.halves == 1), "unseen shop": unseen_answers(pipeline, calibrations, data)}
    return {source: figures_of(scored, calibrations.confidences, fitted) for source, scored in sources.items()}, fitted


def figures_of(scored: Scored, served: Confidences, fitted: Confidences) -> dict[str, Any]:
    """By supercategory and of all: hits, the share that is right, the errors of score and of confidence, the bins."""
    names = sorted(set(scored.supercategories.tolist()))
    parts = {name: scored.only(scored.supercategories == name) for name in names} | {"all": scored}
    return {name: _figures(part, served, fitted) for name, part in parts.items()}


def _figures(scored: Scored, served: Confidences, fitted: Confidences) -> dict[str, Any]:
    found: dict[str, Any] = {"hits": len(scored.right), "right": float(scored.right.mean())}
    ways = {"score": scored.scores, "fitted": promised_by(fitted, scored)}
    if served.tables:
        ways["served"] = promised_by(served, scored)
    found |= {f"ece_{way}": expected_calibration_error(each, scored.right) for way, each in ways.items()}
    return found | {"bins": reliability(ways["fitted"], scored.right)}


def promised_by(confidences: Confidences, scored: Scored) -> NDArray[np.float64]:
    """What the tables say of each hit."""
    pairs = zip(scored.supercategories.tolist(), scored.scores.tolist(), strict=True)
    return np.array([confidences.of(name, score) for name, score in pairs], np.float64)


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """An expected calibration error of at most 0.05 in each supercategory with hits enough, as its negative."""
    way = "ece_served" if "ece_served" in figures["held out"]["all"] else "ece_fitted"
    return [
        Target(f"{source}, {name}, minus {way}", -MOST_ECE, -row[way])
        for source, rows in figures.items()
        for name, row in rows.items()
        if row["hits"] >= ENOUGH
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
            if row["hits"] >= ENOUGH:
                promised, right, _ = zip(*row["bins"], strict=True)
                axes.plot(promised, right, marker="o", label=f"{name}, ECE {row['ece_fitted']:.3f}")
        axes.set(title=source, xlabel="confidence", ylabel="share of the same article", xlim=(0, 1), ylim=(0, 1))
        axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.savefig(path, dpi=100)
