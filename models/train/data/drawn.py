"""A generated shop as labelled photos: people in its products from the front and behind, and products alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from models.studio.catalogue import sample_catalogue
from models.studio.output.feed import product_shots
from models.studio.render import Rendered
from models.train.data.datasets import LabelledPhoto, Mask


def drawn_shop_photos(count: int, seed: int, size: tuple[int, int] = (360, 480)) -> Iterator[LabelledPhoto]:
    """Pictures of (width, height) pixels, one product after the other, with the exact masks."""
    shots = (shot for product in sample_catalogue(count, seed) for shot in product_shots(product, seed, size))
    for number, shot in enumerate(islice(shots, count)):
        yield LabelledPhoto(f"drawn_{seed}_{number}_{shot.name}", shot.picture.pixels, masks_of(shot.picture))


def masks_of(picture: Rendered) -> dict[str, Mask]:
    """Class → everything of it that the picture shows, worn or alone; `person` covers what is worn."""
    worn = [(garment.label, garment.mask) for person in picture.people for garment in person.garments]
    alone = [] if picture.people else [(garment.label, garment.mask) for garment in picture.garments]
    masks: dict[str, Mask] = {}
    for label, mask in (*worn, *alone, *(("person", person.mask) for person in picture.people)):
        masks[label] = np.asarray(masks[label] | mask) if label in masks else mask
    return masks
