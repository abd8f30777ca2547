"""A generated catalogue: distinct products with sensible names, and outfits put together from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from models.studio.colors import COLORS, DENIM, NEUTRALS, brightness
from models.studio.figures.kinds import KINDS, Kind
from models.studio.spec import Cut, GarmentSpec
from models.studio.wording import describe

BRANDS = (
    "Norrvik",
    "Halden & Roe",
    "Lumen Row",
    "Casa Brisa",
    "Atelier Moth",
    "Tidewater Mill",
    "Rue Quince",
    "Obsidian Lane",
    "Marlo Finch",
    "Kestrel & Pine",
    "Solstice Supply",
    "Ostra",
)
"""Brands that do not exist."""
NAMES = (
    "Alma",
    "Birk",
    "Cleo",
    "Dario",
    "Edda",
    "Fenn",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kaia",
    "Leo",
    "Mira",
    "Nils",
    "Orla",
    "Piet",
    "Runa",
    "Sol",
    "Tove",
    "Vera",
    "Wim",
    "Yara",
    "Zeno",
    "Noor",
    "Elif",
    "Bruno",
    "Carla",
    "Rosa",
    "Ivo",
    "Luz",
)
VARIANT_CHANCE = 0.3
"""How often the next product is the last one in another colour."""


def sample_garment(rng: np.random.Generator, kind: str, number: int, gender: str | None = None) -> GarmentSpec:
    """One product of a kind, for that gender if the kind has it."""
    made = KINDS[kind]
    options = [g for g in made.genders if g == gender] or list(made.genders)
    who = str(rng.choice(options))
    fabric, pattern = str(rng.choice(made.fabrics)), str(rng.choice(made.patterns))
    if fabric in {"leather", "suede", "denim", "puffer"} and pattern not in {"solid", "colour-block"}:
        pattern = "solid"
    names = list(DENIM) if fabric == "denim" else list(COLORS)
    if made.label == "foot_wear":
        names = [
            "black",
            "white",
            "brown",
            "camel",
            "red",
            "navy",
            "grey",
            "beige",
            "burgundy",
            "green",
            "pink",
            "blue",
            "olive",
            "black",
        ]
    elif made.label == "outerwear" and fabric in {"leather", "suede"}:
        names = ["black", "brown", "camel", "burgundy", "olive", "navy", "grey", "red"]
    color = str(rng.choice(names))
    accent = _accent(rng, color)
    spec = GarmentSpec(
        product_id=f"st-{number:05d}",
        kind=kind,
        label=made.label,
        color=color,
        accent=accent,
        shade=_shade(rng),
        pattern=pattern,
        fabric=fabric,
        cut=made.cut(rng, who),
        scale=float(rng.choice([0.7, 1.0, 1.0, 1.5])),
        variety=int(rng.integers(2**31)),
        group=f"sg-{number:05d}",
        gender=who,
        brand=str(rng.choice(BRANDS)),
        product_type=made.product_type,
        price=_price(rng, made.price),
    )
    return describe(spec, str(rng.choice(NAMES)), rng)


def sample_catalogue(n: int, seed: int = 0, kinds: Iterable[str] | None = None) -> list[GarmentSpec]:
    """`n` distinct products; some are colour variants of one another (same `group`).

    The first products of two catalogues with one seed are the same.
    """
    rng = np.random.default_rng([seed, 20])
    chosen = list(kinds) if kinds is not None else list(KINDS)
    share = np.array([KINDS[k].share for k in chosen])
    share = share / share.sum()
    products: list[GarmentSpec] = []
    taken: set[tuple[object, ...]] = set()
    while len(products) < n:
        number = len(products) + 1
        if products and rng.random() < VARIANT_CHANCE:
            spec = color_variant(products[-1], number, rng)
        else:
            spec = sample_garment(rng, str(rng.choice(chosen, p=share)), number)
        if (key := _looks(spec)) not in taken:
            taken.add(key)
            products.append(spec)
    return products


def color_variant(spec: GarmentSpec, number: int, rng: np.random.Generator) -> GarmentSpec:
    """The same product in another colour."""
    names = [c for c in (DENIM if spec.fabric == "denim" else COLORS) if c not in {spec.color, spec.accent}]
    color = str(rng.choice(names))
    accent = spec.accent if _contrast(color, spec.accent) > 0.25 else _accent(rng, color)
    changed = replace(spec, product_id=f"st-{number:05d}", color=color, accent=accent, shade=_shade(rng))
    return describe(changed, spec.title.split()[0], rng)


def sample_outfit(
    seed: int, gender: str, around: GarmentSpec | None = None, *, neutral: bool = False
) -> list[GarmentSpec]:
    """Garments that dress a person completely, in drawing order; `around` is one of them if given.

    Args:
        neutral: complete with plain garments in quiet colours, as shops do around what they sell.
    """
    rng = np.random.default_rng([seed, 21])
    have = {around.label: around} if around else {}
    outfit: list[GarmentSpec] = []

    def add(label: str) -> None:
        outfit.append(have[label] if label in have else _companion(rng, label, gender, neutral=neutral))

    one_piece = "dress" in have or (
        not have.keys() & {"upper_wear", "lower_wear"} and gender == "female" and rng.random() < 0.3
    )
    for label in ("dress",) if one_piece else ("lower_wear", "upper_wear"):
        add(label)
    add("foot_wear")
    if "outerwear" in have or (not neutral and rng.random() < 0.3):
        add("outerwear")
    return outfit


def _companion(rng: np.random.Generator, label: str, gender: str, *, neutral: bool) -> GarmentSpec:
    fitting = [k for k, v in KINDS.items() if v.label == label and (gender in v.genders or "unisex" in v.genders)]
    if neutral:
        quiet = {
            "upper_wear": ["t-shirt", "shirt"],
            "lower_wear": ["jeans", "trousers"],
            "foot_wear": ["sneakers", "loafers", "boots"],
        }
        fitting = [k for k in quiet.get(label, fitting) if k in fitting] or fitting
    spec = sample_garment(rng, str(rng.choice(fitting)), 0, gender)
    spec = replace(spec, product_id=f"other-{int(rng.integers(10**9)):09d}", group="")
    if not neutral:
        return spec
    names = [c for c in NEUTRALS if spec.fabric != "denim" or c in DENIM]
    plain = replace(spec, pattern="solid", color=str(rng.choice(names)))
    return describe(plain, plain.title.split()[0], rng)


def _price(rng: np.random.Generator, between: tuple[float, float]) -> float:
    low, high = between
    return float(round(low + (high - low) * rng.beta(1.6, 2.6)) + rng.choice([0.0, 0.9, 0.95, 0.99]))


def _shade(rng: np.random.Generator) -> tuple[float, float, float]:
    level = rng.normal(0, 0.025)
    r, g, b = (float(level + v) for v in rng.normal(0, 0.012, 3))
    return r, g, b


def _contrast(one: str, other: str) -> float:
    a, b = COLORS[one], COLORS[other]
    return max(abs(brightness(a) - brightness(b)), max(abs(x - y) for x, y in zip(a, b, strict=True)) * 0.8)


def _accent(rng: np.random.Generator, color: str) -> str:
    options = [c for c in COLORS if _contrast(color, c) > 0.3]
    if rng.random() < 0.5:
        options = [c for c in options if c in {"white", "black", "navy", "cream", "grey", "beige"}] or options
    return str(rng.choice(options))


def _looks(spec: GarmentSpec) -> tuple[object, ...]:
    """What two products may not share: nobody could tell them apart."""
    cut: Cut = spec.cut
    rough = (
        round(cut.sleeve, 1),
        round(cut.hem, 2),
        cut.neck,
        round(cut.ease, 2),
        round(cut.flare, 2),
        cut.closure,
        cut.details,
        round(cut.heel, 2),
        round(cut.shaft, 2),
    )
    return spec.kind, spec.color, spec.accent if spec.pattern != "solid" else "", spec.pattern, spec.fabric, rough


def kind_of(spec: GarmentSpec) -> Kind:
    """The kind that a product is of."""
    return KINDS[spec.kind]
