"""What a shop says of a product: title, description, the words of its cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.studio.figures.kinds import KINDS
from models.studio.spec import GarmentSpec

MATERIALS = {
    "cotton": "cotton",
    "linen": "linen",
    "satin": "viscose satin",
    "wool": "wool blend",
    "knit": "knitted cotton",
    "denim": "denim",
    "leather": "leather",
    "suede": "suede",
    "canvas": "canvas",
    "puffer": "quilted nylon",
    "patent": "patent leather",
}


def describe(spec: GarmentSpec, name: str, rng: np.random.Generator) -> GarmentSpec:
    """Give a product its words: title, description, material, sale price, availability."""
    words = cut_words(spec)
    told = words[:1] if spec.kind not in _PLAIN_TITLES else []
    pattern = {
        "solid": "",
        "graphic": "printed",
        "dots": "dotted",
        "stripes": "striped",
        "vertical stripes": "pinstriped",
        "checks": "checked",
    }.get(spec.pattern, spec.pattern)
    noun = KINDS[spec.kind].noun
    title = " ".join(w for w in (name, spec.color.title(), pattern.title(), *(w.title() for w in told), noun) if w)
    second = f" with {spec.accent}" if spec.pattern != "solid" else ""
    audience = {"female": "women's", "male": "men's"}.get(spec.gender, "unisex")
    detail = ", ".join(words) or "classic cut"
    what = f"{audience.capitalize()} {noun.lower()} in {spec.color}{second}, {pattern or 'plain'}"
    text = f"{what}, made of {MATERIALS[spec.fabric]}: {detail}."
    sale = round(spec.price * rng.uniform(0.6, 0.85), 2) if rng.random() < 0.2 else None
    stock = "in_stock" if rng.random() < 0.9 else str(rng.choice(["out_of_stock", "preorder"]))
    return replace(
        spec, title=title, description=text, material=MATERIALS[spec.fabric], sale_price=sale, availability=stock
    )


def cut_words(spec: GarmentSpec) -> list[str]:
    """The cut in the words of a shop, the most telling first."""
    cut, words = spec.cut, []
    label = spec.label
    if spec.kind in {"skirt", "dress"}:
        words.append(
            "mini" if cut.hem < 0.65 else "knee-length" if cut.hem < 0.76 else "midi" if cut.hem < 0.86 else "maxi"
        )
    if spec.kind in {"trousers", "jeans"}:
        words.append(
            "wide-leg"
            if cut.flare > 0.026
            else "bootcut"
            if cut.flare > 0.015
            else "straight"
            if cut.ease > 0.006
            else "skinny"
            if cut.ease <= 0.002
            else "slim"
        )
    if spec.kind == "boots":
        words.append("knee-high" if cut.shaft > 0.1 else "ankle")
    if spec.kind == "heels":
        words.append("block" if "block" in cut.details else "stiletto")
    if label in {"upper_wear", "dress"}:
        words.append(
            "sleeveless"
            if cut.sleeve == 0
            else "short-sleeved"
            if cut.sleeve < 0.55
            else "three-quarter-sleeved"
            if cut.sleeve < 0.9
            else "long-sleeved"
        )
        words.append(
            {
                "crew": "crew neck",
                "v": "v-neck",
                "scoop": "scoop neck",
                "square": "square neck",
                "turtle": "turtleneck",
                "strap": "spaghetti straps",
            }.get(cut.neck, cut.neck)
        )
    if label == "outerwear":
        words.append(
            {"double": "double-breasted", "zip": "zipped", "buttons": "single-breasted"}.get(cut.closure, "open")
        )
    if cut.flare > 0.05:
        words.append("flared")
    if spec.kind == "skirt" and cut.flare < 0:
        words.append("pencil")
    words += [_TELLING[d] for d in sorted(cut.details) if d in _TELLING]
    return words


_PLAIN_TITLES = {
    "sneakers",
    "flats",
    "loafers",
    "shorts",
    "leggings",
    "t-shirt",
    "polo",
    "hoodie",
    "puffer",
    "denim jacket",
}


_TELLING = {
    "pocket": "chest pocket",
    "chest_pockets": "two chest pockets",
    "belt": "belted",
    "pleats": "pleated",
    "tiers": "tiered",
    "ripped": "ripped knees",
    "cargo": "cargo pockets",
    "side_stripe": "side stripes",
    "laces": "laces",
    "toecap": "toe cap",
    "bow": "bow",
    "strap": "ankle strap",
    "turn_up": "turn-ups",
    "puff": "puff sleeves",
    "bell": "bell sleeves",
    "ringer": "contrast neckline",
    "raglan": "raglan sleeves",
    "white_sole": "white sole",
    "crease": "pressed crease",
    "drawstring": "drawstring",
    "hip_pockets": "hip pockets",
}
