"""How each kind of garment may be cut: a cut drawn from a random generator, for a gender."""

from __future__ import annotations

import numpy as np

from models.studio.spec import Cut

Rng = np.random.Generator


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


def t_shirt(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a t-shirt."""
    ease = rng.uniform(0.004, 0.014) if gender == "female" else rng.uniform(0.010, 0.028)
    return Cut(
        _float(rng, 0.30, 0.36, 0.42),
        hem=rng.uniform(0.47, 0.52),
        neck=_pick(rng, "crew", "crew", "v"),
        ease=ease,
        details=_one(rng, 0.4, "pocket", "ringer", "raglan"),
    )


def top(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a top."""
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


def shirt(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a shirt."""
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


def blouse(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a blouse."""
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


def polo(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a polo."""
    del gender
    return Cut(
        _float(rng, 0.36, 0.40),
        hem=rng.uniform(0.48, 0.52),
        neck="collar",
        ease=rng.uniform(0.010, 0.02),
        closure="buttons",
        details=frozenset({"ribs"}),
    )


def sweater(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a sweater."""
    del gender
    return Cut(
        0.98,
        hem=rng.uniform(0.46, 0.53),
        neck=_pick(rng, "crew", "crew", "v", "turtle"),
        ease=rng.uniform(0.012, 0.030),
        details=frozenset({"ribs", "cuffs"}),
    )


def hoodie(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a hoodie."""
    del gender
    return Cut(
        0.98,
        hem=rng.uniform(0.49, 0.53),
        neck="hood",
        ease=rng.uniform(0.020, 0.032),
        closure=_pick(rng, "none", "none", "zip"),
        details=frozenset({"ribs", "cuffs", "kangaroo"}),
    )


def cardigan(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a cardigan."""
    del gender
    return Cut(
        0.98,
        hem=rng.uniform(0.47, 0.58),
        neck="v",
        ease=rng.uniform(0.014, 0.024),
        closure="buttons",
        details=frozenset({"ribs", "cuffs"}),
    )


def skirt(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a skirt."""
    del gender
    hem = _float(rng, 0.58, 0.62, 0.72, 0.80, 0.92)
    shape = _pick(rng, "pencil", "a", "a", "full")
    flare = {"pencil": -0.01, "a": rng.uniform(0.02, 0.06), "full": rng.uniform(0.06, 0.11)}[shape] * (
        1.0 if hem > 0.65 else 0.6
    )
    details = _one(rng, 0.5, "pleats", "buttons", "tiers") if shape != "pencil" else frozenset()
    return Cut(0.0, rng.uniform(0.385, 0.41), hem, ease=0.004, flare=flare, details=details)


def trousers(rng: Rng, gender: str) -> Cut:
    """Draw the cut of trousers."""
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


def jeans(rng: Rng, gender: str) -> Cut:
    """Draw the cut of jeans."""
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


def shorts(rng: Rng, gender: str) -> Cut:
    """Draw the cut of shorts."""
    hem = rng.uniform(0.575, 0.63) if gender == "female" else rng.uniform(0.65, 0.72)
    return Cut(
        0.0,
        rng.uniform(0.40, 0.43),
        hem,
        ease=rng.uniform(0.006, 0.016),
        flare=_float(rng, 0.01, 0.018),
        details=_one(rng, 0.6, "turn_up", "cargo", "drawstring", "side_stripe", "belt"),
    )


def leggings(rng: Rng, gender: str) -> Cut:
    """Draw the cut of leggings."""
    del gender
    return Cut(
        0.0,
        rng.uniform(0.38, 0.41),
        _float(rng, 0.86, 0.945),
        ease=-0.002,
        flare=-0.001,
        details=_one(rng, 0.4, "side_stripe"),
    )


def dress(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a dress."""
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


def jumpsuit(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a jumpsuit."""
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


def coat(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a coat."""
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


def jacket(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a jacket."""
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


def denim_jacket(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a denim jacket."""
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


def puffer(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a puffer."""
    del gender
    return Cut(
        1.0,
        hem=_float(rng, 0.47, 0.52, 0.66),
        neck=_pick(rng, "zip", "hood"),
        ease=rng.uniform(0.030, 0.042),
        closure="zip",
        worn_open=rng.random() < 0.2,
    )


def blazer(rng: Rng, gender: str) -> Cut:
    """Draw the cut of a blazer."""
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


def sneakers(rng: Rng, gender: str) -> Cut:
    """Draw the cut of sneakers."""
    del gender
    return Cut(
        details=frozenset({"laces"})
        | _one(rng, 0.75, "white_sole", "white_sole", "dark_sole")
        | _one(rng, 0.75, "side_stripe", "swoosh", "toecap")
        | _some(rng, 0.6, "white_laces")
    )


def heels(rng: Rng, gender: str) -> Cut:
    """Draw the cut of heels."""
    del gender
    return Cut(heel=rng.uniform(0.030, 0.055), details=_one(rng, 0.6, "strap", "block", "bow"))


def flats(rng: Rng, gender: str) -> Cut:
    """Draw the cut of flats."""
    del gender
    return Cut(heel=0.004, details=_one(rng, 0.7, "bow", "strap", "toecap"))


def loafers(rng: Rng, gender: str) -> Cut:
    """Draw the cut of loafers."""
    del gender
    return Cut(heel=0.008, details=frozenset({_pick(rng, "penny", "bow", "toecap"), "dark_sole"}))


def boots(rng: Rng, gender: str) -> Cut:
    """Draw the cut of boots."""
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
