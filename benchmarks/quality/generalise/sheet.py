"""Small pictures in rows with a line of text each, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from engine.domain import Pixels

CELL, LINE, COLUMNS = (150, 200), 14, 12


def write_sheet(path: Path, pictures: Sequence[tuple[Pixels, str]], most: int = 96) -> Path | None:
    """Write up to `most` pictures with their texts as one PNG, evenly chosen; None where there are none."""
    if not pictures:
        return None
    chosen = [pictures[i] for i in np.linspace(0, len(pictures) - 1, min(most, len(pictures))).astype(int)]
    (wide, tall), lines = CELL, -(-len(chosen) // COLUMNS)
    canvas = Image.new("RGB", (wide * min(COLUMNS, len(chosen)), (tall + LINE) * lines), "white")
    pen = ImageDraw.Draw(canvas)
    for number, (pixels, text) in enumerate(chosen):
        x, y = wide * (number % COLUMNS), (tall + LINE) * (number // COLUMNS)
        small = Image.fromarray(pixels)
        small.thumbnail(CELL)
        canvas.paste(small, (x, y + LINE))
        pen.text((x + 2, y + 1), text, fill="black")
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(path)
    return path
