"""Products without people: on an invisible form, laid flat, shoes as a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.studio.backdrops import backdrop
from models.studio.camera import OVERSAMPLE, develop, reduce_owners
from models.studio.figures.body import Figure, Points
from models.studio.figures.people import neutral_pose
from models.studio.figures.pieces import Mark, Piece, moved
from models.studio.figures.shoes import shoe_marks
from models.studio.figures.wearing import caption, dress
from models.studio.painter import Light, Painter, Placement
from models.studio.spec import GarmentSpec, PersonSpec, Presentation
from models.studio.truth import Rendered, show


def render_product(
    garment: GarmentSpec,
    size: tuple[int, int] = (480, 640),
    seed: int = 0,
    *,
    presentation: Presentation = "ghost",
    background: str = "white",
) -> Rendered:
    """One product without a person: as worn by nobody (`ghost`), or laid flat. Shoes stand as a pair."""
    rng = np.random.default_rng([seed, 14])
    width, height = round(size[0] * OVERSAMPLE), round(size[1] * OVERSAMPLE)
    light = Light(float(rng.uniform(-0.5, 0.5)), float(rng.uniform(0.62, 0.75)), seed % 9973)
    painter = Painter(backdrop(background, width, height, 1.2, seed), light)
    flat = presentation == "flat"
    if garment.label == "foot_wear":
        marks = _pair(garment, rng)
    else:
        person = _mannequin(garment)
        turn = 0.0 if flat else float(rng.uniform(-0.22, 0.22))
        figure = Figure(
            person,
            neutral_pose(person=person, yaw=turn, spread=float(rng.uniform(14, 24) if flat else rng.uniform(9, 15))),
        )
        hanging = replace(garment, cut=replace(garment.cut, tucked=False))
        marks = dress(figure, hanging, 1, flat=flat, ghost=True)
    place = _fit(marks, width, height, 0.10 if garment.label != "foot_wear" else 0.07)
    _drop_shadow(painter.canvas, marks, place, flat=flat or garment.label == "foot_wear", light=light)
    painter.paint(marks, place)
    pixels = develop(painter.canvas, size, rng, candid=False)
    owners = reduce_owners(painter.owners, size)
    shown = show(garment, owners == 1)
    kept = (shown,) if shown else ()
    return Rendered(pixels, "none", presentation, background, kept, (), caption([garment], "none", background))


def _mannequin(garment: GarmentSpec) -> PersonSpec:
    """The form that a product-only picture is shot on."""
    f = {"female": 0.85, "male": 0.1}.get(garment.gender, 0.5)
    tone = (0.8, 0.8, 0.8)
    return PersonSpec(f, 0.094 + 0.012 * (1 - f), 1.0, 0.092, 1.03, 1.0, tone, tone, "bald", garment.gender)


def _pair(garment: GarmentSpec, rng: np.random.Generator) -> list[Mark]:
    """Two shoes on a shelf, seen from the side and a little from above."""
    turn = np.deg2rad(rng.uniform(52, 82)) * (1 if rng.random() < 0.5 else -1)
    tilt = np.deg2rad(rng.uniform(12, 24))
    c, s = np.cos(turn), np.sin(turn)
    marks: list[Mark] = []
    for number, (offset_out, offset_along) in enumerate(((-0.040, 0.022), (0.040, -0.012))):
        mirror = 1.0 if number else -1.0

        def project(
            points: Points, out: float = offset_out, ahead: float = offset_along, mirror: float = mirror
        ) -> Points:
            z, up, x = points[:, 0] + ahead, points[:, 1], points[:, 2] * mirror + out
            depth = z * c - x * s
            return np.stack([x * c + z * s, -up * np.cos(tilt) + depth * np.sin(tilt)], 1)

        depth = offset_along * c - offset_out * s
        marks += shoe_marks(garment, project, 1, 10.0 + 20.0 * (depth > 0), alone=True)
    return marks


def _fit(marks: Sequence[Mark], width: int, height: int, margin: float) -> Placement:
    points = np.concatenate([p for m in marks if isinstance(m, Piece) and not m.clip for p in m.fills])
    low, high = points.min(0), points.max(0)
    span = high - low
    scale = float(min(width * (1 - 2 * margin) / span[0], height * (1 - 2 * margin) / span[1]))
    middle = (low + high) / 2
    return Placement(scale, float(width / 2 - middle[0] * scale), float(height / 2 - middle[1] * scale))


def _drop_shadow(
    canvas: NDArray[np.float32], marks: Sequence[Mark], place: Placement, *, flat: bool, light: Light
) -> None:
    """The soft shadow of something that lies or stands on the ground."""
    if not flat:
        return
    height, width = canvas.shape[:2]
    mask = np.zeros((height // 4, width // 4), np.uint8)
    for mark in marks:
        if isinstance(mark, Piece) and not mark.clip:
            for outline in mark.fills:
                shifted = moved(place.pixels(outline), -light.x * 0.02 * height, 0.012 * height) / 4
                cv2.fillPoly(mask, [np.round(shifted).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(mask, (0, 0), height / 4 * 0.014).astype(np.float32) * np.float32(0.30 / 255)
    canvas *= (1 - cv2.resize(soft, (width, height)))[..., None]
