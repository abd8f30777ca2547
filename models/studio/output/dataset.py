"""Training material from the studio: a YOLO-seg folder, and garment crops with their product."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Crop, View
from engine.taxonomy import load_taxonomy
from engine.vision.crops import cut
from models.studio.backdrops import BACKGROUNDS
from models.studio.catalogue import sample_catalogue, sample_outfit
from models.studio.figures.people import sample_person
from models.studio.output.files import save_jpeg
from models.studio.output.spread import spread
from models.studio.render import Rendered, ShownGarment, render_look, render_product
from models.studio.spec import FRAMINGS, GarmentSpec

SEGMENTATION_CLASSES = ("upper_wear", "lower_wear", "foot_wear", "dress", "outerwear", "person")
"""Class numbers of the segmenter, in order."""
VIEWS: tuple[View, ...] = ("front", "front", "front", "back", "left", "right")
LEAST_AREA = 0.0004
"""Pieces smaller than this share of the picture are not labelled."""


@dataclass(frozen=True, slots=True, eq=False)
class StudioCrop:
    """One garment cut out of one generated picture.

    Attributes:
        crop: as the search cuts it (`engine.vision.crops.cut`), by the exact mask.
        product: whose identity (`product_id`) is the label.
        view: where the person faces; `none` for product-only pictures.
    """

    crop: Crop
    product: GarmentSpec
    view: View

    def __iter__(self) -> Iterator[Crop | GarmentSpec | View]:
        return iter((self.crop, self.product, self.view))


def varied_look(seed: int, size: tuple[int, int] = (480, 640)) -> Rendered:
    """Any picture: any people, views, framings, backgrounds; now and then products alone, or bystanders."""
    rng = np.random.default_rng([seed, 30])
    if rng.random() < 0.12:
        product = sample_catalogue(1, int(rng.integers(2**31)))[0]
        flat: Literal["flat", "ghost"] = "flat" if rng.random() < 0.5 else "ghost"
        return render_product(
            product, size, seed, presentation=flat, background=str(rng.choice(["white", "grey", "gradient"]))
        )
    person = sample_person(seed)
    view = VIEWS[int(rng.integers(len(VIEWS)))]
    framing = FRAMINGS[int(rng.choice(len(FRAMINGS), p=(0.6, 0.12, 0.12, 0.08, 0.08)))]
    scene = str(rng.choice(BACKGROUNDS))
    candid = scene in {"street", "park", "room"}
    others = int(rng.choice(3, p=(0.6, 0.28, 0.12))) if candid else 0
    outfit = sample_outfit(seed, person.gender)
    return render_look(outfit, person, view, scene, size, seed, framing=framing, bystanders=others, candid=candid)


def yolo_rows(picture: Rendered) -> list[str]:
    """YOLO-seg lines: class number, then x y pairs as shares of width and height; one line per connected piece."""
    height, width = picture.pixels.shape[:2]
    rows: list[str] = []
    shown = (
        [(g.label, g.mask) for g in picture.garments]
        if not picture.people
        else [(g.label, g.mask) for p in picture.people for g in p.garments]
    )
    shown += [("person", p.mask) for p in picture.people]
    for label, mask in shown:
        number = SEGMENTATION_CLASSES.index(label)
        whole = label in {"person", "outerwear"}
        for outline in outlines(mask, joined=whole):
            if cv2.contourArea(outline.astype(np.float32)) < LEAST_AREA * width * height:
                continue
            flat = (outline / (width, height)).clip(0, 1).reshape(-1)
            rows.append(f"{number} " + " ".join(f"{v:.5f}" for v in flat))
    return rows


def outlines(mask: NDArray[np.bool_], *, joined: bool = False) -> list[NDArray[np.float64]]:
    """Outlines of a mask's pieces, each (n, 2) pixels with n ≥ 3; `joined` strings them into one by thin bridges."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    smooth = [
        cv2.approxPolyDP(c, 0.7, True)[:, 0].astype(float) + 0.5
        for c in sorted(found, key=cv2.contourArea, reverse=True)
    ]
    pieces = [c for c in smooth if len(c) >= 3]
    if not joined or len(pieces) < 2:
        return pieces
    line = pieces[0]
    for piece in pieces[1:]:
        if cv2.contourArea(piece.astype(np.float32)) < 20:
            continue
        gaps = np.linalg.norm(line[:, None] - piece[None], axis=2)
        i, j = np.unravel_index(int(gaps.argmin()), gaps.shape)
        line = np.concatenate([line[: i + 1], piece[j:], piece[: j + 1], line[i:]])
    return [line]


