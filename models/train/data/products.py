"""Pictures of products alone: half of every shop, and what street photos never show.

Garments are cut from where they lie or are worn and put before a plain wall as shops photograph them: whole, folded,
one shoe of a pair. Bags, hats and shoes come from labelled street photos too, whose flat-lays are few.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Pixels
from models.train.data.datasets import LabelledPhoto, Mask, without_specks
from models.train.data.pictures import read_pixels
from models.train.data.scenes import flat_lay_mask, plain_wall
from models.train.splits import is_left_out, is_shop_validation

FLAT_LAY_CLASSES: dict[str, str] = {
    "T-Shirt": "upper_wear",
    "Longsleeve": "upper_wear",
    "Shirt": "upper_wear",
    "Polo": "upper_wear",
    "Hoodie": "upper_wear",
    "Blouse": "upper_wear",
    "Top": "upper_wear",
    "Undershirt": "upper_wear",
    "Pants": "lower_wear",
    "Shorts": "lower_wear",
    "Skirt": "lower_wear",
    "Shoes": "foot_wear",
    "Dress": "dress",
    "Outwear": "outerwear",
    "Blazer": "outerwear",
    "Hat": "headwear",
}
"""The labels of the Clothing Dataset (CC0) that are classes of ours."""

SAMPLE_WORDS: dict[str, str] = {
    "shirt": "upper_wear",
    "hoodie": "upper_wear",
    "tank": "upper_wear",
    "shoes": "foot_wear",
    "trainers": "foot_wear",
    "loafers": "foot_wear",
    "bag": "bag",
    "cap": "headwear",
    "beanie": "headwear",
}
"""Words of the shop samples' `article`, the first that occurs decides; others (sunglasses) are no class of ours."""

TOPS = 1.75
"""Of tops, the most various and the most often mistaken, there may be so many times as many flat-lays."""
WALLS = 0.6
"""Share of the flat-lays that are put before a wall as well."""
FOLDED = 0.5
"""Share of the flat-lays of tops that are shown folded, besides."""
WIDEST = 0.75
"""Width by height of a picture; wider ones get bars above and below, as what is served does."""
BAR = 114
RARE_ALONE = ("foot_wear", "bag", "headwear")
"""What shops show alone and flat-lays hardly do: cut out of street photos more often."""
ALONE_LEAST = {"bag": 0.006, "headwear": 0.003, "foot_wear": 0.006}
"""Least share of a street photo that something covers to be cut out; garments need more."""


