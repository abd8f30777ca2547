"""People for the pose model made from what is there: whole looks of shop pictures, painted backs, generated people.

The catalogue shows whole people from the front alone and from behind no lower than the hips. A network that learns
from it believes that whoever has legs faces the camera. So tops and trousers of one view are stitched together to
whole people, street photos get hair painted over the face (and count as backs), and the studio draws the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Box, Pixels, View
from models.architectures.pose import FLIPPED
from models.studio.backdrops import BACKGROUNDS, backdrop
from models.studio.catalogue import sample_catalogue, sample_outfit
from models.studio.figures.people import sample_person
from models.studio.output.feed import STUDIO, product_shots
from models.studio.render import Rendered, render_look, render_product
from models.studio.spec import FRAMINGS
from models.studio.truth import tight_box
from models.train.data.datasets import CcpFolder
from models.train.data.keypoints.pose import PAINTED, SURE, PoseLabel
from models.train.data.pictures import read_label_map, read_pixels

_HIPS, _LEGS = (11, 12), (13, 14, 15, 16)
_FACE, _EARS = slice(0, 3), slice(3, 5)
_ARMS = slice(7, 11)
_UNSURE = 0.2
"""A score between absent and sure: the keypoint is left out of the loss."""
_WHITE = 244


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A picture that lies in no file, and who is in it."""

    pixels: Pixels
    label: PoseLabel


def stitched_looks(labels: Sequence[PoseLabel], count: int, rng: np.random.Generator) -> Iterator[Made]:
    """Whole people: a top's picture down to the hips, the legs of another's below; both of one view.

    Half of them stand before a drawn backdrop instead of the studio's white.
    """
    known = [p for p in labels if p.facing in {"front", "back"} and p.keypoints[list(_HIPS), 2].min() >= SURE]
    tops = [p for p in known if p.keypoints[[0, 5, 6], 2].max() >= SURE and p.keypoints[15:, 2].max() < SURE]
    legs = [p for p in known if p.keypoints[5:7, 2].max() < SURE <= p.keypoints[15:, 2].min()]
    for number in range(count):
        facing = "back" if number % 2 else "front"
        ours, theirs = ([p for p in some if p.facing == facing] for some in (tops, legs))
        if not ours or not theirs:
            continue
        top, leg = ours[int(rng.integers(len(ours)))], theirs[int(rng.integers(len(theirs)))]
        made = stitch(read_pixels(top.image), top, read_pixels(leg.image), leg)
        if made is not None:
            yield before_backdrop(made, rng) if rng.random() < 0.5 else made


def stitch(top_pixels: Pixels, top: PoseLabel, leg_pixels: Pixels, leg: PoseLabel) -> Made | None:
    """One person of two: cut at the hips, scaled so that the figures are as wide there; None where that fails."""
    cut, below = (int(p.keypoints[list(_HIPS), 1].mean()) for p in (top, leg))
    upper, lower = _span(top_pixels, cut), _span(leg_pixels, below)
    if upper is None or lower is None or cut < 40 or leg_pixels.shape[0] - below < 40:
        return None
    scale = (upper[1] - upper[0]) / (lower[1] - lower[0])
    if not 0.4 < scale < 2.5:
        return None
    dx = (upper[0] + upper[1]) / 2 - scale * (lower[0] + lower[1]) / 2
    height, width = cut + int(scale * (leg_pixels.shape[0] - below)), top_pixels.shape[1]
    move = np.array([[scale, 0, dx], [0, scale, cut - scale * below]])
    legs = cv2.warpAffine(leg_pixels, move, (width, height), flags=cv2.INTER_AREA, borderValue=(255, 255, 255))
    pixels = np.asarray(legs, np.uint8)
    pixels[:cut] = top_pixels[:cut]
    keypoints = top.keypoints.copy()
    below_cut = keypoints[_ARMS, 1] > cut
    keypoints[_ARMS, 2] = np.where(below_cut, _UNSURE, keypoints[_ARMS, 2])
    keypoints[list(_LEGS), :2] = leg.keypoints[list(_LEGS), :2] @ move[:, :2].T + move[:, 2]
    keypoints[list(_LEGS), 2] = leg.keypoints[list(_LEGS), 2]
    box = _box_of(np.asarray((pixels < _WHITE).any(2)))
    return Made(pixels, PoseLabel(top.image, box, keypoints, top.view, top.facing)) if box else None


