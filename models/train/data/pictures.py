"""The picture files of data sets, read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain import Pixels
from engine.errors import InputRejected


class DatasetUnreadable(InputRejected):
    """A dataset folder lacks a file, or holds one that cannot be understood."""


def read_pixels(path: Path) -> Pixels:
    """RGB pixels of a data set's picture, as stored: annotations know nothing of EXIF.

    Raises:
        DatasetUnreadable: no such picture, or none that can be decoded.
    """
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise DatasetUnreadable(f"The picture {path} cannot be read: {error}.") from error


def read_label_map(path: Path) -> NDArray[np.integer[Any]]:
    """(H, W) numbers of classes, from a picture whose pixels are such numbers.

    Raises:
        DatasetUnreadable: no such picture, or none that can be decoded.
    """
    try:
        with Image.open(path) as picture:
            return np.asarray(picture)
    except OSError as error:
        raise DatasetUnreadable(f"The label map {path} cannot be read: {error}.") from error


def size_of(path: Path) -> tuple[int, int]:
    """Height and width of a picture, from its header.

    Raises:
        DatasetUnreadable: no such picture, or none that can be decoded.
    """
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except OSError as error:
        raise DatasetUnreadable(f"The picture {path} cannot be read: {error}.") from error


def sized(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A square picture (s, s, 3) as (side, side, 3), its pixels averaged where it shrinks."""
    if picture.shape[0] == side:
        return picture
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