def flat_lay_rows(root: Path) -> list[dict[str, str]]:
    """The flat-lays that may be learned from: not those that their own column, or a hash, keeps for measuring."""
    with (root / "images.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["label"] in FLAT_LAY_CLASSES]
    return [row for row in rows if not is_left_out(row)]


def flat_lays(root: Path, per_class: int, seed: int) -> Iterator[LabelledPhoto]:
    """Flat-lays whose garment could be told from the floor, the labels of a class taking turns; more of tops."""
    order = np.random.default_rng(seed).permutation(len(rows := flat_lay_rows(root)))
    turns: Counter[str] = Counter()
    ranked = []
    for row in (rows[index] for index in order):
        turns[row["label"]] += 1
        ranked.append((turns[row["label"]], row))
    taken: Counter[str] = Counter()
    for _, row in sorted(ranked, key=lambda pair: pair[0]):
        label, path = FLAT_LAY_CLASSES[row["label"]], root / "images" / f"{row['image'].removesuffix('.jpg')}.jpg"
        most = int(TOPS * per_class) if label == "upper_wear" else per_class
        if taken[label] >= most or not path.exists():
            continue
        pixels = read_pixels(path)
        mask = flat_lay_mask(pixels)
        if mask is not None:
            taken[label] += 1
            yield LabelledPhoto(f"flat_{path.stem}", pixels, {label: mask})


def sample_photos(root: Path) -> Iterator[LabelledPhoto]:
    """The shop samples before their white walls; what is no class of ours comes without a label."""
    for table in sorted(root.glob("*/products.jsonl")):
        for product in map(json.loads, table.read_text("utf-8").splitlines()):
            if is_shop_validation(table.parent.name, product["id"]):
                continue
            article = str(product["article"])
            label = next((name for word, name in SAMPLE_WORDS.items() if word in article), None)
            for view in product["views"]:
                path = table.parent / view["file"]
                pixels = read_pixels(path)
                mask = before_white(pixels)
                yield LabelledPhoto(f"sample_{path.stem}", pixels, {label: mask} if label else {})


def before_white(pixels: Pixels) -> Mask:
    """What stands before a nearly white wall, holes filled."""
    corners = np.concatenate([pixels[:3].reshape(-1, 3), pixels[-3:].reshape(-1, 3)]).astype(np.float32)
    wall = np.median(corners, axis=0)
    far = np.abs(pixels.astype(np.float32) - wall).max(axis=2) > 10
    mask = cv2.morphologyEx(far.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = cv2.drawContours(np.zeros_like(mask), outlines, -1, 1, -1)
    return without_specks(filled > 0)


def as_shops_show(photo: LabelledPhoto, rng: np.random.Generator) -> Iterator[LabelledPhoto]:
    """A flat-lay as it is, and three in five before a wall; shoes, which are few, once more, and tops folded."""
    yield photo
    if rng.random() < WALLS:
        yield before_wall(photo, f"{photo.name}_wall", rng)
    if "foot_wear" in photo.masks and rng.random() < WALLS:
        yield before_wall(photo, f"{photo.name}_wall2", rng)
    if "upper_wear" in photo.masks and rng.random() < FOLDED:
        yield before_wall(folded(photo, rng), f"{photo.name}_fold", rng)


def repeated(photo: LabelledPhoto, rng: np.random.Generator) -> Iterator[LabelledPhoto]:
    """A shop's picture, and what it shows before further walls: kinds of which there are few more often."""
    yield photo
    for label in photo.masks:
        for number in range(4 if label in RARE_ALONE else 1):
            yield before_wall(photo, f"{photo.name}_{number}", rng)


def cut_out(photo: LabelledPhoto, rng: np.random.Generator, most: int = 1) -> Iterator[LabelledPhoto]:
    """Things that a person wears or carries, each cut out and put before a wall by itself."""
    shown = [label for label in photo.masks if label != "person"]
    large = [label for label in shown if photo.masks[label].mean() >= ALONE_LEAST.get(label, 0.02)]
    for label in rng.permutation(large)[:most]:
        piece = without_specks(photo.masks[str(label)])
        if piece.any() and (label in RARE_ALONE or _in_one_piece(piece)):
            cut = LabelledPhoto(photo.name, photo.pixels, {str(label): piece})
            yield before_wall(cut, f"{photo.name}_alone_{label}", rng)


def before_wall(photo: LabelledPhoto, name: str, rng: np.random.Generator) -> LabelledPhoto:
    """The one garment of a picture, cut out and put before a plain wall: turned, mirrored, folded, recoloured."""
    ((label, mask),) = photo.masks.items()
    if label == "foot_wear" and rng.random() < 0.5:
        mask = _largest_piece(mask)
    pixels, mask = _cut(photo.pixels, mask)
    if rng.random() < 0.5:
        pixels, mask = pixels[:, ::-1], mask[:, ::-1]
    if label in {"upper_wear", "lower_wear"} and rng.random() < 0.15:
        pixels, mask = _folded(pixels, mask, label, rng)
    height = int(rng.integers(400, 560))
    width = int(height * rng.uniform(0.66, 0.8 if rng.random() < 0.8 else 1.0))
    moved, mask = _placed(_recolored(pixels, rng), mask, (height, width), label, rng)
    wall = plain_wall(height, width, rng)
    if rng.random() < 0.6:
        wall = _shaded(wall, mask, rng)
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.9)[..., None]
    picture = (moved * alpha + wall * (1 - alpha)).clip(0, 255).astype(np.uint8)
    return LabelledPhoto(name, picture, {label: mask} if mask.any() else {})


def folded(photo: LabelledPhoto, rng: np.random.Generator) -> LabelledPhoto:
    """The one garment of a picture as it lies in a shelf; as it is where nothing of it would be left."""
    ((label, mask),) = photo.masks.items()
    pixels, part = _folded(*_cut(photo.pixels, mask), label, rng)
    return LabelledPhoto(photo.name, pixels, {label: part}) if part.any() else photo


def with_bars(photo: LabelledPhoto) -> LabelledPhoto:
    """The photo with bars above and below where it is wider than what is served."""
    height, width = photo.pixels.shape[:2]
    missing = round(width / WIDEST) - height
    if missing <= 0:
        return photo
    rows = (missing // 2, missing - missing // 2)
    pixels = np.pad(photo.pixels, (rows, (0, 0), (0, 0)), constant_values=BAR)
    return LabelledPhoto(photo.name, pixels, {label: np.pad(m, (rows, (0, 0))) for label, m in photo.masks.items()})


def _cut(pixels: Pixels, mask: Mask) -> tuple[Pixels, Mask]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return pixels[window], mask[window]


def _largest_piece(mask: Mask) -> Mask:
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(pieces == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())) if count > 1 else mask


def _in_one_piece(mask: Mask) -> bool:
    """Whether a garment looks like one when cut out: not the two strips of an open coat."""
    largest = _largest_piece(mask)
    outline, _ = cv2.findContours(largest.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    hull = cv2.contourArea(cv2.convexHull(outline[0]))
    return bool(largest.sum() >= 0.85 * mask.sum() and largest.sum() >= 0.5 * hull)


def _folded(pixels: Pixels, mask: Mask, label: str, rng: np.random.Generator) -> tuple[Pixels, Mask]:
    """A top as it lies in a shelf: sleeves and hem folded behind; trousers leg on leg."""
    height, width = mask.shape
    if label == "upper_wear":
        x0, x1 = int(width * rng.uniform(0.12, 0.25)), int(width * rng.uniform(0.75, 0.88))
        part = slice(0, max(8, int(height * rng.uniform(0.45, 0.8)))), slice(x0, max(x0 + 8, x1))
    else:
        part = slice(0, max(8, int(height * rng.uniform(0.5, 1.0)))), slice(0, max(8, int(width * 0.52)))
    return (pixels[part], mask[part]) if mask[part].any() else (pixels, mask)


def _recolored(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Half of all keep their colour; others get another hue, or less of it."""
    if rng.random() < 0.5:
        return pixels
    hsv = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 180)) % 180
    hsv[..., 1] = (hsv[..., 1] * rng.uniform(0.2, 1.6)).clip(0, 255)
    hsv[..., 2] = (hsv[..., 2] * rng.uniform(0.5, 1.25)).clip(0, 255)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB))


def _placed(
    pixels: Pixels, mask: Mask, size: tuple[int, int], label: str, rng: np.random.Generator
) -> tuple[NDArray[np.float32], Mask]:
    """Picture and mask of a garment somewhere in the middle of a canvas (height, width), a little turned."""
    (height, width), (tall, wide) = size, mask.shape
    scale = rng.uniform(0.6, 1.0) * min(height / tall, width / wide)
    turn = rng.normal(0, 20 if label == "foot_wear" else 4)
    spread = 0.5 * (1 - scale * max(tall / height, wide / width)) + 0.02
    centre = (width * (0.5 + rng.uniform(-spread, spread)), height * (0.5 + rng.uniform(-spread, spread)))
    matrix = cv2.getRotationMatrix2D((wide / 2, tall / 2), turn, scale)
    matrix[:, 2] += (centre[0] - wide / 2, centre[1] - tall / 2)
    moved = cv2.warpAffine(
        np.ascontiguousarray(pixels), matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    placed = cv2.warpAffine(mask.astype(np.float32), matrix, (width, height), flags=cv2.INTER_LINEAR)
    return moved.astype(np.float32), np.asarray(placed >= 0.5)


def _shaded(wall: NDArray[np.float32], mask: Mask, rng: np.random.Generator) -> NDArray[np.float32]:
    """A soft shadow that the garment throws on its wall."""
    shift = np.array([[1, 0, rng.normal(0, 5)], [0, 1, abs(rng.normal(0, 8))]], np.float32)
    shadow = cv2.warpAffine(mask.astype(np.float32), shift, (mask.shape[1], mask.shape[0]))
    shadow = cv2.GaussianBlur(shadow, (0, 0), float(rng.uniform(3, 14)))
    return np.asarray(wall * (1 - rng.uniform(0.1, 0.4) * shadow[..., None]), np.float32)
