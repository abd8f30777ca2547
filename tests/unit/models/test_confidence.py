"""A profile's tables of confidence: kept, refused where damaged, and ignored where the scores are others now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ModelUnavailable
from engine.retrieval.confidence import EVERY, NO_CONFIDENCES, Confidences, ConfidenceTable
from models.confidence import FILE, read_confidences, scored_by, write_confidences
from models.registry import load_folder
from tests.fixtures.tiny_models import write_tiny_profile

TABLE = ConfidenceTable((0.1, 0.9), (0.2, 0.8))


def test_a_profile_has_the_tables_that_were_written_for_it(tmp_path: Path) -> None:
    """With its own models' name on them; a profile without has none."""
    folder = write_tiny_profile(tmp_path / "tiny")
    models = load_folder(folder)
    assert models.calibrations.confidences == NO_CONFIDENCES
    made_of = scored_by(models.visual.fingerprint, models.semantic.fingerprint, models.calibrations)
    write_confidences(folder, Confidences(made_of, {EVERY: TABLE}))
    assert load_folder(folder).calibrations.confidences.of("upper_wear", 0.5) == pytest.approx(0.5)


def test_tables_of_other_models_are_not_used(tmp_path: Path) -> None:
    """Other weights, another calibration: the scores mean something else, and nothing is promised."""
    models = load_folder(write_tiny_profile(tmp_path / "tiny"))
    read = models.calibrations
    name = scored_by("visual", "semantic", read)
    write_confidences(tmp_path, Confidences(name, {EVERY: TABLE}))
    assert read_confidences(tmp_path, name).tables == {EVERY: TABLE}
    moved = replace(read, semantic=replace(read.semantic, midpoint=read.semantic.midpoint + 0.1))
    for other in (scored_by("visual", "another", read), scored_by("visual", "semantic", moved)):
        assert other != name
        assert read_confidences(tmp_path, other) == NO_CONFIDENCES


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"made_of": "m", "tables": {"*": {"scores": [0.9, 0.1], "confidence": [0.1, 0.9]}}}',
        '{"made_of": "m", "tables": {"*": {"scores": [0.1, 0.9], "confidence": [0.5]}}}',
        '{"made_of": "m", "tables": {"*": {"scores": [], "confidence": []}}}',
        '{"made_of": "m", "tables": {"*": {"scores": [0.1, 0.9], "confidence": [0.5, 1.5]}}}',
    ],
)
def test_damaged_tables_are_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    """Half a file, scores that fall, too few values, none, more than certain."""
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ModelUnavailable, match="thatlook eval calibration --fit"):
        read_confidences(tmp_path, "m")
