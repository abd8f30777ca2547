"""GrabCut: what stands out from a picture's margin.

Source: Rother, Kolmogorov, Blake 2004, "GrabCut", doi:10.1145/1015706.1015720, as OpenCV implements it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def grab_cut(pixels: NDArray[np.uint8], margin: tuple[int, int], rounds: int) -> NDArray[np.bool_] | None:
    """What differs in color from the margin, opened by one pixel.

    Args:
        pixels: (H, W, 3), of any color space.
        margin: columns and rows at each side that are background for certain.
        rounds: of GrabCut.
    Returns:
        (H, W) bool, True on what stands out; None where there is nothing but one color.
    """
    height, width = pixels.shape[:2]
    columns, rows = margin
    labels = np.full((height, width), cv2.GC_BGD, np.uint8)
    labels[rows : height - rows, columns : width - columns] = cv2.GC_PR_FGD
    cv2.setRNGSeed(0)  # Its color models begin at random; equal pictures are to give equal outlines.
    nowhere, background, product = (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.grabCut(pixels, labels, nowhere, background, product, rounds, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return None
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), bool)
