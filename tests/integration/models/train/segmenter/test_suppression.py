"""The NMS of CPU trainings."""

from __future__ import annotations

import pytest


def test_suppression_keeps_the_best_of_those_that_overlap() -> None:
    """Order by score, not by place; a box at exactly the threshold stays, as torchvision has it."""
    torch = pytest.importorskip("torch", reason="needs the group `train`")
    from models.architectures.torchvision_cpu import _nms

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [0, 0, 10, 20], [50, 50, 60, 60]])
    kept = _nms(boxes, torch.tensor([0.5, 0.9, 0.4, 0.7]), 0.5)
    assert kept.tolist() == [1, 3, 2]
    assert _nms(boxes[[0, 2]], torch.tensor([0.9, 0.8]), 0.5).tolist() == [0, 1]
    assert _nms(boxes[[0, 2]], torch.tensor([0.9, 0.8]), 0.49).tolist() == [0]
