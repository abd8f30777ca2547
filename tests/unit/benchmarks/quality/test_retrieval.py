"""Questions to a catalogue of photos, and the figures made of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from benchmarks.quality.commands import evaluate
from benchmarks.quality.retrieval.cases import Photo, Question, Shown, as_product, back_to_front, other_color
from benchmarks.quality.retrieval.fused_gallery import Exhibit
from benchmarks.quality.retrieval.rankings import Plain, Ranker, chance, engines, histogram
from benchmarks.quality.retrieval.retrieval import (
    SEEN,
    average_precision,
    class_agreement,
    misses,
    rates,
    targets,
    tasks_figures,
)
from benchmarks.quality.retrieval.sheet import CELL, write_errors
from engine.domain import Crop
from engine.retrieval.search import Calibrations
from engine.seams import Calibration
from engine.taxonomy import load_taxonomy
from engine.vision.pipeline import VisionPipeline

RED, NAVY, GREEN = (196, 28, 36), (22, 28, 62), (40, 128, 62)


def _shown(identity: str, view: str, color: tuple[int, int, int], *, held_out: bool = True, seen: bool = True) -> Shown:
    photo = Photo(Path("p.jpg"), 0, "luma", identity[0], identity, view, "upper_wear", held_out)
    pixels = np.full((40, 30, 3), 255, np.uint8)
    pixels[5:-5, 5:-5] = color
    crop = Crop(pixels, np.ones((40, 30), bool))
    return Shown(photo, Exhibit(as_product(photo), "upper_wear", "upper_wear", crop) if seen else None)


SHOWN = [
    _shown("a-red", "front", RED),
    _shown("a-navy", "front", NAVY),
    _shown("b-green", "front", GREEN, held_out=False),
    _shown("a-navy", "back", NAVY),
    _shown("a-red", "back", RED, seen=False),
]


class _MeanColor:
    """Embeds a crop as its mean colour."""

    fingerprint, dim, calibration = "colour", 3, Calibration(0.5, 0.1)

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        rows = np.array([c.pixels.reshape(-1, 3).mean(0) for c in crops], np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_a_question_is_right_for_the_very_variant_only() -> None:
    """A back asks for its own colour; another colour's question leaves the query itself out."""
    assert back_to_front(SHOWN) == [Question(3, frozenset({"a-navy"})), Question(4, frozenset({"a-red"}))]
    assert other_color(SHOWN) == [
        Question(0, frozenset({"a-navy"}), frozenset({"a-red"})),
        Question(1, frozenset({"a-red"}), frozenset({"a-navy"})),
    ]


def test_the_engine_and_a_baseline_answer_the_same_questions() -> None:
    """The navy back finds the navy front first by every signal; what nobody saw finds nothing and counts as that."""
    model = _MeanColor()
    pipeline = VisionPipeline(SimpleNamespace(), SimpleNamespace(), model, model, model, load_taxonomy())  # type: ignore[arg-type]  # Nobody asks with words.
    mine = engines(pipeline, Calibrations(*[Calibration(0.5, 0.1)] * 3), SHOWN)
    plain = Plain(SHOWN, np.stack([histogram(s.exhibit.crop.pixels) if s.exhibit else np.zeros(600) for s in SHOWN]))
    seen, unseen = back_to_front(SHOWN)
    answerers: list[Ranker] = [*mine.values(), plain]
    for answer in answerers:
        assert answer(seen)[0] == "a-navy"
        assert set(answer(seen)) == {"a-red", "a-navy", "b-green"}
        assert answer(unseen) == []
    figures = tasks_figures(SHOWN, [seen, unseen], {"fused": mine["fused"]})
    assert figures["luma"]["fused"]["hit_rate_at_1"] == 0.5
    assert figures[SEEN]["fused"]["hit_rate_at_1"] == 1.0
    assert figures["both"]["chance"]["hit_rate_at_1"] == pytest.approx(1 / 6)


def test_excluded_products_are_no_answers() -> None:
    """A front that asks for another colour never gets itself."""
    plain = Plain(SHOWN, np.stack([histogram(s.exhibit.crop.pixels) if s.exhibit else np.zeros(600) for s in SHOWN]))
    assert "a-red" not in plain(other_color(SHOWN)[0])


def test_rates_and_precision() -> None:
    """Hits count once; precision counts every right answer and where it stands."""
    one = (Question(0, frozenset({"x", "y"})), ["x", "n", "y"])
    none = (Question(1, frozenset({"z"})), ["a", "b"])
    got = rates([one, none])
    assert (got["queries"], got["hit_rate_at_1"], got["hit_rate_at_5"]) == (2, 0.5, 0.5)
    assert average_precision(one[0].wanted, one[1]) == pytest.approx((1 + 2 / 3) / 2)
    assert got["mean_average_precision"] == pytest.approx((1 + 2 / 3) / 4)


def test_chance_is_that_of_drawing_blindly() -> None:
    """One right among three: one in three, and certain with three draws."""
    question = [Question(3, frozenset({"a-navy"}))]
    assert chance(SHOWN, question, 1) == pytest.approx(1 / 3)
    assert chance(SHOWN, question, 5) == pytest.approx(1)


def test_the_worst_come_first_and_the_right_not_at_all() -> None:
    """The sheet shows what went most wrong."""
    answers = {0: ["a", "b", "x"], 1: ["x"], 2: ["a", "x"]}
    worst = misses([Question(n, frozenset({"x"})) for n in answers], lambda q: answers[q.asked])
    assert [question.asked for question, _ in worst] == [0, 2]


def test_class_agreement() -> None:
    """Of the nearest, of all, and by majority."""
    got = class_agreement(["dress", "dress"], [["dress", "coat", "coat"], ["dress", "dress", "coat"]])
    assert (got["class_at_1"], got["class_precision_at_5"], got["class_by_majority"]) == (1.0, 0.5, 0.5)


def test_targets_compare_with_the_goal_and_with_mobilenet() -> None:
    """A figure may reach its goal and still lie below the plain baseline."""
    row = {"hit_rate_at_1": 0.7, "hit_rate_at_5": 0.8, "hit_rate_at_10": 0.9}
    base = {"hit_rate_at_1": 0.75, "hit_rate_at_5": 0.6, "hit_rate_at_10": 0.9}
    found = targets({"boxes": {"back_to_front": {"both": {"fused": row, "MobileNetV1": base}}}})
    assert [target.met for target in found] == [True, False, False, True, True]


def test_the_sheet_has_a_line_per_error(tmp_path: Path) -> None:
    """Query, wanted, answers."""
    path = tmp_path / "errors" / "sheet.png"
    write_errors(path, SHOWN, [(Question(3, frozenset({"a-navy"})), ["a-red", "a-navy"])])
    sheet = np.asarray(Image.open(path))
    assert sheet.shape[0] == CELL
    assert tuple(sheet[CELL // 2, CELL // 2]) == NAVY
    assert tuple(sheet[CELL // 2, 2 * CELL + CELL // 2]) == RED


def test_without_a_catalogue_people_are_told(tmp_path: Path) -> None:
    """A folder that holds no catalogue is named, and so is what is missing for a comparison."""
    for arguments, words in (([], "magento_catalog"), (["--compare"], "--cache")):
        result = CliRunner().invoke(evaluate, ["retrieval", "--data", str(tmp_path), *arguments])
        assert result.exit_code != 0
        assert words in str(result.exception)
