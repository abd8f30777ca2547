"""What a generated garment is: its kind, cut, colours and cloth, and what its shop says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.domain import View

Framing = Literal["full", "knees_up", "waist_up", "waist_down", "headless"]
"""How much of the person the picture shows. Only `full` is a full shot (head to feet)."""

Presentation = Literal["ghost", "flat"]
"""A product without a person: as if worn by an invisible one, or laid on a table."""

FRAMINGS: tuple[Framing, ...] = ("full", "knees_up", "waist_up", "waist_down", "headless")
VIEWS: tuple[View, ...] = ("front", "back", "left", "right")


@dataclass(frozen=True, slots=True)
class Cut:
    """How a garment is cut. Lengths are in body heights (0 crown, 1 sole).

    Attributes:
        sleeve: share of the arm that is covered, 0 to 1.
        top: where a skirt or trousers begin.
        hem: where the garment ends.
        neck: crew, v, scoop, square, turtle, collar, lapel, hood, zip, strap.
        ease: room between body and cloth, as a half-width.
        flare: how much wider the hem is than the hip.
        closure: none, buttons, zip, double (double-breasted).
        worn_open: an open coat shows what is under it.
        tucked: an upper garment that goes into the waistband.
        heel: heel height of a shoe; `shaft`: height of a boot's leg.
        details: small things that tell products apart: pocket, belt, cuffs, hood, toecap, side_stripe, …
    """

    sleeve: float = 0.0
    top: float = 0.165
    hem: float = 0.5
    neck: str = "crew"
    ease: float = 0.01
    flare: float = 0.0
    closure: str = "none"
    worn_open: bool = False
    tucked: bool = False
    heel: float = 0.0
    shaft: float = 0.0
    details: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GarmentSpec:
    """One product of the generated catalogue. Equal specs look equal in every picture.

    Attributes:
        product_id: the feed's `id`.
        kind: a key of `kinds.KINDS`, such as `sneakers`.
        label: the class of engine/taxonomy.toml that the kind belongs to.
        color, accent: names from `colors.COLORS`; the accent is a pattern's second colour.
        shade: the product's own deviation from its named colour, added to each of R, G, B.
        pattern: solid, stripes, vertical stripes, checks, gingham, dots, floral, camo, colour-block, graphic.
        fabric: cotton, linen, satin, wool, knit, denim, leather, suede, canvas, puffer.
        scale: size of the pattern, 1 is usual.
        variety: the seed of everything else about its looks (where the flowers lie).
        group: `item_group_id` shared by colour variants.
        price, sale_price: in euros.
    """

    product_id: str
    kind: str
    label: str
    color: str
    accent: str
    shade: tuple[float, float, float]
    pattern: str
    fabric: str
    cut: Cut
    scale: float = 1.0
    variety: int = 0
    group: str = ""
    gender: str = "unisex"
    title: str = ""
    description: str = ""
    brand: str = ""
    material: str = ""
    product_type: str = ""
    price: float = 0.0
    sale_price: float | None = None
    availability: str = "in_stock"


@dataclass(frozen=True, slots=True)
class PersonSpec:
    """A generated person. Widths are half-widths in body heights.

    Attributes:
        feminine: 0 to 1, shapes waist, hips and chest.
        skin, hair: sRGB, 0 to 1.
        hair_style: short, bob, long, bun, ponytail, curly, bald, cap.
    """

    feminine: float
    shoulder: float
    bulk: float
    hip: float
    legs: float
    head: float
    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    hair_style: str
    gender: str = field(default="unisex")
