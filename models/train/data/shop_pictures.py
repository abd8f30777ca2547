"""The pictures of the Magento catalogue by what they show: the shop's words for it, put right by eye where they err."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

WHOLE_DETAILS = frozenset(
    {
        "luma_mp06-gray_outfit.jpg",
        "luma_mp08-green_alt1.jpg",
        "luma_mp10-black_alt1.jpg",
        "luma_ms10-blue_alt1.jpg",
        "luma_mt02-white_alt1.jpg",
        "luma_wp04-blue_alt1.jpg",
    }
)
"""Called details by the shop, and whole people or whole legs by eye."""
DETAILS_NAMED_FRONT = frozenset(
    {
        "luma_mp07-blue_side_a.jpg",
        "luma_mp07-blue_side_b.jpg",
        "luma_mt02-white_sideb.jpg",
        "luma_wj08-gray_alternate.jpg",
        "luma_wp04-blue_alternate.jpg",
    }
)
"""Called fronts by the shop, and seams, pockets and a chest by eye."""
NO_GARMENTS = frozenset({"luma_wb03-purple-0.jpg"})
"""A bag that the catalogue files under a bra's number."""


def shop_pictures(root: Path) -> Iterator[tuple[str, str, str, str]]:
    """Source, product, file and view of every picture of a garment; the view is the shop's, put right by eye."""
    for line in (root / "products.jsonl").read_text().splitlines():
        product = json.loads(line)
        for image in product["images"]:
            name = image["file"]
            if name not in NO_GARMENTS:
                view = "detail" if name in DETAILS_NAMED_FRONT else image["view"]
                yield product["source"], product["product_id"], name, view


def read_names_of_legs(root: Path) -> set[str]:
    """File names of a shop's trousers, shorts and skirts: their pictures begin at the waist.

    A teacher is no help here: it often guesses shoulders where there are elbows.
    """
    products = (json.loads(line) for line in (root / "products.jsonl").read_text().splitlines())
    return {image["file"] for product in products if product["class"] == "lower_wear" for image in product["images"]}
