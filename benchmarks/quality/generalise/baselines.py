"""Plain ImageNet networks over whole pictures: what a shop gets that installs one and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.generalise.supercategory import Sold
from models.train.embedder.teacher import LITE2_FILE, TEACHER_FILE, lite2_embeddings, teacher_embeddings, unit

LITE2_SIDE = 260
MOBILENET_SIDE = 224


def whole_pictures(data: Path, products: Sequence[Sold]) -> dict[str, NDArray[np.float32]]:
    """An embedding (n, d) of unit rows from each network whose file is there."""
    found = {}
    if (data / "weights" / TEACHER_FILE).exists():
        squares = np.stack([_stretched(p, MOBILENET_SIDE) for p in products])
        found["MobileNetV1, whole picture"] = unit(teacher_embeddings(data / "weights" / TEACHER_FILE, squares))
    if (data / "weights" / LITE2_FILE).exists():
        squares = np.stack([_stretched(p, LITE2_SIDE) for p in products])
        found["EfficientNet-Lite2, whole picture"] = unit(lite2_embeddings(data / "weights" / LITE2_FILE, squares))
    return found


def _stretched(product: Sold, side: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(product.pixels(), (side, side), interpolation=cv2.INTER_AREA), np.uint8)