def painted_backs(ccp: Path, labels: Sequence[PoseLabel], rng: np.random.Generator) -> Iterator[Made]:
    """Street photos whose face is painted over with the person's own hair: seen from behind, as far as a head tells."""
    names: list[str] = json.loads((ccp / "labels.json").read_text())["labels"]
    split = set(CcpFolder(ccp).split("train"))
    hair_value = names.index("hair") if "hair" in names else -1
    skin_values = [names.index(name) for name in ("skin", "glasses", "sunglasses") if name in names]
    for label in labels:
        if label.image.stem not in split or label.facing != "front" or label.keypoints[:3, 2].min() < SURE:
            continue
        pixels = read_pixels(label.image)
        regions = read_label_map(ccp / "masks" / f"{label.image.stem}.png")
        hair, face = regions == hair_value, np.isin(regions, skin_values)
        face &= _head_disc(label.keypoints, regions.shape)
        if hair.sum() < 60 or face.sum() < 40:
            continue
        yield Made(_hairy(pixels, hair, face, rng), _turned_round(label))


def drawn_people(count: int, seed: int, size: tuple[int, int] = (240, 320)) -> Iterator[Made]:
    """Generated people with exact keypoints, as many from behind as from the front: a network that sees most of the
    drawn ones from behind takes being drawn for a back. Half of them stand before a shop's plain wall.
    """
    views: tuple[View, ...] = ("front", "back", "front", "back", "left", "front", "back", "right")
    for number in range(count):
        rng = np.random.default_rng([seed, 31, number])
        person = sample_person(seed + number)
        scene = str(rng.choice(STUDIO if rng.random() < 0.5 else BACKGROUNDS))
        framing = FRAMINGS[int(rng.choice(len(FRAMINGS), p=(0.5, 0.12, 0.12, 0.2, 0.06)))]
        view = views[number % len(views)]
        outfit = sample_outfit(seed + number, person.gender)
        shown = render_look(outfit, person, view, scene, size, seed + number, framing=framing, candid=scene == "street")
        if shown.people:
            yield _drawn(shown, f"studio-{number}")


def drawn_shop(count: int, seed: int, size: tuple[int, int] = (240, 320)) -> Iterator[Made]:
    """People in a generated shop's own pictures, front and back of each product, as its catalogue shows them."""
    shots = (shot for product in sample_catalogue(count, seed) for shot in product_shots(product, seed, size))
    worn = (shot for shot in shots if shot.picture.people and shot.name in {"front", "back", "worn"})
    for number, shot in enumerate(islice(worn, count)):
        yield _drawn(shot.picture, f"shop-{number}-{shot.name}")


def _drawn(shown: Rendered, name: str) -> Made:
    """The main person of a generated picture, keypoints and facing exact."""
    main = shown.people[0]
    keypoints = main.keypoints.copy()
    keypoints[:, 2] = np.array([0.0, 0.9, 0.9])[keypoints[:, 2].astype(int)]
    facing = shown.view if shown.view in {"front", "back"} else "side"
    return Made(shown.pixels, PoseLabel(Path(name), main.box, keypoints, "studio", facing))


def pictures_of_nobody(ccp: Path, flat_lays: Path | None, count: int, seed: int) -> Iterator[Made]:
    """What a segmenter may take for a person: flat-lays, generated products, the surroundings of street photos."""
    rng = np.random.default_rng([seed, 32])
    files = sorted((flat_lays / "images").glob("*.jpg")) if flat_lays else []
    streets = read_surroundings(ccp)
    for number in range(count):
        kind = number % 3
        if kind == 0 and files:
            pixels = _small(read_pixels(files[int(rng.integers(len(files)))]))
        elif kind == 1 and streets:
            pixels = streets[int(rng.integers(len(streets)))]
        else:
            product = sample_catalogue(1, int(rng.integers(2**31)))[0]
            pixels = render_product(product, (180, 240), number, background=str(rng.choice(["white", "grey"]))).pixels
        yield Made(pixels, nobody(pixels, rng))


