"""From products and a person to a picture with exact truth: masks, boxes, keypoints, view, identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Pixels, View
from engine.domain import Garment as EngineGarment
from models.studio.backdrops import backdrop, ground_shadow
from models.studio.body import COCO, Figure, Points
from models.studio.cloth import Swatch, true_colour
from models.studio.layers import EXTRA, HAIR, NEAR_ARM, SKIN, STRIDE
from models.studio.legs import skirt_marks, trouser_marks
from models.studio.noise import GRAIN, sensor
from models.studio.painter import Light, Painter, Placement
from models.studio.people import neutral_pose, sample_person, sample_pose
from models.studio.pieces import BoxFrame, Fold, Mark, Piece, Stroke, curve
from models.studio.shoes import shoe_marks, worn_shoes
from models.studio.skin import arm_chain, body_marks, head_marks
from models.studio.spec import Framing, GarmentSpec, PersonSpec, Presentation
from models.studio.torso import torso_marks

OVERSAMPLE = 1.3
"""Pictures are painted this much larger and reduced, so that edges and textures are smooth."""
LEAST_PIXELS = 24
"""A garment with fewer visible pixels than this is not counted as shown."""

_FRAMES: dict[str, tuple[float, float]] = {
    "full": (-0.02, 1.04), "knees_up": (-0.03, 0.74), "waist_up": (-0.03, 0.52), "waist_down": (0.36, 1.04), "headless": (0.13, 1.04),
}  # fmt: skip
"""The part of the body that each framing shows, in body heights."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownGarment:
    """A garment as it is seen in a picture.

    Attributes:
        mask: (H, W) bool over the whole picture, only what is visible.
        box: tight around the mask.
    """

    product: GarmentSpec
    mask: NDArray[np.bool_]
    box: Box

    @property
    def label(self) -> str:
        """The class of engine/taxonomy.toml."""
        return self.product.label

    def as_garment(self, supercategory: str) -> EngineGarment:
        """The engine's value, its mask cut to the box; for `engine.crops.cut`."""
        x0, y0, x1, y1 = (int(v) for v in self.box)
        return EngineGarment(self.label, supercategory, 1.0, self.box, self.mask[y0:y1, x0:x1])


