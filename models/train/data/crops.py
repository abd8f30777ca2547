"""Garment crops for training the embedders, read once from the data sets and kept as one array.

The cache is `crops.npy`, (n, size, size, 4) uint8: RGB padded to a square with white, and
in the fourth channel the garment's mask. Both the masked and the bare picture can be made of
it, so that training can blur the line and an embedder learns to bear imperfect masks.
`records.jsonl` says of each row what it shows. Splits: CCP by its own `splits.json`;
luma by product, the clothing dataset by its column or a hash; every rule stands in `models/train/splits.py`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.domain import Pixels
from engine.taxonomy import Taxonomy, load_taxonomy
from engine.vision.crops import MARGIN, NEUTRAL
from engine.vision.grabcut import grab_cut
from models.train.data.colors import COLOR_NAMES, colors_of
from models.train.data.pictures import read_label_map, read_pixels
from models.train.splits import is_left_out, magento_split

CROP_SIZE = 208
SPLITS = ("train", "val", "test")
MIN_MASK_SHARE = 0.004
"""CCP garments smaller than this share of the photo (a strap, a sliver of shirt) teach nothing."""


@dataclass(frozen=True, slots=True)
class CropRecord:
    """What one cached crop shows.

    Attributes:
        identity: crops of the same identity show the same product variant.
        category: the data set's own word, such as `t-shirt`; label: the taxonomy's class, or "".
        colours: measured on the mask, the main one first.
        view: front, back, detail, street or flat.
        cut: `served` where a profile's segmenter cut it, as the product would; else "".
    """

    source: str
    split: str
    product: str
    identity: str
    label: str
    category: str
    view: str
    colours: tuple[str, ...]
    title: str = ""
    gender: str = ""
    pattern: str = ""
    cut: str = ""


def square_crop(image: Pixels, mask: NDArray[np.bool_], size: int = CROP_SIZE) -> NDArray[np.uint8]:
    """Cut a mask's box with the margin of `engine.vision.crops.cut`, pad to a square with white, resize.

    Returns:
        (size, size, 4) uint8: RGB as photographed, and the mask as 0 or 255.
    """
    ys, xs = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    y0, y1, x0, x1 = ys[0], ys[-1] + 1, xs[0], xs[-1] + 1
    pad = round(MARGIN * max(y1 - y0, x1 - x0))
    side = max(y1 - y0, x1 - x0) + 2 * pad
    cy, cx = (y0 + y1 - side) // 2, (x0 + x1 - side) // 2
    out = np.full((side, side, 4), NEUTRAL, np.uint8)
    out[..., 3] = 0
    height, width = mask.shape
    ty, tx = max(0, y0 - pad), max(0, x0 - pad)
    by, bx = min(height, y1 + pad), min(width, x1 + pad)
    window = out[ty - cy : by - cy, tx - cx : bx - cx]
    window[..., :3] = image[ty:by, tx:bx]
    window[..., 3] = mask[ty:by, tx:bx].astype(np.uint8) * 255
    return np.asarray(cv2.resize(out, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def masked(crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(…, 4) cached crops → (…, 3) RGB with everything but the garment white."""
    alpha = crops[..., 3:].astype(np.float32) / 255
    return np.asarray(crops[..., :3] * alpha + NEUTRAL * (1 - alpha) + 0.5, np.uint8)


def _jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


def ccp_crops(
    root: Path, taxonomy: Taxonomy, only: Collection[str] = SPLITS
) -> Iterator[tuple[CropRecord, NDArray[np.uint8]]]:
    """Street garments, cut along the true masks; both shoes of a pair are one crop."""
    names = json.loads((root / "labels.json").read_text())["labels"]
    splits = json.loads((root / "splits.json").read_text())
    for split, ids in splits.items():
        for photo in ids if split in only else ():
            mask_path = root / "masks" / f"{photo}.png"
            if not mask_path.exists():
                continue
            image = read_pixels(root / "images" / f"{photo}.jpg")
            labels = read_label_map(mask_path)
            for index in np.unique(labels):
                name = names[index]
                found = taxonomy.classify(name)
                mask = labels == index
                if (found is None and name not in {"bag", "hat"}) or mask.mean() < MIN_MASK_SHARE:
                    continue
                crop = square_crop(image, mask)
                colours = colors_of(crop[..., :3], crop[..., 3] > 200)
                key = f"ccp-{photo}-{name}"
                yield CropRecord("ccp", split, key, key, found.name if found else "", name, "street", colours), crop