def nobody(pixels: Pixels, rng: np.random.Generator) -> PoseLabel:
    """A box anywhere in a picture without people; every keypoint is absent."""
    height, width = pixels.shape[:2]
    w, h = width * rng.uniform(0.4, 1), height * rng.uniform(0.5, 1)
    x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
    return PoseLabel(Path("nobody"), (x, y, x + w, y + h), np.zeros((17, 3), np.float32), "none", "nobody")


def read_surroundings(ccp: Path, limit: int = 150) -> list[Pixels]:
    """Strips of labelled street photos beside the person and free of it, at least 60 pixels wide."""
    folder, found = CcpFolder(ccp), []
    for photo_id in folder.split("train")[:limit]:
        photo = folder.read(photo_id)
        columns = np.flatnonzero(photo.masks["person"].any(0)) if "person" in photo.masks else np.zeros(0, int)
        if not len(columns):
            continue
        for strip in (photo.pixels[:, : columns[0]], photo.pixels[:, columns[-1] + 1 :]):
            if strip.shape[1] >= 60:
                found.append(_small(strip))
    return found


def _small(pixels: Pixels, side: int = 320) -> Pixels:
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels.copy()
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _span(pixels: Pixels, row: int) -> tuple[int, int] | None:
    """First and last column of the figure at a row of a picture on white."""
    if not 2 <= row < len(pixels) - 2:
        return None
    columns = np.flatnonzero((pixels[row - 2 : row + 3] < _WHITE).any(2).all(0))
    return (int(columns[0]), int(columns[-1])) if len(columns) > 10 else None


def _box_of(mask: NDArray[np.bool_]) -> Box | None:
    return tight_box(np.asarray(cv2.medianBlur(mask.astype(np.uint8), 5) > 0))


def before_backdrop(made: Made, rng: np.random.Generator) -> Made:
    """The white around the figure becomes a drawn street, room or wall."""
    height, width = made.pixels.shape[:2]
    outside = (~figure_mask(made.pixels)).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(outside, (0, 0), 1.0))[..., None]
    kind = str(rng.choice([name for name in BACKGROUNDS if name != "white"]))
    scene = np.asarray(backdrop(kind, width, height, 0.8, int(rng.integers(2**31))), np.float32) * 255
    pixels = made.pixels * (1 - soft) + scene * soft
    return Made(np.clip(pixels, 0, 255).astype(np.uint8), made.label)


def figure_mask(pixels: Pixels) -> NDArray[np.bool_]:
    """All but the white that reaches the rim of a studio's picture."""
    white = np.asarray((pixels >= _WHITE).all(2), np.uint8)
    _, pieces = cv2.connectedComponents(white)
    edge = np.unique(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    return np.asarray(~np.isin(pieces, edge[edge > 0]))


def _head_disc(keypoints: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    centre = keypoints[:3, :2].mean(0)
    shoulders = float(np.linalg.norm(keypoints[5, :2] - keypoints[6, :2]))
    neck = float(keypoints[5:7, 1].mean())
    radius = max(8.0, min(0.5 * shoulders, 0.85 * (neck - float(centre[1]))))
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    disc = (columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 <= radius**2
    return np.asarray(disc)


def _hairy(pixels: Pixels, hair: NDArray[np.bool_], face: NDArray[np.bool_], rng: np.random.Generator) -> Pixels:
    """Strands of the hair's own colours over the face, soft at its rim."""
    noise = pixels[hair][rng.integers(0, int(hair.sum()), pixels.shape[:2])].astype(np.float32)
    strands = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.6, sigmaY=4.0))
    strands = strands.mean((0, 1)) + 2.5 * (strands - strands.mean((0, 1)))
    grown = cv2.dilate(face.astype(np.float32), np.ones((5, 5), np.uint8))
    soft = np.asarray(cv2.GaussianBlur(grown, (0, 0), 1.2))[..., None]
    return np.asarray(np.clip(pixels * (1 - soft) + strands * soft, 0, 255), np.uint8)


def _turned_round(label: PoseLabel) -> PoseLabel:
    """Left and right change their names; of the face nothing is seen, ears are left open."""
    keypoints = label.keypoints[list(FLIPPED)].copy()
    keypoints[_FACE, 2], keypoints[_EARS, 2] = 0, _UNSURE
    return PoseLabel(label.image, label.box, keypoints, PAINTED, "back")