@dataclass(frozen=True, slots=True, eq=False)
class ShownPerson:
    """A person as seen in a picture.

    Attributes:
        mask: (H, W) bool, body, hair and clothes (bags are not of the person).
        keypoints: (17, 3) float32 in COCO order: x, y in pixels and visibility
            (2 seen, 1 hidden but in the picture, 0 out of the picture or a face from behind).
        garments: of this person, those with something to see.
    """

    view: View
    full_shot: bool
    mask: NDArray[np.bool_]
    box: Box
    keypoints: NDArray[np.float32]
    garments: tuple[ShownGarment, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A picture and everything that is true of it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        view: where the main person faces; `none` for product-only pictures.
        garments: of the main person, or of the product-only picture.
        people: the main one first, then bystanders.
        framing: what part of the main person is shown; a presentation for products alone.
    """

    pixels: Pixels
    view: View
    framing: str
    background: str
    garments: tuple[ShownGarment, ...]
    people: tuple[ShownPerson, ...]
    caption: str

    @property
    def full_shot(self) -> bool:
        """The main person is in the picture from head to feet."""
        return bool(self.people) and self.people[0].full_shot


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
    pixels = _develop(painter.canvas, size, rng, candid=candid or background in {"street", "park", "room"})
    owners = np.asarray(cv2.resize(painter.owners, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    shown.insert(0, (figure, place, view, garments, framing))
    people = [_truth(f, p, owners, v, g, k, size, fr) for k, (f, p, v, g, fr) in enumerate(shown)]
    seen = tuple(p for p in people if p is not None)
    main = people[0]
    return Rendered(
        pixels, view, framing, background, main.garments if main else (), seen, caption(garments, view, background)
    )


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
        marks = dress(figure, garment, 1, flat=flat, ghost=True)
    place = _fit(marks, width, height, 0.10 if garment.label != "foot_wear" else 0.07)
    _drop_shadow(painter.canvas, marks, place, flat=flat or garment.label == "foot_wear", light=light)
    painter.paint(marks, place)
    pixels = _develop(painter.canvas, size, rng, candid=False)
    owners = np.asarray(cv2.resize(painter.owners, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    shown = _shown(garment, owners == 1)
    kept = (shown,) if shown else ()
    return Rendered(pixels, "none", presentation, background, kept, (), caption([garment], "none", background))


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
    words = [(g.title or f"{g.colour} {g.kind}").lower() for g in garments]
    listed = words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else "nothing"
    if view == "none":
        return f"a product photo of {listed} on a {background} background"
    side = {"front": "from the front", "back": "from behind"}.get(view, "from the side")
    where = {"street": "in the street", "park": "in a park", "room": "in a room"}.get(background, "in the studio")
    return f"a person {where} seen {side} wearing {listed}"


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
    x, y = hand + (0.0, 0.05)
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
    from models.studio.catalogue import sample_outfit

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


def _truth(
    figure: Figure,
    place: Placement,
    owners: NDArray[np.uint8],
    view: View,
    garments: Sequence[GarmentSpec],
    index: int,
    size: tuple[int, int],
    framing: str,
) -> ShownPerson | None:
    base = index * STRIDE
    mine = (owners > base) & (owners < base + STRIDE) & (owners != base + EXTRA)
    box = tight_box(mine)
    if box is None:
        return None
    worn = [_shown(g, owners == base + k) for k, g in enumerate(garments, 1)]
    points = place.pixels(keypoints(figure)) / OVERSAMPLE
    values = np.zeros((17, 3), np.float32)
    values[:, :2] = points
    inside = (points[:, 0] >= 0) & (points[:, 1] >= 0) & (points[:, 0] < size[0]) & (points[:, 1] < size[1])
    ix, iy = np.clip(points[:, 0].astype(int), 0, size[0] - 1), np.clip(points[:, 1].astype(int), 0, size[1] - 1)
    covered = ~mine[iy, ix]
    values[:, 2] = np.where(~inside, 0, np.where(covered | _turned_away(figure), 1, 2))
    if figure.cos < -0.3:
        values[:3, 2] = 0
    ends = (values[0, 1] if figure.cos > -0.3 else values[3:5, 1].min(), *values[15:, 1])
    full = framing == "full" and all(0 <= e < size[1] for e in ends) and bool(inside.all())
    return ShownPerson(view, full, mine, box, values, tuple(w for w in worn if w))


def keypoints(figure: Figure) -> Points:
    """The 17 COCO keypoints in picture space, (17, 2)."""
    k = figure.person.head
    yaw = figure.pose.yaw + figure.pose.head_turn
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    x0 = float(figure.sway(0.07)) * figure.cos + 0.016 * figure.sin
    head = []
    for x, y, z in (
        (0.0, 0.093, 0.052),
        (0.018, 0.0722, 0.038),
        (-0.018, 0.0722, 0.038),
        (0.042, 0.076, -0.004),
        (-0.042, 0.076, -0.004),
    ):
        head.append((x0 + k * (x * c + z * s), 0.068 + (y - 0.068) * k))
    names = [name for name in COCO[5:]]
    body = figure.to_picture(np.array([figure.joint(name) for name in names]))
    return np.concatenate([np.array(head), body])


def _turned_away(figure: Figure) -> NDArray[np.bool_]:
    """Keypoints that the body itself hides in this view."""
    yaw = figure.pose.yaw + figure.pose.head_turn
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    hidden = np.zeros(17, bool)
    hidden[0] = c < -0.15
    hidden[1], hidden[2] = c * 0.9 - s * 0.4 < 0.05, c * 0.9 + s * 0.4 < 0.05
    hidden[3], hidden[4] = -s < -0.45, s < -0.45
    for k, name in enumerate(COCO[5:], 5):
        if abs(figure.sin) > 0.6 and name.split("_")[1] in {"shoulder", "elbow", "wrist", "hip"}:
            hidden[k] = figure.depth(figure.joint(name)) < -0.045
    return hidden


def tight_box(mask: NDArray[np.bool_]) -> Box | None:
    """The smallest box around a mask (x1, y1 exclusive), or None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _shown(garment: GarmentSpec, mask: NDArray[np.bool_]) -> ShownGarment | None:
    box = tight_box(mask)
    return ShownGarment(garment, mask, box) if box and int(mask.sum()) >= LEAST_PIXELS else None


def _develop(canvas: NDArray[np.float32], size: tuple[int, int], rng: np.random.Generator, *, candid: bool) -> Pixels:
    """Reduce, expose, add the camera's noise."""
    picture = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    if candid:
        picture = np.clip(picture, 0, 1) ** np.float32(rng.uniform(0.85, 1.2))
        cast = 1 + np.array([1, 0, -1]) * rng.normal(0, 0.025)
        picture = picture * (cast * rng.uniform(0.85, 1.1)).astype(np.float32)
        if rng.random() < 0.3:
            picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 0.9)))
    grain = sensor(int(rng.integers(4)))
    if max(size) > GRAIN:
        grain = np.tile(grain, (-(-size[1] // GRAIN), -(-size[0] // GRAIN), 1))
    y, x = int(rng.integers(grain.shape[0] - size[1] + 1)), int(rng.integers(grain.shape[1] - size[0] + 1))
    amount = rng.uniform(0.006, 0.018) if candid else 0.0045
    picture = cv2.scaleAdd(
        np.ascontiguousarray(grain[y : y + size[1], x : x + size[0]]), amount, np.ascontiguousarray(picture, np.float32)
    )
    return np.asarray(cv2.convertScaleAbs(np.maximum(picture, 0), alpha=255))


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
                moved = (place.pixels(outline) + (-light.x * 0.02 * height, 0.012 * height)) / 4
                cv2.fillPoly(mask, [np.round(moved).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(mask, (0, 0), height / 4 * 0.014).astype(np.float32) * np.float32(0.30 / 255)
    canvas *= (1 - cv2.resize(soft, (width, height)))[..., None]


__all__ = ["HAIR", "Rendered", "ShownGarment", "ShownPerson", "caption", "render_look", "render_product", "true_colour"]
