"""The packages under packaging/ that stand in for others."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import pytest

pytest.importorskip("xtcocotools", reason="the extra train is not installed")


def _evaluation(shift: float, sigmas: list[float] | None) -> Any:
    """One person of area 10,000 with three keypoints, detected `shift` pixels off."""
    from pycocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval

    points = [10.0, 10.0, 2, 50.0, 50.0, 2, 90.0, 90.0, 2]
    truth, seen = COCO(), COCO()
    person = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 100, 100], "area": 10_000.0, "id": 1}
    truth.dataset = {
        "images": [{"id": 1}],
        "categories": [{"id": 1}],
        "annotations": [person | {"keypoints": points, "num_keypoints": 3, "iscrowd": 0}],
    }
    moved = [value + shift if index % 3 == 0 else value for index, value in enumerate(points)]
    seen.dataset = truth.dataset | {"annotations": [person | {"keypoints": moved, "score": 0.9}]}
    truth.createIndex()
    seen.createIndex()
    return COCOeval(truth, seen, "keypoints", sigmas)


def test_keypoints_are_judged_by_the_given_sigmas(capsys: pytest.CaptureFixture[str]) -> None:
    """Object keypoint similarity is exp(-d² / (2 · area · (2 sigma)²)) with the sigmas handed in."""
    evaluation = _evaluation(10.0, [0.05, 0.05, 0.05])
    evaluation.evaluate()
    assert evaluation.ious[1, 1].item() == pytest.approx(2.718281828 ** -(100 / (2 * 10_000 * 0.1**2)), rel=1e-6)


def test_what_only_the_real_one_can_do_is_refused() -> None:
    """Crowd evaluation is not quietly computed in another way."""
    from xtcocotools.cocoeval import COCOeval

    with pytest.raises(NotImplementedError, match="real xtcocotools"):
        COCOeval(iouType="keypoints_crowd")
    with pytest.raises(NotImplementedError, match="use_area=False"):
        COCOeval(use_area=False)


def test_chumpy_says_what_it_is() -> None:
    """Whoever wants something of chumpy is told that it is not there."""
    import chumpy

    with pytest.raises(AttributeError, match="stand-in"):
        _ = chumpy.array


def test_one_opencv() -> None:
    """opencv-python has no files of its own, so that cv2 is the headless build's."""
    stand_in = importlib.metadata.distribution("opencv-python")
    if [path for path in stand_in.files or [] if path.name == "__init__.py"]:
        pytest.skip("this environment has the real opencv-python, not the one of the lock")
    headless = importlib.metadata.files("opencv-python-headless") or []
    assert any(str(path).startswith("cv2/") for path in headless)
    assert stand_in.version == importlib.metadata.version("opencv-python-headless")
