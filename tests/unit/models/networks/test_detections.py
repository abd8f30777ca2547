"""Non-maximum suppression against a plain one."""

from __future__ import annotations

import numpy as np

from models.networks.detections import Detections, named_here, suppress
from models.networks.overlap import box_iou


def detections(boxes: list[list[float]], scores: list[float], classes: list[int]) -> Detections:
    """Detections whose one coefficient is their place in the list."""
    return Detections(
        np.array(boxes, np.float32),
        np.array(scores, np.float32),
        np.array(classes),
        np.arange(len(boxes), dtype=np.float32)[:, None],
        np.array(scores, np.float32)[:, None] * np.eye(max(classes) + 1, dtype=np.float32)[classes],
    )


def test_iou_of_touching_nested_and_half_shifted_boxes() -> None:
    """By hand: 0, a quarter, a third."""
    boxes = np.array([[0, 0, 2, 2], [2, 0, 4, 2], [0, 0, 1, 1], [1, 0, 3, 2]], np.float32)
    iou = box_iou(boxes)
    np.testing.assert_allclose(iou[0], [1, 0, 0.25, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(iou, iou.T)


def test_only_boxes_of_one_class_suppress_each_other() -> None:
    """A shirt in a coat's place stays; a second shirt there goes; a chain is not followed."""
    found = detections(
        [[0, 0, 10, 10], [0, 0, 10, 10.5], [0, 0, 10, 10], [0, 4, 10, 14], [0, 8, 10, 18]],
        [0.5, 0.9, 0.7, 0.4, 0.3],
        [0, 0, 1, 0, 0],
    )
    kept = suppress(found, 0.4, 10)
    assert kept.coefficients.ravel().tolist() == [1, 2, 4]
    assert kept.scores.tolist() == np.array([0.9, 0.7, 0.3], np.float32).tolist()


def test_agrees_with_a_plain_greedy_loop() -> None:
    """Random boxes, three classes."""
    rng = np.random.default_rng(0)
    corner, side = rng.random((120, 2)) * 30, 5 + rng.random((120, 2)) * 20
    found = detections(
        np.hstack([corner, corner + side]).tolist(), rng.random(120).tolist(), [i % 3 for i in range(120)]
    )
    iou = box_iou(found.boxes)
    plain: list[int] = []
    for i in np.argsort(-found.scores):
        if all(found.classes[i] != found.classes[j] or iou[i, j] <= 0.5 for j in plain):
            plain.append(int(i))
    assert suppress(found, 0.5, 120).coefficients.ravel().tolist() == plain
    assert suppress(found, 0.5, 7).coefficients.ravel().tolist() == plain[:7]


def test_nothing_stays_nothing() -> None:
    """A picture without anything."""
    empty = Detections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int), *[np.zeros((0, 1), np.float32)] * 2
    )
    assert len(suppress(empty, 0.5, 10).scores) == 0
    assert named_here(empty, empty, 0.5).names.shape == (0, 1)


def test_names_are_gathered_from_boxes_in_the_same_place() -> None:
    """A coat that one box calls a top with 0.4 may be a top; what lies elsewhere has no say."""
    every = detections(
        [[0, 0, 10, 10], [0, 0, 10, 10.5], [0, 0, 10, 4], [20, 0, 30, 10]], [0.8, 0.4, 0.7, 0.9], [0, 1, 2, 2]
    )
    coat = named_here(every.take(np.array([0])), every, 0.6)
    np.testing.assert_allclose(coat.names, [[0.8, 0.4, 0.0]])
    assert coat.classes.tolist() == [0]
