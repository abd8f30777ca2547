"""The kinds of garment that the studio sews: what each may be cut like, made of and patterned with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.studio.spec import Cut

Rng = np.random.Generator


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


def _of(rng: Rng, *options: object) -> object:
    return options[int(rng.integers(len(options)))]


def _pick(rng: Rng, *options: str) -> str:
    return str(_of(rng, *options))


def _some(rng: Rng, chance: float, *details: str) -> frozenset[str]:
    return frozenset(d for d in details if rng.random() < chance)


def _one(rng: Rng, chance: float, *details: str) -> frozenset[str]:
    return frozenset({_pick(rng, *details)}) if rng.random() < chance else frozenset()


def _float(rng: Rng, *options: float) -> float:
    return options[int(rng.integers(len(options)))]


def _t_shirt(rng: Rng, gender: str) -> Cut:
    ease = rng.uniform(0.004, 0.014) if gender == "female" else rng.uniform(0.010, 0.028)
    return Cut(
        _float(rng, 0.30, 0.36, 0.42),
        hem=rng.uniform(0.47, 0.52),
        neck=_pick(rng, "crew", "crew", "v"),
        ease=ease,
        details=_one(rng, 0.4, "pocket", "ringer", "raglan"),
    )


def _top(rng: Rng, gender: str) -> Cut:
    del gender
    neck = _pick(rng, "scoop", "strap", "square", "v", "crew")
    top = 0.228 if neck == "strap" else 0.165
    return Cut(
        0.0,
        top,
        rng.uniform(0.41, 0.50),
        neck,
        rng.uniform(0.002, 0.010),
        _float(rng, 0.0, 0.0, 0.02),
        tucked=rng.random() < 0.3,
    )


def _shirt(rng: Rng, gender: str) -> Cut:
    ease = rng.uniform(0.006, 0.020) + (0.006 if gender == "male" else 0)
    return Cut(
        _float(rng, 0.42, 0.97, 0.97, 0.97),
        hem=rng.uniform(0.49, 0.54),
        neck="collar",
        ease=ease,
        closure="buttons",
        tucked=rng.random() < 0.35,
        details=_one(rng, 0.5, "pocket", "chest_pockets") | {"cuffs"},
    )


def _blouse(rng: Rng, gender: str) -> Cut:
    del gender
    details = _one(rng, 0.6, "bell", "puff") | {"cuffs"}
    return Cut(
        _float(rng, 0.5, 0.75, 0.97),
        hem=rng.uniform(0.45, 0.52),
        neck=_pick(rng, "v", "collar", "scoop"),
        ease=rng.uniform(0.010, 0.02),
        flare=_float(rng, 0.0, 0.012),
        tucked=rng.random() < 0.5,
        closure=_pick(rng, "none", "buttons"),
        details=details,
    )


def _polo(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(
        _float(rng, 0.36, 0.40),
        hem=rng.uniform(0.48, 0.52),
        neck="collar",
        ease=rng.uniform(0.010, 0.02),
        closure="buttons",
        details=frozenset({"ribs"}),
    )


def _sweater(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(
        0.98,
        hem=rng.uniform(0.46, 0.53),
        neck=_pick(rng, "crew", "crew", "v", "turtle"),
        ease=rng.uniform(0.012, 0.030),
        details=frozenset({"ribs", "cuffs"}),
    )


def _hoodie(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(
        0.98,
        hem=rng.uniform(0.49, 0.53),
        neck="hood",
        ease=rng.uniform(0.020, 0.032),
        closure=_pick(rng, "none", "none", "zip"),
        details=frozenset({"ribs", "cuffs", "kangaroo"}),
    )


def _cardigan(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(
        0.98,
        hem=rng.uniform(0.47, 0.58),
        neck="v",
        ease=rng.uniform(0.014, 0.024),
        closure="buttons",
        details=frozenset({"ribs", "cuffs"}),
    )


def _skirt(rng: Rng, gender: str) -> Cut:
    del gender
    hem = _float(rng, 0.58, 0.62, 0.72, 0.80, 0.92)
    shape = _pick(rng, "pencil", "a", "a", "full")
    flare = {"pencil": -0.01, "a": rng.uniform(0.02, 0.06), "full": rng.uniform(0.06, 0.11)}[shape] * (
        1.0 if hem > 0.65 else 0.6
    )
    details = _one(rng, 0.5, "pleats", "buttons", "tiers") if shape != "pencil" else frozenset()
    return Cut(0.0, rng.uniform(0.385, 0.41), hem, ease=0.004, flare=flare, details=details)


def _trousers(rng: Rng, gender: str) -> Cut:
    shape = _pick(rng, "slim", "straight", "wide")
    ease, flare = {"slim": (0.003, 0.002), "straight": (0.009, 0.010), "wide": (0.014, 0.032)}[shape]
    details = _one(rng, 0.7, "crease", "side_stripe", "cargo", "belt", "drawstring")
    return Cut(
        0.0,
        rng.uniform(0.385, 0.43) + (0.012 if gender == "male" else 0),
        _float(rng, 0.90, 0.955, 0.955, 0.97),
        ease=ease,
        flare=flare,
        details=details,
    )


def _jeans(rng: Rng, gender: str) -> Cut:
    shape = _pick(rng, "skinny", "slim", "straight", "bootcut", "wide")
    ease, flare = {
        "skinny": (0.000, -0.001),
        "slim": (0.004, 0.001),
        "straight": (0.009, 0.009),
        "bootcut": (0.005, 0.022),
        "wide": (0.014, 0.03),
    }[shape]
    return Cut(
        0.0,
        rng.uniform(0.395, 0.43) + (0.012 if gender == "male" else 0),
        _float(rng, 0.91, 0.955, 0.955),
        ease=ease,
        flare=flare,
        details=_some(rng, 0.35, "ripped", "turn_up", "belt") | {"contrast"},
    )


def _shorts(rng: Rng, gender: str) -> Cut:
    hem = rng.uniform(0.575, 0.63) if gender == "female" else rng.uniform(0.65, 0.72)
    return Cut(
        0.0,
        rng.uniform(0.40, 0.43),
        hem,
        ease=rng.uniform(0.006, 0.016),
        flare=_float(rng, 0.01, 0.018),
        details=_one(rng, 0.6, "turn_up", "cargo", "drawstring", "side_stripe", "belt"),
    )


def _leggings(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(
        0.0,
        rng.uniform(0.38, 0.41),
        _float(rng, 0.86, 0.945),
        ease=-0.002,
        flare=-0.001,
        details=_one(rng, 0.4, "side_stripe"),
    )


def _dress(rng: Rng, gender: str) -> Cut:
    del gender
    sleeve = _float(rng, 0.0, 0.0, 0.28, 0.36, 0.75, 0.97)
    neck = (
        _pick(rng, "v", "scoop", "crew", "square", "collar") if sleeve else _pick(rng, "strap", "scoop", "square", "v")
    )
    hem = _float(rng, 0.62, 0.66, 0.74, 0.82, 0.93)
    flare = _float(rng, 0.0, 0.03, 0.06, 0.10) * (1.0 if hem > 0.7 else 0.7)
    details = _one(rng, 0.7, "waist", "belt", "tiers" if flare else "waist") | (
        _one(rng, 0.3, "puff", "bell") if sleeve > 0.3 else frozenset()
    )
    closure = "buttons" if neck == "collar" else "none"
    return Cut(
        sleeve,
        0.228 if neck == "strap" else 0.165,
        hem,
        neck,
        rng.uniform(0.002, 0.012),
        flare,
        closure,
        details=details,
    )


def _jumpsuit(rng: Rng, gender: str) -> Cut:
    del gender
    sleeve = _float(rng, 0.0, 0.36, 0.97)
    neck = _pick(rng, "v", "collar", "scoop") if sleeve else _pick(rng, "strap", "v", "square")
    return Cut(
        sleeve,
        0.228 if neck == "strap" else 0.165,
        _float(rng, 0.90, 0.955),
        neck,
        rng.uniform(0.004, 0.012),
        _float(rng, 0.004, 0.022, 0.03),
        "buttons" if neck == "collar" else "none",
        details=frozenset({_pick(rng, "belt", "waist")}),
    )


def _coat(rng: Rng, gender: str) -> Cut:
    del gender
    closure, worn_open = _pick(rng, "buttons", "double"), rng.random() < 0.4
    return Cut(
        1.0,
        hem=_float(rng, 0.66, 0.74, 0.82),
        neck=_pick(rng, "lapel", "lapel", "collar"),
        ease=rng.uniform(0.018, 0.030),
        flare=_float(rng, 0.004, 0.02, 0.03),
        closure=closure,
        worn_open=worn_open,
        details=_some(rng, 0.5, "hip_pockets") | (frozenset() if worn_open else _some(rng, 0.5, "belt")),
    )


def _jacket(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(
        1.0,
        hem=rng.uniform(0.46, 0.52),
        neck=_pick(rng, "collar", "zip"),
        ease=rng.uniform(0.018, 0.028),
        closure="zip",
        worn_open=rng.random() < 0.4,
        details=_one(rng, 0.8, "chest_pockets", "ribs", "hip_pockets") | {"cuffs"},
    )


def _denim_jacket(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(
        1.0,
        hem=rng.uniform(0.45, 0.49),
        neck="collar",
        ease=rng.uniform(0.016, 0.024),
        closure="buttons",
        worn_open=rng.random() < 0.4,
        details=frozenset({"chest_pockets", "cuffs", "waist"}),
    )


def _puffer(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(
        1.0,
        hem=_float(rng, 0.47, 0.52, 0.66),
        neck=_pick(rng, "zip", "hood"),
        ease=rng.uniform(0.030, 0.042),
        closure="zip",
        worn_open=rng.random() < 0.2,
    )


def _blazer(rng: Rng, gender: str) -> Cut:
    ease = rng.uniform(0.012, 0.018) + (0.004 if gender == "male" else 0)
    return Cut(
        0.99,
        hem=rng.uniform(0.51, 0.56),
        neck="lapel",
        ease=ease,
        closure=_pick(rng, "buttons", "buttons", "double"),
        worn_open=rng.random() < 0.45,
        details=frozenset({"hip_pockets"}) | _some(rng, 0.4, "pocket"),
    )


def _sneakers(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(
        details=frozenset({"laces"})
        | _one(rng, 0.75, "white_sole", "white_sole", "dark_sole")
        | _one(rng, 0.75, "side_stripe", "swoosh", "toecap")
        | _some(rng, 0.6, "white_laces")
    )


def _heels(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(heel=rng.uniform(0.030, 0.055), details=_one(rng, 0.6, "strap", "block", "bow"))


def _flats(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(heel=0.004, details=_one(rng, 0.7, "bow", "strap", "toecap"))


def _loafers(rng: Rng, gender: str) -> Cut:
    del gender
    return Cut(heel=0.008, details=frozenset({_pick(rng, "penny", "bow", "toecap"), "dark_sole"}))


def _boots(rng: Rng, gender: str) -> Cut:
    tall = gender == "female" and rng.random() < 0.4
    shaft = rng.uniform(0.14, 0.19) if tall else rng.uniform(0.015, 0.05)
    heel = _float(rng, 0.008, 0.014, 0.03) if gender == "female" else 0.010
    return Cut(
        heel=heel,
        shaft=shaft,
        details=(frozenset() if tall else _one(rng, 0.9, "laces", "elastic", "toecap"))
        | _one(rng, 0.5, "dark_sole")
        | {"block"},
    )


KINDS: dict[str, Kind] = {
    "t-shirt": Kind("upper_wear", "T-Shirt", "Apparel > Tops > T-shirts", _ANY, ("cotton",), ("solid", "solid", "stripes", "graphic", "graphic", "colour-block", "camo", "dots"), (12, 45), _t_shirt, 1.6),
    "top": Kind("upper_wear", "Top", "Apparel > Tops > Tank tops", ("female",), ("cotton", "satin", "knit"), _PRINTS, (14, 60), _top, 1.0),
    "shirt": Kind("upper_wear", "Shirt", "Apparel > Tops > Shirts", _ANY, ("cotton", "linen", "denim", "satin"), ("solid", "solid", "vertical stripes", "checks", "gingham", "dots", "floral"), (29, 110), _shirt, 1.3),
    "blouse": Kind("upper_wear", "Blouse", "Apparel > Tops > Blouses", ("female",), ("satin", "cotton", "linen"), ("solid", "floral", "dots", "vertical stripes"), (29, 99), _blouse, 0.8),
    "polo": Kind("upper_wear", "Polo", "Apparel > Tops > Polos", ("male", "unisex"), ("cotton",), ("solid", "stripes", "colour-block"), (25, 80), _polo, 0.5),
    "sweater": Kind("upper_wear", "Sweater", "Apparel > Tops > Sweaters", _ANY, ("knit", "knit", "wool"), ("solid", "solid", "stripes", "colour-block", "checks"), (35, 160), _sweater, 1.1),
    "hoodie": Kind("upper_wear", "Hoodie", "Apparel > Tops > Hoodies", _ANY, ("cotton",), ("solid", "solid", "graphic", "colour-block", "camo"), (35, 90), _hoodie, 0.8),
    "cardigan": Kind("upper_wear", "Cardigan", "Apparel > Tops > Cardigans", ("female", "female", "male"), ("knit", "wool"), ("solid", "solid", "stripes"), (39, 140), _cardigan, 0.5),
    "skirt": Kind("lower_wear", "Skirt", "Apparel > Bottoms > Skirts", ("female",), ("cotton", "wool", "denim", "satin", "leather"), ("solid", "solid", "floral", "dots", "checks", "vertical stripes", "stripes"), (25, 120), _skirt, 1.2),
    "trousers": Kind("lower_wear", "Trousers", "Apparel > Bottoms > Trousers", _ANY, ("cotton", "wool", "linen", "leather"), ("solid", "solid", "solid", "checks", "vertical stripes", "camo"), (35, 140), _trousers, 1.3),
    "jeans": Kind("lower_wear", "Jeans", "Apparel > Bottoms > Jeans", _ANY, ("denim",), ("solid",), (39, 150), _jeans, 1.2),
    "shorts": Kind("lower_wear", "Shorts", "Apparel > Bottoms > Shorts", _ANY, ("cotton", "denim", "linen"), ("solid", "solid", "checks", "floral", "camo", "vertical stripes"), (19, 70), _shorts, 0.8),
    "leggings": Kind("lower_wear", "Leggings", "Apparel > Bottoms > Leggings", ("female",), ("cotton",), ("solid", "solid", "camo", "floral"), (15, 60), _leggings, 0.5),
    "dress": Kind("dress", "Dress", "Apparel > Dresses", ("female",), ("cotton", "satin", "knit", "linen", "denim"), ("solid", "solid", "floral", "floral", "dots", "stripes", "checks", "vertical stripes", "colour-block"), (35, 190), _dress, 1.9),
    "jumpsuit": Kind("dress", "Jumpsuit", "Apparel > Jumpsuits", ("female",), ("cotton", "satin", "denim", "linen"), ("solid", "solid", "floral", "vertical stripes", "camo"), (45, 160), _jumpsuit, 0.6),
    "coat": Kind("outerwear", "Coat", "Apparel > Outerwear > Coats", _ANY, ("wool", "wool", "cotton"), ("solid", "solid", "solid", "checks"), (89, 340), _coat, 0.9),
    "jacket": Kind("outerwear", "Jacket", "Apparel > Outerwear > Jackets", _ANY, ("leather", "cotton", "suede"), ("solid", "solid", "solid", "camo", "colour-block"), (59, 290), _jacket, 0.8),
    "denim jacket": Kind("outerwear", "Denim Jacket", "Apparel > Outerwear > Jackets", _ANY, ("denim",), ("solid",), (59, 150), _denim_jacket, 0.4),
    "puffer": Kind("outerwear", "Puffer Jacket", "Apparel > Outerwear > Jackets", _ANY, ("puffer",), ("solid", "solid", "colour-block"), (69, 260), _puffer, 0.4),
    "blazer": Kind("outerwear", "Blazer", "Apparel > Outerwear > Blazers", ("female", "male"), ("wool", "cotton", "linen"), ("solid", "solid", "checks", "vertical stripes"), (69, 280), _blazer, 0.8),
    "sneakers": Kind("foot_wear", "Sneakers", "Apparel > Shoes > Sneakers", _ANY, ("canvas", "leather", "suede"), ("solid",), (39, 160), _sneakers, 1.2),
    "heels": Kind("foot_wear", "Heels", "Apparel > Shoes > Heels", ("female",), ("leather", "suede", "patent"), ("solid",), (49, 190), _heels, 0.7),
    "flats": Kind("foot_wear", "Flats", "Apparel > Shoes > Flats", ("female",), ("leather", "suede", "canvas"), ("solid",), (29, 110), _flats, 0.5),
    "loafers": Kind("foot_wear", "Loafers", "Apparel > Shoes > Loafers", ("male", "female"), ("leather", "suede"), ("solid",), (59, 190), _loafers, 0.5),
    "boots": Kind("foot_wear", "Boots", "Apparel > Shoes > Boots", ("female", "male"), ("leather", "leather", "suede"), ("solid",), (69, 280), _boots, 0.8),
}  # fmt: skip
"""Kind name → kind."""
