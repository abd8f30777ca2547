"""A sheet of pictures with two lines of words under each, to look at what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engine.domain import Pixels

_WIDTH, _HEIGHT, _WORDS = 170, 230, 30


def captioned_sheet(pictures: Sequence[Pixels], lines: Sequence[tuple[str, str]], columns: int = 8) -> Pixels:
    """One picture of all, `columns` beside each other, each shrunk and with its two lines; blank without pictures."""
    blank = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    tiles = [_tile(pixels, words) for pixels, words in zip(pictures, lines, strict=True)] or [blank]
    wide = min(columns, len(tiles))
    tiles += [blank] * (-len(tiles) % wide)
    return np.concatenate([np.concatenate(tiles[i : i + wide], 1) for i in range(0, len(tiles), wide)])


def _tile(pixels: Pixels, words: tuple[str, str]) -> Pixels:
    scale = min(_WIDTH / pixels.shape[1], (_HEIGHT - _WORDS) / pixels.shape[0])
    size = max(1, int(pixels.shape[1] * scale)), max(1, int(pixels.shape[0] * scale))
    tile = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    tile[: size[1], : size[0]] = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    for line, text in enumerate(words):
        place = (2, _HEIGHT - 18 + 12 * line)
        cv2.putText(tile, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.3, (180, 0, 0), 1, cv2.LINE_AA)
    return tile
