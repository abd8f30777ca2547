"""Pictures cut to their middle while the segmenter trains: labels stay where they are, and go with what is cut."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the group `train`")


def boxed(mask: Any) -> list[float]:
    """Centre and size of a mask's box, in shares of the picture."""
    rows, columns = torch.nonzero(mask.any(1)).flatten(), torch.nonzero(mask.any(0)).flatten()
    (y0, y1), (x0, x1) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
    height, width = mask.shape
    return [float((x0 + x1) / 2 / width), float((y0 + y1) / 2 / height), float((x1 - x0) / width),
            float((y1 - y0) / height)]  # fmt: skip


def test_boxes_and_masks_stay_together() -> None:
    """One garment in the middle, one beyond the cut, one cut in two."""
    from models.train.segmenter.training import middle_of

    masks = torch.zeros(3, 96, 96)
    masks[0, 20:60, 40:56] = masks[1, :, :10] = masks[2, 10:20, 10:50] = 1
    batch = {
        "img": torch.arange(384.0).expand(2, 3, 384, 384),
        "masks": masks,
        "bboxes": torch.tensor([boxed(mask) for mask in masks]),
        "cls": torch.tensor([[0.0], [1.0], [2.0]]),
        "batch_idx": torch.tensor([0.0, 0.0, 1.0]),
    }
    cut = middle_of(batch, 2 / 3)
    assert cut["img"].shape == (2, 3, 384, 256)
    assert cut["img"][0, 0, 0, [0, -1]].tolist() == [64, 319]
    assert cut["masks"].shape == (2, 96, 64)
    assert cut["cls"].flatten().tolist() == [0, 2]
    assert cut["batch_idx"].tolist() == [0, 1]
    for mask, box in zip(cut["masks"], cut["bboxes"].tolist(), strict=True):
        assert box == pytest.approx(boxed(mask), abs=1e-5)
