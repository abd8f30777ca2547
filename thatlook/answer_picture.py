"""One answer as one picture: the photo with its garments drawn, and for each the products that were found."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from engine.domain import Answer, GarmentHits, Hit, Pixels
from engine.seams import ObjectStore
from models.drawing import draw_garments

HEIGHT, CELL, CAPTION, GAP = 720, (136, 180), 44, 12
INK, FAINT, PAPER = "#1d1d1f", "#6e6e73", "white"


def save_picture(path: Path, photo: Pixels, answer: Answer, objects: ObjectStore, hits: int = 5) -> None:
    """Write the picture (kind by the path's ending)."""
    garments = [g for g in answer.garments if g.hits]
    seen = Image.fromarray(draw_garments(photo, [g.garment for g in garments if g.garment]))
    left = ImageOps.contain(seen, (HEIGHT, HEIGHT))
    row = CELL[1] + CAPTION + 34
    width = left.width + GAP * 3 + hits * (CELL[0] + GAP)
    sheet = Image.new("RGB", (width, max(left.height + 2 * GAP, len(garments) * row + GAP)), PAPER)
    sheet.paste(left, (GAP, GAP))
    for n, garment in enumerate(garments):
        _draw_row(sheet, (left.width + 3 * GAP, GAP + n * row), garment, objects, hits)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=86)


def _draw_row(sheet: Image.Image, at: tuple[int, int], garment: GarmentHits, objects: ObjectStore, hits: int) -> None:
    draw, (x, y) = ImageDraw.Draw(sheet), at
    draw.text((x, y), (garment.supercategory or "").replace("_", " "), INK, ImageFont.load_default(18))
    for hit in garment.hits[:hits]:
        _draw_hit(sheet, (x, y + 28), hit, objects)
        x += CELL[0] + GAP


def _draw_hit(sheet: Image.Image, at: tuple[int, int], hit: Hit, objects: ObjectStore) -> None:
    draw, (x, y) = ImageDraw.Draw(sheet), at
    with Image.open(io.BytesIO(objects.get(hit.item.image))) as stored:
        sheet.paste(ImageOps.pad(stored.convert("RGB"), CELL, color=PAPER), (x, y))
    font = ImageFont.load_default(12)
    title = hit.product.title
    while draw.textlength(title, font) > CELL[0]:
        title = title[:-2].rstrip() + "…"
    price = "" if hit.product.effective_price is None else f"{hit.product.effective_price:.2f} {hit.product.currency}"
    draw.text((x, y + CELL[1] + 4), title, INK, font)
    draw.text((x, y + CELL[1] + 20), f"{hit.score:.2f}   {price}", FAINT, font)