def write_segmentation_set(
    folder: Path | str,
    n: int,
    seed: int = 0,
    size: tuple[int, int] = (480, 640),
    *,
    workers: int = 1,
    val_share: float = 0.1,
) -> Path:
    """Write a YOLO-seg folder: images/{train,val}, labels/{train,val}, data.yaml, keypoints.jsonl.

    Args:
        n: how many pictures; picture k depends only on `seed` and k.
        workers: processes that draw.
    Returns:
        The path of data.yaml.
    """
    root = Path(folder)
    split = round(n * (1 - val_share))
    for part in ("train", "val"):
        (root / "images" / part).mkdir(parents=True, exist_ok=True)
        (root / "labels" / part).mkdir(parents=True, exist_ok=True)
    jobs = [(root, "train" if k < split else "val", k, seed * 1_000_003 + k, size) for k in range(n)]
    (root / "keypoints.jsonl").write_text("".join(spread(_write_one, jobs, workers, together=16)), "utf-8")
    names = "\n".join(f"  {k}: {name}" for k, name in enumerate(SEGMENTATION_CLASSES))
    data = root / "data.yaml"
    data.write_text(f"train: images/train\nval: images/val\nnames:\n{names}\n", "utf-8")
    return data


def _write_one(job: tuple[Path, str, int, int, tuple[int, int]]) -> str:
    root, part, number, seed, size = job
    picture = varied_look(seed, size)
    name = f"studio_{number:06d}"
    save_jpeg(root / "images" / part / f"{name}.jpg", picture.pixels, 84 + seed % 12)
    (root / "labels" / part / f"{name}.txt").write_text("\n".join(yolo_rows(picture)) + "\n", "utf-8")
    people = [
        {"box": p.box, "view": p.view, "full_shot": p.full_shot, "keypoints": np.round(p.keypoints, 1).tolist()}
        for p in picture.people
    ]
    return json.dumps({"image": f"images/{part}/{name}.jpg", "people": people}) + "\n"


def crops(
    n: int, seed: int = 0, *, products: int | None = None, size: tuple[int, int] = (360, 480)
) -> Iterator[StudioCrop]:
    """Garment crops by exact mask, product after product: unpack each as (crop, product, view).

    Args:
        n: how many crops.
        products: how many products they show; by default one for every six crops. A product comes worn by
            different people from the front and from behind, in the studio and in the street, and alone.
    """
    shop = sample_catalogue(products or max(2, n // 6), seed)
    taxonomy = load_taxonomy()
    for k in range(n):
        product, turn = shop[k % len(shop)], k // len(shop)
        yield crop_of(product, seed * 1_000_003 + k, turn, size, taxonomy.supercategory_of(product.label))


def crop_of(product: GarmentSpec, seed: int, turn: int, size: tuple[int, int], supercategory: str) -> StudioCrop:
    """One crop of a product: turns 0, 1, 2, … are front in the studio, front in the street, back, alone, …"""
    rng = np.random.default_rng([seed, 31])
    for attempt in range(4):
        picture = _view_of(product, seed + attempt * 7919, turn + attempt, size, rng)
        for shown in picture.garments:
            if shown.product.product_id == product.product_id and _well_seen(shown):
                return StudioCrop(cut(picture.pixels, shown.as_garment(supercategory)), product, picture.view)
    picture = render_product(product, size, seed)
    return StudioCrop(cut(picture.pixels, picture.garments[0].as_garment(supercategory)), product, "none")


def _well_seen(shown: ShownGarment) -> bool:
    """Enough of the garment is visible to know it again."""
    x0, y0, x1, y1 = shown.box
    area = int(shown.mask.sum())
    return area > 400 and area > 0.28 * (x1 - x0) * (y1 - y0)


def _view_of(product: GarmentSpec, seed: int, turn: int, size: tuple[int, int], rng: np.random.Generator) -> Rendered:
    manner = ("studio", "street", "back", "alone", "street", "side")[turn % 6]
    if manner == "alone":
        return render_product(product, size, seed, presentation="flat" if rng.random() < 0.5 else "ghost")
    person = sample_person(seed, product.gender if product.gender != "unisex" else None)
    outfit = sample_outfit(seed, person.gender, product, neutral=manner != "street")
    side: View = "left" if rng.random() < 0.5 else "right"
    view: View = "back" if manner == "back" else side if manner == "side" else "front"
    scene = (
        str(rng.choice(["street", "park", "room"]))
        if manner == "street"
        else str(rng.choice(["white", "grey", "gradient"]))
    )
    return render_look(outfit, person, view, scene, size, seed, candid=manner == "street")
