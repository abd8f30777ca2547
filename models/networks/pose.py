"""Keypoints of given people by a heatmap network of the HRNet family (mmpose's preprocessing and decoding).

Source: Sun et al. 2019, arXiv:1902.09212; top-down affine crops as in Xiao et al. 2018, arXiv:1804.06208.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Pixels, Pose
from engine.errors import ContractBroken
from models.manifest import ModelSpec
from models.networks.preprocess import shrink, to_input
from models.runtime import Session

KEYPOINTS = 17
FACINGS = 4
"""Front, back, side, nobody."""
FLIPPED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
"""Where each keypoint goes when the picture is mirrored."""
PADDING = 1.25
"""Room around a person's box, as mmpose trains with; the manifest's `extra["padding"]` says otherwise."""
BATCH = 8


class HeatmapPose:
    """Finds 17 COCO keypoints per person, and where the person faces if the network says so."""

    def __init__(self, spec: ModelSpec, session: Session, fingerprint: str, *, batch: int = BATCH) -> None:
        self._spec = spec
        self._session = session
        self._fingerprint = fingerprint
        self._batch = batch
        self._padding = float(spec.extra.get("padding", PADDING))
        self._flip = bool(spec.extra.get("flip", False))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the model file and its preprocessing."""
        return self._fingerprint

    def estimate(self, image: Pixels, boxes: Sequence[Box]) -> list[Pose]:
        """One pose per box, in the image's pixels.

        Raises:
            ContractBroken: the model's outputs are not 17 heatmaps per person.
            ModelUnavailable: the runtime failed.
        """
        poses: list[Pose] = []
        for start in range(0, len(boxes), self._batch):
            poses += self._forward(image, boxes[start : start + self._batch])
        return poses

    def _forward(self, image: Pixels, boxes: Sequence[Box]) -> list[Pose]:
        spec = self._spec
        views = [input_to_image(box, spec.input_size, self._padding) for box in boxes]
        pictures = np.stack([warp(image, view, spec.input_size, spec.pad_value) for view in views])
        outputs = self._asked(pictures)
        heatmaps, facings = outputs["heatmaps"], _facings(outputs.get("facing"), len(boxes))
        if heatmaps.ndim != 4 or heatmaps.shape[:2] != (len(boxes), KEYPOINTS):
            raise ContractBroken(f"The pose model gave {heatmaps.shape}, not {len(boxes)} x {KEYPOINTS} heatmaps.")
        stride = np.array([spec.input_size[1] / heatmaps.shape[3], spec.input_size[0] / heatmaps.shape[2]])
        found = []
        for box, view, maps, facing in zip(boxes, views, heatmaps, facings, strict=True):
            places, scores = decode(maps)
            points = np.column_stack([places * stride, np.ones(KEYPOINTS)]) @ view.T
            found.append(Pose(np.column_stack([points, scores]).astype(np.float32), box, facing))
        return found

    def _asked(self, pictures: Pixels) -> Mapping[str, NDArray[np.float32]]:
        """The network's answer; where the manifest says `flip`, the mean over the pictures and their mirror images."""
        spec = self._spec
        if not self._flip:
            return self._session.run({"images": to_input(pictures, spec.mean, spec.std)})
        pair = np.concatenate([pictures, pictures[:, :, ::-1]])
        outputs = self._session.run({"images": to_input(pair, spec.mean, spec.std)})
        if outputs["heatmaps"].ndim != 4 or outputs["heatmaps"].shape[1] != KEYPOINTS:
            return outputs
        return both_ways(outputs)


