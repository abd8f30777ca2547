"""The worst errors of a retrieval as one picture, for people: what was asked, what was wanted, what came."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.quality.retrieval.cases import Question, Shown, pixels_of

CELL = 120
ANSWERS = 5


def write_errors(
    path: Path, shown: Sequence[Shown], worst: Sequence[tuple[Question, Sequence[str]]], at_most: int = 24
) -> None:
    """One line per error: the query, the right front in green, and the first answers, right ones in green too."""
    fronts = {s.photo.identity: s for s in shown if s.photo.view == "front"}
    rows = list(worst)[:at_most]
    sheet = Image.new("RGB", (CELL * (ANSWERS + 2), CELL * max(len(rows), 1)), "white")
    draw = ImageDraw.Draw(sheet)
    for line, (question, found) in enumerate(rows):
        right = next((fronts[name] for name in sorted(question.wanted) if name in fronts), None)
        answers = [fronts[name] for name in found[:ANSWERS] if name in fronts]
        for place, cell in enumerate([shown[question.asked], right, *answers]):
            if cell is not None:
                corner = (place * CELL, line * CELL)
                sheet.paste(Image.fromarray(_thumbnail(pixels_of(cell))), (corner[0] + 4, corner[1] + 4))
                if place:
                    good = cell.photo.identity in question.wanted
                    box = (corner[0] + 1, corner[1] + 1, corner[0] + CELL - 2, corner[1] + CELL - 2)
                    draw.rectangle(box, outline="green" if good else "red", width=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _thumbnail(pixels: NDArray[np.uint8], side: int = CELL - 8) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    out = np.full((side, side, 3), 255, np.uint8)
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    out[top : top + size[1], left : left + size[0]] = small
    return out
