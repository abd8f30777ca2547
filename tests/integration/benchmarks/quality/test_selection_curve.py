"""A curve of labels: rare kinds are found sooner by doubt and distance, and both ways begin alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the group `train`")

from benchmarks.quality.selection_curve import Kinds, curve, mean_average_precision, read_kinds, table_rows
from engine.errors import QueryRejected
from models.train.selection.selection import spread_out


def clusters(counts: list[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Kinds around directions of their own, so many of each."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(len(counts)), counts)
    return np.eye(8)[kinds] * 3 + rng.normal(size=(len(kinds), 8)), kinds


def test_picked_labels_find_rare_kinds_sooner() -> None:
    """One kind is nine in ten of the pool: by 40 labels the picked head knows the others better, in most seeds."""
    pool, judged = clusters([540, 20, 20, 20], 1), clusters([30, 30, 30, 30], 2)
    figures = curve(Kinds(*pool, *judged), labels=(12, 40), seeds=4)
    first, second = figures["by_labels"]["12"], figures["by_labels"]["40"]
    assert first["select"] == first["random"]
    assert first["seeds_won"] == 0
    assert second["select"] > second["random"] + 0.02
    assert second["seeds_won"] >= 3
    assert list(table_rows(figures)) == ["12 labels", "40 labels"]
    assert curve(Kinds(*pool, *judged), labels=(12, 40), seeds=4) == figures


def test_mean_average_precision_by_hand() -> None:
    """Of two kinds one is ranked perfectly, of the other the single right one comes second."""
    chances = np.array([[0.9, 0.1], [0.8, 0.4], [0.1, 0.3]])
    assert mean_average_precision(chances, np.array([0, 0, 1])) == pytest.approx((1.0 + 0.5) / 2)


def test_doubt_counts_as_much_as_distance() -> None:
    """The most doubtful first; then one far from it, though others doubt more; nothing twice."""
    rows = np.array([[1.0, 0], [1.0, 0], [0, 1.0]])
    assert [place for place, _ in spread_out(rows, np.array([0.9, 0.8, 0.3]), 3)] == [0, 2, 1]
    assert spread_out(rows, np.array([0.9, 0.8, 0.3]), 2)[0] == (0, 1.0)


def test_a_curve_needs_a_folder_of_crops(tmp_path: Path) -> None:
    """Said plainly."""
    with pytest.raises(QueryRejected, match="--cache"):
        read_kinds(tmp_path, None)
