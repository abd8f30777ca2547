"""A shop's feed made of the real catalogue photos in a data folder, for measuring.

Reads `magento_catalog/products.jsonl` and `clothing_dataset/images.csv` as their READMEs describe them.
Pictures are linked (or copied) beside the feed, since a feed's image paths stay within its folder.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import FeedUnreadable

NOT_GARMENTS = frozenset({"accessory_or_other", "Hat"})


def write_real_feed(data: Path, folder: Path) -> Path:
    """Write `feed.jsonl` and its pictures into a folder; returns the feed's path.

    Raises:
        FeedUnreadable: the data folder lacks a catalogue.
    """
    folder.mkdir(parents=True, exist_ok=True)
    feed = folder / "feed.jsonl"
    try:
        rows = [*_magento(data / "magento_catalog"), *_flat_lays(data / "clothing_dataset")]
        for row in rows:
            for name in (row["image_link"], *row.get("additional_image_link", ())):
                _place(data / name, folder / name)
    except OSError as error:
        raise FeedUnreadable(f"The data folder {data} lacks a catalogue: {error}.") from error
    feed.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return feed


def _magento(folder: Path) -> Iterator[dict[str, Any]]:
    with (folder / "products.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["class"] in NOT_GARMENTS or "colour" not in row:
                continue
            images = [f"magento_catalog/images/{i['file']}" for i in row["images"]]
            yield {
                "id": f"{row['source']}-{row['variant_id']}",
                "title": row.get("title") or row["product_id"],
                "description": row.get("description") or "",
                "link": f"https://shop.example/{row['source']}/{row['variant_id']}",
                "image_link": images[0],
                "additional_image_link": images[1:],
                "price": f"{row['price']} USD" if row.get("price") else "",
                "availability": "in_stock",
                "brand": row["source"],
                "color": row["colour"],
                "product_type": row["class"].replace("_", " "),
                "item_group_id": f"{row['source']}-{row['product_id']}",
            }


def _flat_lays(folder: Path) -> Iterator[dict[str, Any]]:
    with (folder / "images.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            name = f"clothing_dataset/images/{row['image']}.jpg"
            if row["label"] in NOT_GARMENTS or not (folder.parent / name).exists():
                continue
            yield {
                "id": f"flat-{row['image']}",
                "title": row["label"],
                "link": f"https://shop.example/flat/{row['image']}",
                "image_link": name,
                "availability": "in_stock",
                "product_type": row["label"],
            }


def _place(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
