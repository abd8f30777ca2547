"""Crops of the studio's generated garments: exact masks and identities, seen from before, behind and in the street."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from models.studio.catalogue import sample_catalogue, sample_outfit
from models.studio.colors import COLORS
from models.studio.render import Rendered, render_look, render_product
from models.studio.spec import GarmentSpec
from models.train.data.colors import COLOR_NAMES, name_pixels
from models.train.data.crops import CropRecord, square_crop
from models.train.splits import is_validation

SIZE = (300, 400)
LEAST_SHARE = 0.003
_KIND_WORDS: Mapping[str, str] = MappingProxyType({"trousers": "pants", "jumpsuit": "romper"})
_FOR: Mapping[str, str] = MappingProxyType({"female": "women's", "male": "men's"})


def studio_crops(outfits: int, seed: int = 0) -> Iterator[tuple[CropRecord, NDArray[np.uint8]]]:
    """Draw outfits around distinct products: front, back, a street snapshot, and the product alone."""
    for number, product in enumerate(sample_catalogue(outfits, seed=seed)):
        worn = sample_outfit(seed + number, product.gender, around=product)
        for view, background, candid in (
            ("front", "white", False),
            ("back", "white", False),
            ("front", "street", True),
        ):
            picture = render_look(
                worn,
                view="back" if view == "back" else "front",
                background=background,
                size=SIZE,
                seed=seed + 10 * number + len(view) + candid,
                candid=candid,
            )
            yield from _cut(picture, "street" if candid else view)
        alone = render_product(product, SIZE, seed + number, presentation="flat" if number % 2 else "ghost")
        yield from _cut(alone, "flat")


def _cut(picture: Rendered, view: str) -> Iterator[tuple[CropRecord, NDArray[np.uint8]]]:
    for shown in picture.garments:
        if shown.mask.mean() >= LEAST_SHARE:
            yield studio_record(shown.product, view), square_crop(picture.pixels, shown.mask)


def studio_record(product: GarmentSpec, view: str) -> CropRecord:
    """What the studio knows of a garment, in the words of the training set."""
    identity = f"studio-{product.product_id}"
    return CropRecord(
        "studio",
        "val" if is_validation(product.group or identity, 10) else "train",
        f"studio-{product.group}" if product.group else identity,
        identity,
        product.label,
        _KIND_WORDS.get(product.kind, product.kind.split()[-1]),
        view,
        _colors(product),
        gender=_FOR.get(product.gender, ""),
        pattern=product.pattern,
    )


def _colors(product: GarmentSpec) -> tuple[str, ...]:
    names = [product.color] if product.pattern == "solid" else [product.color, product.accent]
    return tuple(dict.fromkeys(_ours(name) for name in names))


def _ours(name: str) -> str:
    if name in COLOR_NAMES:
        return name
    pixel = np.array([[round(255 * v) for v in COLORS[name]]], np.uint8)
    return COLOR_NAMES[int(name_pixels(pixel)[0])]
