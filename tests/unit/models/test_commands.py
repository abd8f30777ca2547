"""`thatlook detect`, `pose` and `models`, through the real program, on a tiny profile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tests.fixtures.tiny_models import write_tiny_profile
from thatlook.cli import thatlook


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose profile is tiny, with two pictures in it."""
    monkeypatch.setenv("THATLOOK_PROFILE", "tiny")
    monkeypatch.setenv("THATLOOK_THREADS", "1")
    write_tiny_profile(tmp_path / "models" / "tiny")
    Image.new("RGB", (640, 320), "white").save(tmp_path / "wide.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    return tmp_path


def call(home: Path, *args: str) -> Result:
    """Run the program."""
    return CliRunner().invoke(thatlook, ["--home", str(home), *args], catch_exceptions=False)


def documents(result: Result) -> Any:
    """The one JSON document on stdout."""
    return json.loads(result.stdout)


def test_detect_prints_the_agreed_form(home: Path) -> None:
    """Pixels of the picture; the tiny segmenter's 64 x 64 input holds a 640 x 320 picture in rows 16 to 48."""
    path = str(home / "wide.png")
    result = call(home, "detect", path, "--json")
    assert result.exit_code == 0
    (entry,) = documents(result)
    assert entry.keys() == {"image", "width", "height", "garments"}
    assert (entry["image"], entry["width"], entry["height"]) == (path, 640, 320)
    shirt, trousers = entry["garments"]
    assert shirt.keys() == {"class", "supercategory", "score", "box", "polygons", "also"}
    assert (shirt["class"], shirt["supercategory"], shirt["score"]) == ("upper_wear", "upper_wear", 0.8)
    assert shirt["box"] == [200, 0, 440, 140]
    assert sorted(shirt["polygons"][0]) == [[200, 0], [200, 140], [440, 0], [440, 140]]
    assert trousers["box"] == [200, 150, 440, 320]


def test_pose_prints_the_agreed_form(home: Path) -> None:
    """Seventeen keypoints with scores, and the gate's verdict."""
    (entry,) = documents(call(home, "pose", str(home / "wide.png"), "--json"))
    assert list(entry) == ["image", "people", "view", "full_shot", "keep", "reason", "keypoints"]
    assert (entry["people"], entry["view"]) == (1, "front")
    assert np.array(entry["keypoints"]).shape == (17, 3)
    assert entry["keypoints"][0][2] == pytest.approx(0.9)


def test_an_unreadable_picture_is_told_and_the_rest_goes_on(home: Path) -> None:
    """Exit 1, one line on stderr, the others' results on stdout."""
    result = call(home, "detect", str(home / "broken.jpg"), str(home / "wide.png"), "--json")
    assert result.exit_code == 1
    assert [Path(entry["image"]).name for entry in documents(result)] == ["wide.png"]
    assert result.stderr.count("\n") == 1
    assert "broken.jpg" in result.stderr


def test_drawings_show_the_garments(home: Path) -> None:
    """A white picture gets colour where the shirt is, and none outside the garments."""
    drawn = home / "drawn"
    for _ in range(2):
        assert call(home, "detect", str(home / "wide.png"), "--draw", str(drawn)).exit_code == 0
    assert sorted(p.name for p in drawn.iterdir()) == ["wide-2.png", "wide.png"]
    pixels = np.asarray(Image.open(drawn / "wide.png"))
    assert pixels.shape == (320, 640, 3)
    assert pixels[100, 320].std() > 20
    assert (pixels[300, 100] == 255).all()
    assert call(home, "pose", str(home / "wide.png"), "--draw", str(home / "posed")).exit_code == 0
    assert (np.asarray(Image.open(home / "posed" / "wide.png")) != 255).any()


def test_people_read_tables(home: Path) -> None:
    """Without --json."""
    assert "lower_wear" in call(home, "detect", str(home / "wide.png")).stderr
    assert "front" in call(home, "pose", str(home / "wide.png")).stderr


def test_profiles_are_listed_with_their_models(home: Path) -> None:
    """One entry per role, with the fingerprint that collections carry."""
    entries = [e for e in documents(call(home, "models", "list", "--json")) if e["profile"] == "tiny"]
    assert [e["role"] for e in entries] == ["segmenter", "pose", "visual", "semantic_image", "semantic_text"]
    visual = entries[2]
    assert (visual["dim"], visual["input_size"], len(visual["fingerprint"])) == (48, [32, 32], 64)
    assert visual["size_bytes"] == (home / "models" / "tiny" / "visual.onnx").stat().st_size
    assert "tiny" in call(home, "models", "list").stderr


def test_verification_names_the_broken_model(home: Path) -> None:
    """Exit 0 when all is well; 1 and the file's name when one was changed."""
    good = call(home, "models", "verify", "tiny", "--json")
    assert good.exit_code == 0
    assert [c["ok"] for c in documents(good)] == [True] * 5
    (home / "models" / "tiny" / "pose.onnx").write_bytes(b"changed")
    bad = call(home, "models", "verify", "tiny", "--json")
    assert bad.exit_code == 1
    assert [c["role"] for c in documents(bad) if not c["ok"]] == ["pose"]
    assert call(home, "models", "verify", "absent").exit_code == 1
