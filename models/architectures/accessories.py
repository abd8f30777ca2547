"""The segmenter's classes; bags and headwear among them, though no search serves those.

A network that has no name for a bag calls it a dress. While it is served, what it calls a bag is set aside; here it
counts as a garment of its own, so that it can be labelled and measured.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.taxonomy import GarmentClass, Taxonomy

CLASSES: tuple[str, ...] = (
    "upper_wear",
    "lower_wear",
    "foot_wear",
    "dress",
    "outerwear",
    "person",
    "bag",
    "headwear",
)
"""Order of the segmenter's outputs."""
ACCESSORIES: Mapping[str, tuple[str, ...]] = {"bag": ("bag", "purse"), "headwear": ("hat",)}
"""The classes that are set aside, and CCP's words for them."""

WORDS: Mapping[str, str] = {
    **dict.fromkeys(("bag", "bags", "handbag", "purse", "backpack", "rucksack", "tote", "clutch"), "bag"),
    **dict.fromkeys(("hat", "hats", "cap", "beanie", "headwear"), "headwear"),
}
"""Words of other data sets that mean them."""


def with_accessories(taxonomy: Taxonomy) -> Taxonomy:
    """The taxonomy with these classes in a supercategory of their own."""
    classes = {name: GarmentClass(name, "accessory") for name in ACCESSORIES}
    return Taxonomy({**classes, **taxonomy.classes}, {"accessory": "bags and headwear", **taxonomy.supercategories})
