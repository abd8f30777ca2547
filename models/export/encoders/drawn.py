"""Drawn garments to measure an encoder with: how its cosines are to be read where nothing else is at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.domain import Pixels
from engine.seams import Calibration
from engine.vision.crops import whole
from models.export.logistic import fit_calibration
from models.networks.semantic import SemanticEmbedder
from models.studio.alone import render_product
from models.studio.catalogue import sample_catalogue

GARMENTS, SHOTS = 24, 2
SIZE = (224, 280)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A picture of a drawn garment: `garment` is the same number in all pictures of one."""

    garment: int
    title: str
    pixels: Pixels


def drawn_garments() -> list[Drawn]:
    """Each garment in two pictures, always the same ones."""
    found = []
    for number, garment in enumerate(sample_catalogue(GARMENTS, seed=41)):
        for shot in range(SHOTS):
            picture = render_product(garment, SIZE, 100 * number + shot).pixels
            found.append(Drawn(number, garment.title, picture))
    return found


def calibrations(embedder: SemanticEmbedder, garments: Sequence[Drawn]) -> Mapping[str, Calibration]:
    """`image`: two pictures of one garment against two garments; `text`: its own title against another's."""
    pictures = embedder.embed([whole(each.pixels) for each in garments])
    texts = embedder.embed_texts([each.title for each in garments])
    numbers = np.array([each.garment for each in garments])
    same = numbers[:, None] == numbers[None]
    above = np.triu(np.ones_like(same), 1).astype(bool)
    return {
        "image": _read((pictures @ pictures.T)[above], same[above]),
        "text": _read((pictures @ texts.T).ravel(), same.ravel()),
    }


def _read(cosines: NDArray[np.float32], matches: NDArray[np.bool_]) -> Calibration:
    """The fitted logistic; where drawn garments tell nothing apart, the middle of what they gave, and no steepness."""
    found = fit_calibration(cosines, matches)
    lowest, highest = float(cosines.min()), float(cosines.max())
    if lowest <= found.midpoint <= highest and found.scale <= highest - lowest:
        return found
    return Calibration(float(cosines.mean()), max(highest - lowest, 1e-3))
