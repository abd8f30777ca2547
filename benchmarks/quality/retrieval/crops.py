"""Held-out garment crops as the models are served with them, and sheets of pictures for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from engine.domain import Crop
from engine.errors import QueryRejected
from engine.taxonomy import Taxonomy, load_taxonomy
from models.train.data.crops import CropRecord, held_out_crops, masked

CELL = 96
NEEDED = ("ccp", "clothing_dataset", "magento_catalog")


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Crops (n, s, s, 4) that no training saw, each of a class that a search knows, with a measured colour."""

    records: tuple[CropRecord, ...]
    crops: NDArray[np.uint8]
    taxonomy: Taxonomy


def read_held_out(data: Path) -> HeldOut:
    """The validation crops of every source.

    Raises:
        QueryRejected: the folder lacks one of the data sets.
    """
    missing = [name for name in NEEDED if not (data / name).is_dir()]
    if missing:
        raise QueryRejected(f"{data} has no {', '.join(missing)}; give the folder that holds {', '.join(NEEDED)}.")
    taxonomy = load_taxonomy()
    kept = [(r, crop) for r, crop in held_out_crops(data) if r.label in taxonomy.classes and r.colours]
    records, crops = zip(*kept, strict=True)
    return HeldOut(tuple(records), np.stack(crops), taxonomy)


def served_crop(crop: NDArray[np.uint8]) -> Crop:
    """A cached (s, s, 4) crop as the pipeline hands it to an embedder: all but the garment white."""
    return Crop(masked(crop), crop[..., 3] > 127)


def write_sheet(path: Path, held: HeldOut, rows: Sequence[tuple[str, Sequence[tuple[int, bool]]]]) -> None:
    """One line of pictures per query, the wrong ones framed in red."""
    width = 1 + max((len(shown) for _, shown in rows), default=0)
    sheet = Image.new("RGB", (CELL * (width + 1), CELL * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for line, (words, shown) in enumerate(rows):
        draw.multiline_text((4, line * CELL + 8), "\n".join(_wrapped(words)), fill="black")
        for place, (row, right) in enumerate(shown):
            picture = cv2.resize(masked(held.crops[row]), (CELL - 6, CELL - 6), interpolation=cv2.INTER_AREA)
            corner = ((place + 2) * CELL + 3, line * CELL + 3)
            sheet.paste(Image.fromarray(picture), corner)
            if not right:
                box = (corner[0] - 2, corner[1] - 2, corner[0] + CELL - 5, corner[1] + CELL - 5)
                draw.rectangle(box, outline="red", width=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _wrapped(words: str, width: int = 26) -> list[str]:
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
