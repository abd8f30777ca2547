"""The precision that `eval text` reports, on a handful of garments whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.retrieval.crops import HeldOut, read_held_out, write_sheet
from benchmarks.quality.retrieval.text import TextTruth, by_color, mean_of
from engine.errors import QueryRejected
from engine.taxonomy import load_taxonomy
from models.train.clip.evaluation import facts_for
from models.train.data.crops import CropRecord


def _record(n: int, category: str, label: str, colour: str) -> CropRecord:
    return CropRecord("test", "val", f"p{n}", f"p{n}", label, category, "flat", (colour,))


JACKETS = [_record(n, "jacket", "outerwear", "navy") for n in range(5)]
UNSAID = [_record(5, "outwear", "outerwear", "navy"), _record(6, "outwear", "outerwear", "navy")]
OTHERS = [_record(7, "jacket", "outerwear", "black"), _record(8, "dress", "dress", "red")]
RECORDS = (*JACKETS, *UNSAID, *OTHERS)


def _truth() -> tuple[TextTruth, int]:
    known = TextTruth.of(facts_for(RECORDS))
    return known, [q.text for q in known.queries].index("navy jacket")


def test_only_queries_with_five_right_answers_are_asked() -> None:
    """Navy, navy jacket and navy outerwear are; the one red dress is not."""
    known, _ = _truth()
    assert {q.text for q in known.queries} == {"navy", "navy jacket", "navy outerwear"}


def test_precision_counts_strictly_decidably_and_with_neighbours() -> None:
    """Two coats of unsaid kind first, then three jackets, a black jacket and a dress; five are right."""
    known, number = _truth()
    case = known.judge(number, [5, 6, 0, 1, 2, 7, 8, 3, 4])
    assert case.precision == pytest.approx(3 / 5)
    assert case.decidable == pytest.approx(3 / 5)
    assert case.with_neighbours == pytest.approx(1)
    assert case.right == (False, False, True, True, True)
    assert known.judge(number, [5, 6, 0, 1, 2, 3, 4]).decidable == pytest.approx(1)


def test_places_that_nothing_fills_are_wrong() -> None:
    """A search that gives two right answers where five exist has not found the other three."""
    known, number = _truth()
    assert known.judge(number, [0, 1]).precision == pytest.approx(2 / 5)
    assert mean_of([known.judge(number, [0, 1]), known.judge(number, [])])["precision_at_10"] == pytest.approx(1 / 5)


def test_the_baseline_ranks_by_color_alone(tmp_path: Path) -> None:
    """The garment with most of the named colour comes first, whatever it is; the sheet shows the answer."""
    crops = np.full((9, 24, 24, 4), 255, np.uint8)
    crops[..., :3] = (20, 20, 20)
    crops[8, ..., :3], crops[0, :8, :, :3] = (28, 34, 70), (28, 34, 70)
    held = HeldOut(RECORDS, crops, load_taxonomy())
    known, number = _truth()
    ranked = by_color(held, known)(number)
    assert list(ranked[:2]) == [8, 0]
    write_sheet(tmp_path / "sheets" / "s.png", held, [("navy jacket 0.50", [(8, False), (0, True)])])
    assert (tmp_path / "sheets" / "s.png").stat().st_size > 100


def test_a_folder_without_the_data_is_refused_by_name(tmp_path: Path) -> None:
    """The message names what is missing."""
    (tmp_path / "ccp").mkdir()
    with pytest.raises(QueryRejected, match="clothing_dataset, magento_catalog"):
        read_held_out(tmp_path)


def test_colors_of_another_name_do_not_count() -> None:
    """A record is right by its main colour alone."""
    known = TextTruth.of(facts_for([*JACKETS, replace(JACKETS[0], colours=("black", "navy"))]))
    number = [q.text for q in known.queries].index("navy jacket")
    assert known.sure[:, number].tolist() == [True] * 5 + [False]