def flat_lay_mask(image: Pixels, side: int = 112) -> NDArray[np.bool_]:
    """A rough mask of a flat-lay: GrabCut from a frame's width inside the picture, at low resolution."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    small = cv2.resize(image, (max(8, round(width * scale)), max(8, round(height * scale))))
    frame = max(2, round(0.04 * side))
    inside = grab_cut(np.asarray(small, np.uint8), (frame, frame), rounds=3)
    if inside is None or not 0.08 < inside.mean() < 0.9:
        return np.ones((height, width), bool)
    whole = cv2.resize(inside.astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole > 0)


def clothing_crops(
    root: Path, taxonomy: Taxonomy, only: Collection[str] = SPLITS
) -> Iterator[tuple[CropRecord, NDArray[np.uint8]]]:
    """Flat-lays by volunteers; every photo is taken for an item of its own."""
    with (root / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        split = "val" if is_left_out(row) else "train"
        if split not in only:
            continue
        image = read_pixels(root / "images" / f"{row['image']}.jpg")
        crop = square_crop(image, flat_lay_mask(image))
        category = row["label"].lower()
        found = taxonomy.classify(category)
        key = f"clothing-{row['image']}"
        colours = colors_of(crop[..., :3], crop[..., 3] > 200)
        gender = "kids" if row["kids"] == "True" else ""
        yield (
            CropRecord(
                "clothing", split, key, key, found.name if found else "", category, "flat", colours, gender=gender
            ),
            crop,
        )


def studio_foreground(image: Pixels) -> NDArray[np.bool_]:
    """Everything but the near-white that is joined to the picture's border."""
    near_white = np.pad((image.min(2) > 238).astype(np.uint8), 1, constant_values=1)
    count, labels = cv2.connectedComponents(near_white, connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0]) if count else np.ones(image.shape[:2], bool)


def worn_box(
    label: str, title: str, keypoints: NDArray[np.float32], width: int, height: int
) -> tuple[float, float, float, float]:
    """Where a worn garment of this class is, from (17, 3) COCO keypoints; the whole picture where they are unsure."""
    shoulders, hips, knees, ankles = (keypoints[i : i + 2] for i in (5, 11, 13, 15))
    if min(shoulders[:, 2].max(), hips[:, 2].max()) < 0.2:
        return 0, 0, width, height
    shoulder_y, hip_y = float(shoulders[:, 1].mean()), float(hips[:, 1].mean())
    torso = max(hip_y - shoulder_y, 0.1 * height)
    top, bottom = 0.0, float(height)
    if label in {"upper_wear", "outerwear"}:
        top, bottom = shoulder_y - 0.28 * torso, hip_y + 0.12 * torso
    elif label == "dress":
        top = shoulder_y - 0.2 * torso
    elif label == "lower_wear":
        top = hip_y - 0.12 * torso
        joint, room = (knees, 0.1) if "short" in title.casefold() else (ankles, 0.05)
        bottom = float(joint[:, 1].mean()) + room * torso if joint[:, 2].max() > 0.2 else bottom
    top, bottom = max(0.0, top), min(float(height), bottom)
    return (0, top, width, bottom) if bottom - top > 0.15 * height else (0, 0, width, height)


def magento_crops(
    root: Path, source: str, taxonomy: Taxonomy, only: Collection[str] = SPLITS
) -> Iterator[tuple[CropRecord, NDArray[np.uint8]]]:
    """Catalogue views of worn products, boxed by keypoints and freed of the white studio.

    `luma` is split by product (`magento_split`); `venia` is only ever measured with.
    """
    poses = {row["file"]: row for row in _jsonl(root / "pose_movenet_pseudo.jsonl")}
    for row in _jsonl(root / "products.jsonl"):
        if row["source"] != source or row["class"] not in taxonomy.classes or magento_split(row) not in only:
            continue
        for shown in row["images"]:
            image = read_pixels(root / "images" / shown["file"])
            height, width = image.shape[:2]
            mask = studio_foreground(image)
            if shown["file"] in poses and shown["view"] != "detail":
                points = np.array(poses[shown["file"]]["kpts"], np.float32)
                x0, y0, x1, y1 = (round(v) for v in worn_box(row["class"], row.get("title", ""), points, width, height))
                mask[:y0] = mask[y1:] = mask[:, :x0] = mask[:, x1:] = False
            if mask.mean() < 0.01:
                mask[:] = True
            crop = square_crop(image, mask)
            yield magento_record(row, shown["view"], crop), crop


