"""A garment of any kind on a figure, and what a picture of garments is called."""

from __future__ import annotations

from collections.abc import Sequence

from engine.domain import View
from models.studio.figures.body import Figure
from models.studio.figures.legs import skirt_marks, trouser_marks
from models.studio.figures.pieces import Mark
from models.studio.figures.shoes import worn_shoes
from models.studio.figures.torso import torso_marks
from models.studio.spec import GarmentSpec


def dress(figure: Figure, garment: GarmentSpec, owner: int, *, flat: bool = False, ghost: bool = False) -> list[Mark]:
    """The pieces of one garment on a figure."""
    if garment.kind == "skirt":
        return skirt_marks(figure, garment, owner, flat=flat)
    if garment.label == "lower_wear":
        return trouser_marks(figure, garment, owner, flat=flat)
    if garment.label == "foot_wear":
        return worn_shoes(figure, garment, owner, over_trousers=garment.cut.shaft > 0.08)
    marks = torso_marks(figure, garment, owner, flat=flat, ghost=ghost)
    if garment.kind == "jumpsuit":
        marks += trouser_marks(figure, garment, owner, flat=flat)
    return marks


def caption(garments: Sequence[GarmentSpec], view: View, background: str) -> str:
    """One sentence that is true of the picture."""
    words = [(g.title or f"{g.color} {g.kind}").lower() for g in garments]
    listed = words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else "nothing"
    if view == "none":
        return f"a product photo of {listed} on a {background} background"
    side = {"front": "from the front", "back": "from behind"}.get(view, "from the side")
    where = {"street": "in the street", "park": "in a park", "room": "in a room"}.get(background, "in the studio")
    return f"a person {where} seen {side} wearing {listed}"
