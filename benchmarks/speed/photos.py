"""Street photos to ask with, as large as cameras and phones make them: drawn, with a sensor's noise, as JPEG."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.vision.images import encode_jpeg
from models.studio.catalogue import sample_outfit
from models.studio.figures.people import sample_person
from models.studio.render import render_look

SIZES = {"small": (480, 640), "1080p": (1080, 1920), "12mp": (3000, 4000)}
"""(width, height) by name."""
_NOISE = 6.0
"""Standard deviation of the sensor's noise, of 255: with it a 12-megapixel JPEG has about 4 MB, as a phone's has."""
_QUALITY = 92


def street_photos(size: str, cache: Path, *, seed: int = 0) -> Iterator[bytes]:
    """JPEG photos of somebody in top, bottom and shoes in the street, one after another without end.

    Drawn the first time (1 to 4 s each), read from `cache` later.

    Raises:
        KeyError: no such size.
    """
    width, height = SIZES[size]
    cache.mkdir(parents=True, exist_ok=True)
    number = seed * 1000
    while True:
        number += 1
        person = sample_person(number)
        outfit = sample_outfit(number, person.gender)
        if {garment.label for garment in outfit} != {"upper_wear", "lower_wear", "foot_wear"}:
            continue
        path = cache / f"street-{size}-{number}.jpg"
        if not path.exists():
            look = render_look(outfit, person, "front", "street", (width, height), number, candid=True)
            grain = np.random.default_rng([number, 52]).standard_normal(look.pixels.shape, np.float32)
            noisy = np.clip(look.pixels + _NOISE * grain + 0.5, 0, 255).astype(np.uint8)
            path.write_bytes(encode_jpeg(noisy, max_side=max(width, height), quality=_QUALITY))
        yield path.read_bytes()
