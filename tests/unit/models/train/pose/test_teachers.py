"""Two teachers label people anew: what they agree on, what they leave open, and what the shop's own word overrules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.domain import Pixels
from models.train.data.keypoints.pose import ABSENT, SURE, PoseLabel
from models.train.pose.teachers import UNSURE, Agreement, Finder, agreed, taught

BOX = (30.0, 10.0, 70.0, 190.0)


def standing(half: float = 12.0) -> NDArray[np.float32]:
    """A person from the front: shoulders and hips `half` pixels from the middle, everything seen."""
    keypoints = np.full((17, 3), (50.0, 30.0, 0.9), np.float32)
    for left, y in ((5, 50), (7, 70), (9, 90), (11, 100), (13, 140), (15, 180)):
        keypoints[left], keypoints[left + 1] = (50 + half, y, 0.9), (50 - half, y, 0.9)
    return keypoints


def finder(keypoints: NDArray[np.float32] | None, box: tuple[float, float, float, float] = BOX) -> Finder:
    """Finds one person, or nobody."""

    def find(pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if keypoints is None:
            return np.zeros((0, 4), np.float32), np.zeros((0, 17, 3), np.float32)
        return np.array([box], np.float32), keypoints[None].copy()

    return find


def label(folder: Path, view: str = "street", facing: str | None = "front") -> PoseLabel:
    path = folder / f"{view}.png"
    Image.fromarray(np.full((200, 100, 3), 128, np.uint8)).save(path)
    old = np.zeros((17, 3), np.float32)
    return PoseLabel(path, BOX, old, view, facing)


def test_where_both_see_the_same_the_middle_is_taken() -> None:
    """Two pixels apart on a person of 180 is agreement; the score is the mean of theirs."""
    first, second = standing(), standing()
    second[9, :2] += (2, 0)
    second[9, 2] = 0.7
    found = agreed(first, second, 180, Agreement())
    assert found[9].tolist() == pytest.approx([63.0, 90.0, 0.8])


@pytest.mark.parametrize(
    ("move", "scores", "kept"),
    [(30, (0.9, 0.9), UNSURE), (0, (0.9, 0.1), UNSURE), (0, (0.4, 0.4), UNSURE), (40, (0.1, 0.2), 0.0)],
)
def test_where_they_differ_nobody_knows(move: float, scores: tuple[float, float], kept: float) -> None:
    """Far apart, one alone, or both half sure: left out of the loss. Where neither sees one, it is absent."""
    first, second = standing(), standing()
    second[9, 0] += move
    first[9, 2], second[9, 2] = scores
    assert agreed(first, second, 180, Agreement())[9, 2] == pytest.approx(kept)
    assert ABSENT < UNSURE < SURE


def test_a_street_photo_s_facing_is_read_anew(tmp_path: Path) -> None:
    """Shoulders close together are a side, whatever was thought before."""
    both = finder(standing(2)), finder(standing(2))
    (side,) = taught([label(tmp_path)], both, tmp_path / "said.jsonl")
    assert side.facing == "side"


def test_whoever_only_one_finds_keeps_the_old_label(tmp_path: Path) -> None:
    """Nobody found, or somebody elsewhere in the picture."""
    old = label(tmp_path)
    for other in (finder(None), finder(standing(), (0.0, 0.0, 20.0, 40.0))):
        (kept,) = taught([old], (finder(standing()), other), tmp_path / f"{id(other)}.jsonl")
        assert kept is old


def test_the_shop_s_word_overrules_teachers(tmp_path: Path) -> None:
    """Shoulders of a front in a picture named back are not learned; of a real back the nose is taken away."""
    back = label(tmp_path, "back", "back")
    front_like = finder(standing()), finder(standing())
    assert taught([back], front_like, tmp_path / "a.jsonl") == [back]
    turned = finder(standing(-12)), finder(standing(-12))
    (learned,) = taught([back], turned, tmp_path / "b.jsonl")
    assert (learned.facing, learned.keypoints[0, 2], learned.keypoints[5, 0]) == ("back", 0.0, 38.0)


def test_teachers_are_asked_once(tmp_path: Path) -> None:
    """What they said is kept, nothing found included, so that a training that goes on does not wait for them again."""
    said = tmp_path / "said.jsonl"
    labels = [label(tmp_path), label(tmp_path, "front")]
    first = taught(labels, (finder(standing()), finder(standing())), said)
    assert [json.loads(line)["file"] for line in said.read_text().splitlines()] == ["street.png", "front.png"]

    def refuse(pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        raise AssertionError("asked again")

    again = taught(labels, (refuse, refuse), said)
    assert all(np.allclose(a.keypoints, b.keypoints, atol=1e-3) for a, b in zip(first, again, strict=True))


def test_half_a_line_of_a_run_that_was_cut_off_is_asked_for_again(tmp_path: Path) -> None:
    """The others stay; afterwards the file is whole."""
    said = tmp_path / "said.jsonl"
    labels = [label(tmp_path), label(tmp_path, "front")]
    both = finder(standing()), finder(standing())
    taught(labels, both, said)
    whole = said.read_text()
    said.write_text(whole[:-40])
    taught(labels, both, said)
    assert said.read_text() == whole