def magento_record(row: Mapping[str, Any], view: str, crop: NDArray[np.uint8]) -> CropRecord:
    """What a row of `products.jsonl` says of one of its pictures."""
    source, title = row["source"], row.get("title", "")
    path = " ".join(row.get("categories", ())).split("/")
    return CropRecord(
        source,
        magento_split(row),
        f"{source}-{row['product_id']}",
        f"{source}-{row['variant_id']}",
        row["class"],
        _kind(title, row["class"]),
        view,
        shop_colors(row.get("colour") or "") or colors_of(crop[..., :3], crop[..., 3] > 200),
        title=title,
        gender="women's" if "Women" in path else "men's" if "Men" in path else "",
        pattern=str(row.get("attributes", {}).get("pattern", "")).lower(),
    )


def shop_colors(word: str) -> tuple[str, ...]:
    """A shop's colour as one of ours: it knows the garment from the skin and the trousers in the same crop."""
    word = word.casefold().replace("gray", "grey").replace("lavender", "purple").split("_")[0]
    return (word,) if word in COLOR_NAMES else ()


def _kind(title: str, label: str) -> str:
    last = title.replace("-", " ").split()
    return last[-1].lower().rstrip("s") if last else label.replace("_", " ")


def all_crops(data: Path) -> Iterator[tuple[CropRecord, NDArray[np.uint8]]]:
    """Every source that lies under the data folder; `venia` only for measuring."""
    taxonomy = load_taxonomy()
    if (data / "magento_catalog").exists():
        yield from magento_crops(data / "magento_catalog", "luma", taxonomy)
        yield from magento_crops(data / "magento_catalog", "venia", taxonomy)
    if (data / "ccp").exists():
        yield from ccp_crops(data / "ccp", taxonomy)
    if (data / "clothing_dataset").exists():
        yield from clothing_crops(data / "clothing_dataset", taxonomy)


def held_out_crops(data: Path) -> Iterator[tuple[CropRecord, NDArray[np.uint8]]]:
    """The validation crops of every source that trained weights may have seen other crops of."""
    taxonomy = load_taxonomy()
    yield from ccp_crops(data / "ccp", taxonomy, {"val"})
    yield from clothing_crops(data / "clothing_dataset", taxonomy, {"val"})
    yield from magento_crops(data / "magento_catalog", "luma", taxonomy, {"val"})


def write_cache(folder: Path, rows: Iterable[tuple[CropRecord, NDArray[np.uint8]]]) -> int:
    """Write `crops.npy` and `records.jsonl` row by row, so that no more than one crop is held; returns the rows.

    Raises:
        ValueError: there is not one crop.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count, shape = 0, (CROP_SIZE, CROP_SIZE, 4)
    with (folder / "crops.npy").open("wb") as pixels, (folder / "records.jsonl").open("w", encoding="utf-8") as lines:
        _header(pixels, (0, *shape))  # numpy leaves room in the header for a longer first axis.
        for record, crop in rows:
            lines.write(json.dumps(asdict(record)) + "\n")
            pixels.write(np.ascontiguousarray(crop, np.uint8).tobytes())
            count, shape = count + 1, crop.shape
        if not count:
            raise ValueError("There is nothing to put into the cache: no data set was found.")
        pixels.seek(0)
        _header(pixels, (count, *shape))
    return count


def _header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)


def read_cache(folder: Path) -> tuple[list[CropRecord], NDArray[np.uint8]]:
    """Records and the memory-mapped (n, size, size, 4) array beside them."""
    rows = _jsonl(folder / "records.jsonl")
    records = [CropRecord(**{**row, "colours": tuple(row["colours"])}) for row in rows]
    return records, np.load(folder / "crops.npy", mmap_mode="r")