def both_ways(outputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The mean of the answers to pictures (first half of the rows) and to their mirror images (second half).

    In the mirror left and right change names. Heatmap cell k stands for input pixel 4 k, so a mirrored map
    lies about one cell to the left and is moved back.
    """
    count = len(outputs["heatmaps"]) // 2
    mirrored = outputs["heatmaps"][count:, FLIPPED, :, ::-1].copy()
    mirrored[..., 1:] = mirrored[..., :-1].copy()
    both = {"heatmaps": np.float32(0.5) * (outputs["heatmaps"][:count] + mirrored)}
    if "facing" in outputs:
        both["facing"] = np.float32(0.5) * (outputs["facing"][:count] + outputs["facing"][count:])
    return both


def _facings(chances: NDArray[np.float32] | None, count: int) -> Sequence[tuple[float, float, float, float] | None]:
    """Chances per person, or nothing of a network that has heatmaps alone.

    Raises:
        ContractBroken: not four chances per person.
    """
    if chances is None:
        return [None] * count
    if chances.shape != (count, FACINGS):
        raise ContractBroken(f"The pose model gave facings of shape {chances.shape}, not {count} x {FACINGS}.")
    return [(float(f), float(b), float(s), float(n)) for f, b, s, n in chances]


def input_to_image(box: Box, size: tuple[int, int], padding: float) -> NDArray[np.float64]:
    """(2, 3): from pixels of the model's input to pixels of the image.

    The box is padded, then grown to the input's proportions around its centre.
    """
    height, width = size
    box_width, box_height = max(1.0, box[2] - box[0]) * padding, max(1.0, box[3] - box[1]) * padding
    scale = max(box_width / width, box_height / height)
    centre_x, centre_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return np.array([[scale, 0, centre_x - scale * width / 2], [0, scale, centre_y - scale * height / 2]])


def warp(image: Pixels, view: NDArray[np.float64], size: tuple[int, int], pad_value: int) -> Pixels:
    """The model's input, cut out of the image; what lies outside is `pad_value`.

    A large person is first shrunk by a whole factor, by area: linear sampling alone would skip pixels.
    """
    height, width = size
    scale, x, y = view[0, 0], view[0, 2], view[1, 2]
    x0, y0 = max(0, floor(x) - 2), max(0, floor(y) - 2)
    x1 = min(image.shape[1], ceil(x + scale * width) + 2)
    y1 = min(image.shape[0], ceil(y + scale * height) + 2)
    if x0 >= x1 or y0 >= y1:
        return np.full((height, width, 3), pad_value, np.uint8)
    part = image[y0:y1, x0:x1]
    smaller = max(1, part.shape[0] // max(1, int(scale))), max(1, part.shape[1] // max(1, int(scale)))
    gain_y, gain_x = smaller[0] / part.shape[0], smaller[1] / part.shape[1]
    # Image pixel i covers i to i + 1; a place p there is (p + 0.5) * gain - 0.5 in the shrunk part.
    matrix = np.array(
        [
            [scale * gain_x, 0, (x - x0 + 0.5) * gain_x - 0.5],
            [0, scale * gain_y, (y - y0 + 0.5) * gain_y - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    grey = (pad_value, pad_value, pad_value)
    return np.asarray(
        cv2.warpAffine(shrink(part, smaller), matrix, (width, height), flags=flags, borderValue=grey), np.uint8
    )


def decode(heatmaps: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The peak of each heatmap, moved a quarter towards its higher neighbour on each axis.

    Args:
        heatmaps: (keypoints, h, w).
    Returns:
        (keypoints, 2) x, y in heatmap cells, and (keypoints,) scores, 0 to 1.
    """
    count, height, width = heatmaps.shape
    flat = heatmaps.reshape(count, -1)
    peaks = flat.argmax(axis=1)
    y, x = np.divmod(peaks, width)
    rows = np.arange(count)
    right = heatmaps[rows, y, np.minimum(x + 1, width - 1)] - heatmaps[rows, y, np.maximum(x - 1, 0)]
    below = heatmaps[rows, np.minimum(y + 1, height - 1), x] - heatmaps[rows, np.maximum(y - 1, 0), x]
    inner_x, inner_y = (x > 0) & (x < width - 1), (y > 0) & (y < height - 1)
    places = np.column_stack([x + 0.25 * np.sign(right) * inner_x, y + 0.25 * np.sign(below) * inner_y])
    return places.astype(np.float64), np.clip(flat[rows, peaks], 0, 1)
