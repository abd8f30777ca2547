"""From products and a person to a picture with exact truth: masks, boxes, keypoints, view, identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.domain import View
from models.studio.alone import render_product
from models.studio.backdrops import backdrop, ground_shadow
from models.studio.camera import OVERSAMPLE, develop, reduce_owners
from models.studio.catalogue import sample_outfit
from models.studio.figures.body import Figure
from models.studio.figures.cloth import Swatch
from models.studio.figures.head import head_marks
from models.studio.figures.people import sample_person, sample_pose
from models.studio.figures.pieces import BoxFrame, Fold, Mark, Piece, Stroke, curve, moved
from models.studio.figures.shoes import worn_shoes
from models.studio.figures.skin import arm_chain, body_marks
from models.studio.figures.wearing import caption, dress
from models.studio.layers import EXTRA, NEAR_ARM, SKIN, STRIDE
from models.studio.painter import Light, Painter, Placement
from models.studio.spec import Framing, GarmentSpec, PersonSpec
from models.studio.truth import Rendered, ShownGarment, ShownPerson, observe, tight_box

__all__ = ["Rendered", "ShownGarment", "ShownPerson", "render_look", "render_product", "tight_box"]

_FRAMES: dict[str, tuple[float, float]] = {
    "full": (-0.02, 1.04),
    "knees_up": (-0.03, 0.74),
    "waist_up": (-0.03, 0.52),
    "waist_down": (0.36, 1.04),
    "headless": (0.13, 1.04),
}
"""The part of the body that each framing shows, in body heights."""


def render_look(
    garments: Sequence[GarmentSpec],
    person: PersonSpec | None = None,
    view: View = "front",
    background: str = "white",
    size: tuple[int, int] = (480, 640),
    seed: int = 0,
    *,
    framing: Framing = "full",
    bystanders: int = 0,
    candid: bool = False,
) -> Rendered:
    """A person who wears these garments.

    Args:
        garments: at most one per layer; what is missing leaves skin.
        person: by default one is drawn from the seed.
        size: (width, height) in pixels.
        bystanders: other dressed people behind, with their own truth.
        candid: a snapshot: freer stance and framing, uneven exposure, noise.
    """
    rng = np.random.default_rng([seed, 10])
    width, height = round(size[0] * OVERSAMPLE), round(size[1] * OVERSAMPLE)
    person = person or sample_person(seed)
    figure = Figure(person, sample_pose(person, view, seed, calm=not candid))
    place = _placement(figure, garments, framing, width, height, rng, candid=candid)
    floor = (place.y + figure.sole * place.scale) / height - (float(rng.uniform(0.07, 0.18)) if candid else 0.05)
    light = Light(float(rng.uniform(-0.75, 0.75)), float(rng.uniform(0.5, 0.72)), seed % 9973)
    painter = Painter(backdrop(background, width, height, float(np.clip(floor, 0.3, 1.2)), seed), light)
    shown: list[tuple[Figure, Placement, View, Sequence[GarmentSpec], str]] = []
    for number in range(bystanders):
        shown.append(_bystander(painter, rng, place, floor * height, number + 1, seed, width))
    _stand(painter, figure, place, garments, 0, rng, bag=candid and rng.random() < 0.35)
    pixels = develop(painter.canvas, size, rng, candid=candid or background in {"street", "park", "room"})
    owners = reduce_owners(painter.owners, size)
    shown.insert(0, (figure, place, view, garments, framing))
    people = [observe(f, p, owners, v, g, k, size, fr) for k, (f, p, v, g, fr) in enumerate(shown)]
    seen = tuple(p for p in people if p is not None)
    main = people[0]
    return Rendered(
        pixels, view, framing, background, main.garments if main else (), seen, caption(garments, view, background)
    )


def _stand(
    painter: Painter,
    figure: Figure,
    place: Placement,
    garments: Sequence[GarmentSpec],
    index: int,
    rng: np.random.Generator,
    *,
    bag: bool,
) -> None:
    """Paint one dressed person, its shadow on the ground first."""
    base = index * STRIDE
    feet = figure.to_picture(np.array([figure.joint(f"{s}_ankle") for s in ("left", "right")]))
    ground = place.pixels(np.array([[feet[:, 0].mean(), feet[:, 1].max() + 0.045]]))[0]
    ground_shadow(
        painter.canvas,
        float(ground[0]),
        float(ground[1]),
        float((np.ptp(feet[:, 0]) / 2 + 0.085) * place.scale),
        painter.light.x,
    )
    marks = body_marks(figure) + head_marks(figure)
    if not any(g.label == "foot_wear" for g in garments):
        marks += worn_shoes(figure, None, SKIN)
    for number, garment in enumerate(garments, 1):
        marks += dress(figure, garment, number)
    if bag:
        marks += _bag(figure, rng)
    painter.paint([replace(m, owner=m.owner + base) for m in marks] if base else marks, place)


def _bag(figure: Figure, rng: np.random.Generator) -> list[Mark]:
    side = "left" if rng.random() < 0.5 else "right"
    if side in figure.pose.hidden_hands:
        return []
    hand = arm_chain(figure, side)[2] + (0.0, 0.065)
    tone = np.array([(0.25, 0.17, 0.12), (0.12, 0.12, 0.13), (0.62, 0.45, 0.28), (0.55, 0.12, 0.15)])[rng.integers(4)]
    w, h = rng.uniform(0.05, 0.075), rng.uniform(0.09, 0.13)
    x, y = moved(hand, 0.0, 0.05)
    shape = curve(
        [
            (x - w * 0.85, y),
            (x + w * 0.85, y),
            (x + w, y + h * 0.9),
            (x + w * 0.8, y + h),
            (x - w * 0.8, y + h),
            (x - w, y + h * 0.9),
        ],
        60,
    )
    r, g, b = (float(c) for c in tone)
    handle = np.array(
        [(x - w * 0.5, y), (x - w * 0.35, hand[1] - 0.002), (x + w * 0.35, hand[1] - 0.002), (x + w * 0.5, y)]
    )
    piece = Piece(
        EXTRA,
        NEAR_ARM + 8,
        (shape,),
        BoxFrame(x - w, x + w),
        Swatch((r, g, b), gloss=0.3),
        folds=(Fold("crumple", 0.2, 0.2, ((0, 0.06), (2, 0.06))),),
        shadow=0.3,
    )
    return [piece, Stroke(EXTRA, NEAR_ARM + 7.9, (handle,), 0.007, (r * 0.8, g * 0.8, b * 0.8), clip=False)]


def _bystander(
    painter: Painter, rng: np.random.Generator, main: Placement, floor: float, index: int, seed: int, width: int
) -> tuple[Figure, Placement, View, Sequence[GarmentSpec], str]:
    """Somebody farther away, dressed from the catalogue."""
    number = seed * 7 + index * 1013
    person = sample_person(number)
    views: tuple[View, ...] = ("front", "back", "left", "right")
    view = views[int(rng.integers(4))]
    figure = Figure(person, sample_pose(person, view, number))
    near = rng.uniform(0.1, 0.75)
    scale = main.scale * (0.42 + 0.5 * near)
    side = -1 if (index + seed) % 2 else 1
    x = float(np.clip(main.x + side * rng.uniform(0.24, 0.42) * width, 0.03 * width, 0.97 * width))
    feet = floor + (main.y + main.scale - floor) * (0.1 + 0.9 * near)
    place = Placement(float(scale), x, float(feet - scale * figure.sole))
    garments = sample_outfit(number, person.gender)
    _stand(painter, figure, place, garments, index, rng, bag=False)
    return figure, place, view, garments, "full"


def _placement(
    figure: Figure,
    garments: Sequence[GarmentSpec],
    framing: Framing,
    width: int,
    height: int,
    rng: np.random.Generator,
    *,
    candid: bool,
) -> Placement:
    """Where the person stands in the picture."""
    top, bottom = _FRAMES[framing]
    bottom = figure.level(bottom) + max((g.cut.heel for g in garments), default=0.0)
    loose = rng.uniform(0.02, 0.10) if framing == "full" else 0.0
    if candid and framing == "full":
        loose = rng.uniform(0.02, 0.22)
    jitter = rng.uniform(-0.02, 0.02) if framing != "full" else 0.0
    scale = height * (1 - loose) / (bottom - top)
    arms = np.concatenate([arm_chain(figure, s) for s in ("left", "right")])
    widest = float(np.abs(arms[:, 0]).max()) + 0.06
    if framing == "full":
        scale = min(scale, width * 0.49 / widest)
    middle = (arms[:, 0].min() + arms[:, 0].max()) / 2
    drift = rng.uniform(-0.10, 0.10) if candid else rng.uniform(-0.03, 0.03)
    room = max(0.0, width / 2 - widest * scale)
    x = width / 2 - middle * scale + float(np.clip(drift * width, -room, room))
    free = height - scale * (bottom - top)
    y = -top * scale + free * rng.uniform(0.35, 0.75) + jitter * height
    return Placement(float(scale), float(x), float(y))
