"""The segmenter's schedule: what grows and what falls as a training goes on."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from models.train.commands import train
from models.train.data.build import SceneMix
from models.train.segmenter.training import BY_THE_CLOCK, _overrides, planned, served_size, size_at

SIZES = ((0.0, 192), (0.42, 256), (0.8, 320))


def test_pictures_grow_with_progress() -> None:
    """Each size holds from its own share of the training on."""
    assert [size_at(p, SIZES) for p in (0.0, 0.41, 0.42, 0.79, 0.8, 1.2)] == [192, 192, 256, 256, 320, 320]


def test_what_goes_on_starts_gently_and_ends_upright(tmp_path: Path) -> None:
    """From scratch it is square; from weights slower, cut to people, and served with room for landscapes."""
    fresh, further = planned(SceneMix(), tmp_path), planned(SceneMix(), tmp_path, tmp_path)
    assert served_size(fresh) == (320, 320)
    assert served_size(further) == (384, 288)
    assert further.learning_rate < fresh.learning_rate
    assert further.init == tmp_path


def test_layers_are_frozen_only_where_weights_are_given(tmp_path: Path) -> None:
    """ultralytics is told how many; without weights to keep, that is a slip of the caller's."""
    frozen = planned(SceneMix(), tmp_path, tmp_path, freeze=10)
    assert _overrides(frozen, tmp_path, None)["freeze"] == 10
    assert _overrides(planned(SceneMix(), tmp_path), tmp_path, None)["freeze"] is None
    asked = ["segmenter", "--add", str(tmp_path), "--freeze", "10", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(train, asked)
    assert result.exit_code == 2
    assert "give --init" in result.output
    assert CliRunner().invoke(train, [*asked[:3], "--keep", "0.3", *asked[5:]]).exit_code == 2


def test_a_training_by_the_clock_looks_at_it_within_an_epoch_of_all_photos(tmp_path: Path) -> None:
    """On a busy machine an epoch of many photos takes longer than the whole training may."""
    assert planned(SceneMix(), tmp_path, tmp_path, hours=1.0).epoch_batches == BY_THE_CLOCK
    assert planned(SceneMix(), tmp_path, tmp_path, epochs=3).epoch_batches is None
