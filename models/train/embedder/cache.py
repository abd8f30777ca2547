"""Everything that the embedders learn from, in one folder: photographed and generated crops, and the teacher's view."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.train.data.crops import all_crops, masked, read_cache, write_cache
from models.train.embedder.served import served_crops
from models.train.embedder.studio import studio_crops
from models.train.embedder.teacher import LITE2_FILE, TEACHER_FILE, depth_embeddings, teacher_embeddings

STUDIO_OUTFITS = 1600
STUDIO_SEED = 500
TEACHER = "teacher_masked.npy"
"""The teacher's embedding of every masked crop, beside the crops."""


def build_cache(
    folder: Path,
    data: Path | None,
    outfits: int = STUDIO_OUTFITS,
    seed: int = STUDIO_SEED,
    served_by: Path | None = None,
) -> int:
    """Read the data sets, draw the studio's outfits, ask the teacher; returns how many crops there are.

    Without data there are only generated crops; without a teacher's file in `data/weights`
    thumbnails stand in for it, which is enough to see that training works.

    Args:
        served_by: a model profile whose segmenter cuts the catalogue's photos once more, as the product would.
    """
    photos = all_crops(data) if data else ()
    cut = served_crops(data, served_by) if data and served_by and (data / "magento_catalog").exists() else ()
    count = write_cache(folder, chain(photos, cut, studio_crops(outfits, seed)))
    np.save(folder / TEACHER, _in_parts(_teacher(data), read_cache(folder)[1]))
    return count


def _teacher(data: Path | None) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    weights = data / "weights" if data else None
    if weights and (weights / LITE2_FILE).exists():
        return partial(depth_embeddings, weights / LITE2_FILE)
    if weights and (weights / TEACHER_FILE).exists():
        return partial(teacher_embeddings, weights / TEACHER_FILE)
    return thumbnails


def _in_parts(
    ask: Callable[[NDArray[np.uint8]], NDArray[np.float32]], crops: NDArray[np.uint8], part: int = 512
) -> NDArray[np.float32]:
    """The teacher's view of all masked crops; a part at a time, since floats of all of them would fill the memory."""
    parts = (masked(np.asarray(crops[at : at + part])) for at in range(0, len(crops), part))
    return np.concatenate([ask(crops) for crops in parts])


def thumbnails(crops: NDArray[np.uint8], side: int = 6) -> NDArray[np.float32]:
    """(n, S, S, 3) → (n, 3 × side²): layout and colour, the plainest teacher there is."""
    small = [cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA).reshape(-1) for crop in crops]
    return np.asarray(np.stack(small) / 255, np.float32)
