"""The kinds of garment that the studio sews: what each may be cut like, made of and patterned with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from models.studio.figures import cuts
from models.studio.figures.cuts import Rng
from models.studio.spec import Cut


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    Attributes:
        label: class of engine/taxonomy.toml.
        noun: the head noun of its titles.
        genders: who it is for; repeated entries are more usual.
        cut: draws a cut.
        share: how usual the kind is in a catalogue.
    """

    label: str
    noun: str
    product_type: str
    genders: tuple[str, ...]
    fabrics: tuple[str, ...]
    patterns: tuple[str, ...]
    price: tuple[float, float]
    cut: Callable[[Rng, str], Cut]
    share: float = 1.0


_ANY = ("female", "male", "unisex")
_PRINTS = ("solid", "solid", "stripes", "floral", "dots", "checks", "colour-block")


KINDS: dict[str, Kind] = {
    "t-shirt": Kind(
        "upper_wear",
        "T-Shirt",
        "Apparel > Tops > T-shirts",
        _ANY,
        ("cotton",),
        ("solid", "solid", "stripes", "graphic", "graphic", "colour-block", "camo", "dots"),
        (12, 45),
        cuts.t_shirt,
        1.6,
    ),
    "top": Kind(
        "upper_wear",
        "Top",
        "Apparel > Tops > Tank tops",
        ("female",),
        ("cotton", "satin", "knit"),
        _PRINTS,
        (14, 60),
        cuts.top,
        1.0,
    ),
    "shirt": Kind(
        "upper_wear",
        "Shirt",
        "Apparel > Tops > Shirts",
        _ANY,
        ("cotton", "linen", "denim", "satin"),
        ("solid", "solid", "vertical stripes", "checks", "gingham", "dots", "floral"),
        (29, 110),
        cuts.shirt,
        1.3,
    ),
    "blouse": Kind(
        "upper_wear",
        "Blouse",
        "Apparel > Tops > Blouses",
        ("female",),
        ("satin", "cotton", "linen"),
        ("solid", "floral", "dots", "vertical stripes"),
        (29, 99),
        cuts.blouse,
        0.8,
    ),
    "polo": Kind(
        "upper_wear",
        "Polo",
        "Apparel > Tops > Polos",
        ("male", "unisex"),
        ("cotton",),
        ("solid", "stripes", "colour-block"),
        (25, 80),
        cuts.polo,
        0.5,
    ),
    "sweater": Kind(
        "upper_wear",
        "Sweater",
        "Apparel > Tops > Sweaters",
        _ANY,
        ("knit", "knit", "wool"),
        ("solid", "solid", "stripes", "colour-block", "checks"),
        (35, 160),
        cuts.sweater,
        1.1,
    ),
    "hoodie": Kind(
        "upper_wear",
        "Hoodie",
        "Apparel > Tops > Hoodies",
        _ANY,
        ("cotton",),
        ("solid", "solid", "graphic", "colour-block", "camo"),
        (35, 90),
        cuts.hoodie,
        0.8,
    ),
    "cardigan": Kind(
        "upper_wear",
        "Cardigan",
        "Apparel > Tops > Cardigans",
        ("female", "female", "male"),
        ("knit", "wool"),
        ("solid", "solid", "stripes"),
        (39, 140),
        cuts.cardigan,
        0.5,
    ),
    "skirt": Kind(
        "lower_wear",
        "Skirt",
        "Apparel > Bottoms > Skirts",
        ("female",),
        ("cotton", "wool", "denim", "satin", "leather"),
        ("solid", "solid", "floral", "dots", "checks", "vertical stripes", "stripes"),
        (25, 120),
        cuts.skirt,
        1.2,
    ),
    "trousers": Kind(
        "lower_wear",
        "Trousers",
        "Apparel > Bottoms > Trousers",
        _ANY,
        ("cotton", "wool", "linen", "leather"),
        ("solid", "solid", "solid", "checks", "vertical stripes", "camo"),
        (35, 140),
        cuts.trousers,
        1.3,
    ),
    "jeans": Kind(
        "lower_wear", "Jeans", "Apparel > Bottoms > Jeans", _ANY, ("denim",), ("solid",), (39, 150), cuts.jeans, 1.2
    ),
    "shorts": Kind(
        "lower_wear",
        "Shorts",
        "Apparel > Bottoms > Shorts",
        _ANY,
        ("cotton", "denim", "linen"),
        ("solid", "solid", "checks", "floral", "camo", "vertical stripes"),
        (19, 70),
        cuts.shorts,
        0.8,
    ),
    "leggings": Kind(
        "lower_wear",
        "Leggings",
        "Apparel > Bottoms > Leggings",
        ("female",),
        ("cotton",),
        ("solid", "solid", "camo", "floral"),
        (15, 60),
        cuts.leggings,
        0.5,
    ),
    "dress": Kind(
        "dress",
        "Dress",
        "Apparel > Dresses",
        ("female",),
        ("cotton", "satin", "knit", "linen", "denim"),
        ("solid", "solid", "floral", "floral", "dots", "stripes", "checks", "vertical stripes", "colour-block"),
        (35, 190),
        cuts.dress,
        1.9,
    ),
    "jumpsuit": Kind(
        "dress",
        "Jumpsuit",
        "Apparel > Jumpsuits",
        ("female",),
        ("cotton", "satin", "denim", "linen"),
        ("solid", "solid", "floral", "vertical stripes", "camo"),
        (45, 160),
        cuts.jumpsuit,
        0.6,
    ),
    "coat": Kind(
        "outerwear",
        "Coat",
        "Apparel > Outerwear > Coats",
        _ANY,
        ("wool", "wool", "cotton"),
        ("solid", "solid", "solid", "checks"),
        (89, 340),
        cuts.coat,
        0.9,
    ),
    "jacket": Kind(
        "outerwear",
        "Jacket",
        "Apparel > Outerwear > Jackets",
        _ANY,
        ("leather", "cotton", "suede"),
        ("solid", "solid", "solid", "camo", "colour-block"),
        (59, 290),
        cuts.jacket,
        0.8,
    ),
    "denim jacket": Kind(
        "outerwear",
        "Denim Jacket",
        "Apparel > Outerwear > Jackets",
        _ANY,
        ("denim",),
        ("solid",),
        (59, 150),
        cuts.denim_jacket,
        0.4,
    ),
    "puffer": Kind(
        "outerwear",
        "Puffer Jacket",
        "Apparel > Outerwear > Jackets",
        _ANY,
        ("puffer",),
        ("solid", "solid", "colour-block"),
        (69, 260),
        cuts.puffer,
        0.4,
    ),
    "blazer": Kind(
        "outerwear",
        "Blazer",
        "Apparel > Outerwear > Blazers",
        ("female", "male"),
        ("wool", "cotton", "linen"),
        ("solid", "solid", "checks", "vertical stripes"),
        (69, 280),
        cuts.blazer,
        0.8,
    ),
    "sneakers": Kind(
        "foot_wear",
        "Sneakers",
        "Apparel > Shoes > Sneakers",
        _ANY,
        ("canvas", "leather", "suede"),
        ("solid",),
        (39, 160),
        cuts.sneakers,
        1.2,
    ),
    "heels": Kind(
        "foot_wear",
        "Heels",
        "Apparel > Shoes > Heels",
        ("female",),
        ("leather", "suede", "patent"),
        ("solid",),
        (49, 190),
        cuts.heels,
        0.7,
    ),
    "flats": Kind(
        "foot_wear",
        "Flats",
        "Apparel > Shoes > Flats",
        ("female",),
        ("leather", "suede", "canvas"),
        ("solid",),
        (29, 110),
        cuts.flats,
        0.5,
    ),
    "loafers": Kind(
        "foot_wear",
        "Loafers",
        "Apparel > Shoes > Loafers",
        ("male", "female"),
        ("leather", "suede"),
        ("solid",),
        (59, 190),
        cuts.loafers,
        0.5,
    ),
    "boots": Kind(
        "foot_wear",
        "Boots",
        "Apparel > Shoes > Boots",
        ("female", "male"),
        ("leather", "leather", "suede"),
        ("solid",),
        (69, 280),
        cuts.boots,
        0.8,
    ),
}
"""Kind name → kind."""
