"""What is true of a picture: masks, boxes, keypoints with visibility, views, identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Pixels, View
from engine.domain import Garment as EngineGarment
from models.studio.camera import OVERSAMPLE
from models.studio.figures.body import COCO, Figure, Points
from models.studio.layers import EXTRA, STRIDE
from models.studio.painter import Placement
from models.studio.spec import GarmentSpec

LEAST_PIXELS = 24
"""A garment with fewer visible pixels than this is not counted as shown."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownGarment:
    """A garment as it is seen in a picture.

    Attributes:
        mask: (H, W) bool over the whole picture, only what is visible.
        box: tight around the mask.
    """

    product: GarmentSpec
    mask: NDArray[np.bool_]
    box: Box

    @property
    def label(self) -> str:
        """The class of engine/taxonomy.toml."""
        return self.product.label

    def as_garment(self, supercategory: str) -> EngineGarment:
        """The engine's value, its mask cut to the box; for `engine.vision.crops.cut`."""
        x0, y0, x1, y1 = (int(v) for v in self.box)
        return EngineGarment(self.label, supercategory, 1.0, self.box, self.mask[y0:y1, x0:x1])


@dataclass(frozen=True, slots=True, eq=False)
class ShownPerson:
    """A person as seen in a picture.

    Attributes:
        mask: (H, W) bool, body, hair and clothes (bags are not of the person).
        keypoints: (17, 3) float32 in COCO order: x, y in pixels and visibility
            (2 seen, 1 hidden but in the picture, 0 out of the picture or a face from behind).
        garments: of this person, those with something to see.
    """

    view: View
    full_shot: bool
    mask: NDArray[np.bool_]
    box: Box
    keypoints: NDArray[np.float32]
    garments: tuple[ShownGarment, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A picture and everything that is true of it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        view: where the main person faces; `none` for product-only pictures.
        garments: of the main person, or of the product-only picture.
        people: the main one first, then bystanders.
        framing: what part of the main person is shown; a presentation for products alone.
    """

    pixels: Pixels
    view: View
    framing: str
    background: str
    garments: tuple[ShownGarment, ...]
    people: tuple[ShownPerson, ...]
    caption: str

    @property
    def full_shot(self) -> bool:
        """The main person is in the picture from head to feet."""
        return bool(self.people) and self.people[0].full_shot


def observe(
    figure: Figure,
    place: Placement,
    owners: NDArray[np.uint8],
    view: View,
    garments: Sequence[GarmentSpec],
    index: int,
    size: tuple[int, int],
    framing: str,
) -> ShownPerson | None:
    """The truth of one person of a picture, or None where nothing of them is seen.

    Args:
        owners: the picture\'s, (height, width).
        index: which person of the picture, 0 the main one.
    """
    base = index * STRIDE
    mine = (owners > base) & (owners < base + STRIDE) & (owners != base + EXTRA)
    box = tight_box(mine)
    if box is None:
        return None
    worn = [show(g, owners == base + k) for k, g in enumerate(garments, 1)]
    points = place.pixels(keypoints(figure)) / OVERSAMPLE
    values = np.zeros((17, 3), np.float32)
    values[:, :2] = points
    inside = (points[:, 0] >= 0) & (points[:, 1] >= 0) & (points[:, 0] < size[0]) & (points[:, 1] < size[1])
    ix, iy = np.clip(points[:, 0].astype(int), 0, size[0] - 1), np.clip(points[:, 1].astype(int), 0, size[1] - 1)
    covered = ~mine[iy, ix]
    values[:, 2] = np.where(~inside, 0, np.where(covered | _turned_away(figure), 1, 2))
    if figure.cos < -0.3:
        values[:3, 2] = 0
    ends = (values[0, 1] if figure.cos > -0.3 else values[3:5, 1].min(), *values[15:, 1])
    full = framing == "full" and all(0 <= e < size[1] for e in ends) and bool(inside.all())
    return ShownPerson(view, full, mine, box, values, tuple(w for w in worn if w))


def keypoints(figure: Figure) -> Points:
    """The 17 COCO keypoints in picture space, (17, 2)."""
    k = figure.person.head
    yaw = figure.pose.yaw + figure.pose.head_turn
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    x0 = float(figure.sway(0.07)) * figure.cos + 0.016 * figure.sin
    head = []
    for x, y, z in (
        (0.0, 0.093, 0.052),
        (0.018, 0.0722, 0.038),
        (-0.018, 0.0722, 0.038),
        (0.042, 0.076, -0.004),
        (-0.042, 0.076, -0.004),
    ):
        head.append((x0 + k * (x * c + z * s), 0.068 + (y - 0.068) * k))
    names = COCO[5:]
    body = figure.to_picture(np.array([figure.joint(name) for name in names]))
    return np.concatenate([np.array(head), body])


def _turned_away(figure: Figure) -> NDArray[np.bool_]:
    """Keypoints that the body itself hides in this view."""
    yaw = figure.pose.yaw + figure.pose.head_turn
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    hidden = np.zeros(17, bool)
    hidden[0] = c < -0.15
    hidden[1], hidden[2] = c * 0.9 - s * 0.4 < 0.05, c * 0.9 + s * 0.4 < 0.05
    hidden[3], hidden[4] = -s < -0.45, s < -0.45
    for k, name in enumerate(COCO[5:], 5):
        if abs(figure.sin) > 0.6 and name.split("_")[1] in {"shoulder", "elbow", "wrist", "hip"}:
            hidden[k] = figure.depth(figure.joint(name)) < -0.045
    return hidden


def tight_box(mask: NDArray[np.bool_]) -> Box | None:
    """The smallest box around a mask (x1, y1 exclusive), or None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def show(garment: GarmentSpec, mask: NDArray[np.bool_]) -> ShownGarment | None:
    """A garment as far as it is seen, or None."""
    box = tight_box(mask)
    return ShownGarment(garment, mask, box) if box and int(mask.sum()) >= LEAST_PIXELS else None
