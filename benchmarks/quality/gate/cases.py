"""The gate's cases: pictures with what is true of them, each with the answer that is wanted.

What is true comes from file names (the catalogue), from people's annotations (boxes of coco128), from cuts that we
make ourselves (street photos ended at knees, waist or neck), and from two teachers that agree (full-front street
photos). A catalogue's file names were checked by eye; the few that say something else than the picture stand below.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engine.domain import Pixels
from models.train.data.keypoints.pose import PoseLabel, read_ccp_poses
from models.train.data.pictures import read_pixels
from models.train.splits import is_held_out

Rule = Literal["front view", "full front"]
"""What counts as kept: shown from the front (what the policy `prefer` takes), or the gate's own `keep`."""

FRONTS_NAMED_DETAIL = frozenset(
    {
        "luma_mp05-blue_outfit.jpg",
        "luma_mp06-gray_outfit.jpg",
        "luma_mt08-green_alt1.jpg",
        "venia_vd04_look.jpg",
        "venia_vd06_look.jpg",
        "venia_vp05_look.jpg",
        "venia_vp09-pe_alt.jpg",
        "venia_vsk02-ll_alt.jpg",
        "venia_vsk06-la_alt.jpg",
        "venia_vsk08_look.jpg",
        "venia_vsk09-rn_alt.jpg",
        "venia_vsk11-ly_alt.jpg",
        "venia_vsw05_look.jpg",
        "venia_vt11_look.jpg",
    }
)
"""Called details by the shop, and whole front views by eye: left out."""
DETAILS_NAMED_FRONT = frozenset({"luma_wj04-white_alternate.jpg"})
"""Called a front by the shop, and a sleeve by eye: counted as a detail."""
NO_GARMENTS = frozenset({"luma_wb01-black-0.jpg", "luma_wb02-green-0.jpg"})
"""Bags that the catalogue files under a bra's number: left out as accessories are."""
LEAST_PERSON = 0.02
"""A person of coco128 who covers less of the picture is a speck."""
EQUAL_SHARE = 0.3
"""A second person at least this large beside the largest makes several people, as the gate itself counts."""


@dataclass(frozen=True, slots=True, eq=False)
class GateCase:
    """One picture to judge.

    Attributes:
        source: where it comes from; case: what it shows.
        wanted: whether it is to be kept, by `rule`.
    """

    source: str
    case: str
    name: str
    pixels: Pixels
    wanted: bool
    rule: Rule


def catalogue_cases(root: Path) -> Iterator[GateCase]:
    """Held-out Luma products and all of Venia; accessories are no garments and are left out."""
    for source, garment, view, name in catalogue_pictures(root):
        case = view if view == "detail" else f"{view}, {_part(garment)}"
        yield GateCase(source, case, name, read_pixels(root / "images" / name), view == "front", "front view")


def catalogue_pictures(root: Path) -> Iterator[tuple[str, str, str, str]]:
    """Source, garment class, view (`front`, `back` or `detail`) and file of the pictures that nothing learned from."""
    for line in (root / "products.jsonl").read_text().splitlines():
        product = json.loads(line)
        source = product["source"]
        if product["class"] == "accessory_or_other" or (source == "luma" and not is_held_out(product["product_id"])):
            continue
        for image in product["images"]:
            name = image["file"]
            if name not in FRONTS_NAMED_DETAIL | NO_GARMENTS:
                yield source, product["class"], "detail" if name in DETAILS_NAMED_FRONT else image["view"], name


def _part(garment: str) -> str:
    return "legs alone" if garment == "lower_wear" else "upper body or whole"


def cut_cases(labels: list[PoseLabel]) -> Iterator[GateCase]:
    """Full-front street photos as they are, and ended at the knees, at the waist, or begun below the head."""
    for label in labels:
        pixels, points = read_pixels(label.image), label.keypoints
        knees, hips, shoulders = (float(points[rows, 1].mean()) for rows in ([13, 14], [11, 12], [5, 6]))
        chin = shoulders - 0.35 * (shoulders - float(points[0, 1]))
        name = label.image.name
        yield GateCase("ccp", "full-front", name, pixels, True, "full front")
        yield GateCase("ccp", "ends at the knees", name, pixels[: int(knees)], False, "full front")
        yield GateCase("ccp", "ends at the waist", name, pixels[: int(hips)], False, "full front")
        yield GateCase("ccp", "without head", name, pixels[int(chin) :], False, "full front")


def composed_cases(labels: list[PoseLabel]) -> Iterator[GateCase]:
    """Two people in one picture: street photos side by side."""
    for left, right in zip(labels[::2], labels[1::2], strict=False):
        one, two = read_pixels(left.image), read_pixels(right.image)
        height = min(len(one), len(two))
        both = np.concatenate([one[:height], two[:height]], axis=1)
        yield GateCase("ccp", "two side by side", left.image.name, both, False, "full front")


def everyday_cases(root: Path) -> Iterator[GateCase]:
    """coco128: nobody, or several people; pictures of one person are left out, for nobody says how they stand."""
    for line in (root / "annotations.jsonl").read_text().splitlines():
        row = json.loads(line)
        if not row["has_box_file"]:
            continue
        areas = sorted(((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in row["person_boxes"]), reverse=True)
        several = len(areas) > 1 and areas[0] >= LEAST_PERSON and areas[1] >= EQUAL_SHARE * areas[0]
        if areas and not several:
            continue
        pixels = read_pixels(root / "images" / row["file"])
        yield GateCase("coco128", "several people" if several else "nobody", row["file"], pixels, False, "full front")


def held_out_street(root: Path) -> list[PoseLabel]:
    """CCP's validation photos with the first teacher's keypoints."""
    return read_ccp_poses(root, "val")
