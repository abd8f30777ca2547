"""Contact sheets: many pictures on one, to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.domain import Pixels

TINTS = {"upper_wear": (230, 70, 70), "lower_wear": (70, 120, 240), "foot_wear": (60, 190, 90), "dress": (200, 80, 220), "outerwear": (240, 170, 40)}


def contact_sheet(pictures: Sequence[Pixels], columns: int, gap: int = 6) -> Pixels:
    """Pictures of one size in rows, on white."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for k, picture in enumerate(pictures):
        y, x = gap + (k // columns) * (height + gap), gap + (k % columns) * (width + gap)
        sheet[y : y + height, x : x + width] = picture
    return sheet
