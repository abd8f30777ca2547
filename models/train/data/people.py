"""People found by a teacher network, so that bystanders without labels can be taken out of training photos.

The teacher is YOLOX-nano (Apache-2.0, COCO classes); it only helps to prepare data and is not shipped.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from engine.domain import Box, Pixels

_SIZE = 416
_PAD = 114
_STRIDES = (8, 16, 32)
_PERSON = 5
"""Column of the class `person` in a YOLOX row: x, y, w, h, objectness, then 80 classes."""


class PeopleFinder:
    """Boxes of the people in a picture."""

    def __init__(self, weights: Path, threshold: float = 0.3) -> None:
        self._session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
        self._threshold = threshold

    def find(self, pixels: Pixels) -> tuple[Box, ...]:
        """Boxes in pixels of the picture, best first, overlapping ones suppressed."""
        height, width = pixels.shape[:2]
        scale = min(_SIZE / height, _SIZE / width)
        resized = cv2.resize(pixels, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_LINEAR)
        canvas = np.full((_SIZE, _SIZE, 3), _PAD, np.uint8)
        canvas[: resized.shape[0], : resized.shape[1]] = resized[..., ::-1]
        tensor = canvas.transpose(2, 0, 1)[None].astype(np.float32)
        (output,) = self._session.run(None, {"images": tensor})
        boxes, scores = _decode(np.asarray(output)[0])
        keep = np.flatnonzero(scores >= self._threshold)
        boxes, scores = boxes[keep] / scale, scores[keep]
        corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], 1)
        chosen = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), self._threshold, 0.5)
        found = [corners[int(index)] for index in np.asarray(chosen).reshape(-1)]
        return tuple((float(x), float(y), float(x + w), float(y + h)) for x, y, w, h in found)


def _decode(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Raw rows (3549, 85) to centre boxes (3549, 4) in pixels of the canvas and person scores (3549,)."""
    cells = [np.stack(np.meshgrid(np.arange(_SIZE // s), np.arange(_SIZE // s)), -1).reshape(-1, 2) for s in _STRIDES]
    grid = np.concatenate(cells)
    stride = np.repeat(_STRIDES, [len(cell) for cell in cells])[:, None]
    centres = (rows[:, :2] + grid) * stride
    sizes = np.exp(rows[:, 2:4]) * stride
    return np.concatenate([centres, sizes], 1).astype(np.float32), rows[:, 4] * rows[:, _PERSON]
