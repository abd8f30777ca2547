"""Photos with what was seen drawn on them: a spread of all, and the worst errors beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from engine.domain import Pixels
from engine.taxonomy import load_taxonomy
from models.architectures.accessories import with_accessories
from models.drawing import COLORS, OTHER
from models.networks.overlap import mask_iou
from models.networks.segmenter import PERSON
from models.studio.output.sheet import contact_sheet
from models.train.data.datasets import CcpFolder
from models.train.segmenter.evaluation import IOUS, Instance
from models.train.segmenter.measure import Seen

CELL = (440, 300)
COLUMNS = 8


def write_sheets(folder: Path, ccp: Path, seen: Seen, photos: int = 24) -> tuple[Path, Path]:
    """`photos.png`, evenly chosen, as served; and `worst.png`, truth on the left of each pair, answer on the right."""
    folder.mkdir(parents=True, exist_ok=True)
    reader = CcpFolder(ccp)
    chosen = np.linspace(0, len(seen.names) - 1, min(photos, len(seen.names))).astype(int)
    spread = [_drawn(reader.read(seen.names[k]).pixels, seen.kept[k]) for k in chosen]
    order = sorted(range(len(seen.names)), key=lambda k: -errors(seen.truth[k], seen.kept[k]))[: photos // 2]
    pairs = []
    for k in order:
        pixels = reader.read(seen.names[k]).pixels
        pairs += [_drawn(pixels, seen.truth[k]), _drawn(pixels, seen.kept[k])]
    files = folder / "photos.png", folder / "worst.png"
    for file, cells in zip(files, (spread, pairs), strict=True):
        Image.fromarray(contact_sheet(cells, COLUMNS)).save(file)
    return files


def errors(truth: Sequence[Instance], kept: Sequence[Instance]) -> float:
    """How wrong a photo's answer is: labelled garments that are missed or cut badly, and garments of nothing."""
    labels = [i for i in truth if i.label != PERSON]
    garments = [i for i in kept if i.label != PERSON]
    overlaps = [max((mask_iou(g.mask, i.mask) for g in garments if g.label == i.label), default=0.0) for i in labels]
    invented = sum(all(g.label != i.label or mask_iou(g.mask, i.mask) < IOUS[0] for i in labels) for g in garments)
    return sum(1 - iou for iou in overlaps) + invented


def _drawn(pixels: Pixels, instances: Sequence[Instance]) -> Pixels:
    """A cell of the sheet: masks tinted and outlined, class and score beside them."""
    canvas, taxonomy = np.ascontiguousarray(pixels).copy(), with_accessories(load_taxonomy())
    for instance in (i for i in instances if i.label != PERSON):
        color = COLORS.get(taxonomy.supercategory_of(instance.label), OTHER)
        canvas[instance.mask] = (0.5 * canvas[instance.mask] + 0.5 * np.array(color)).astype(np.uint8)
        outline, _ = cv2.findContours(instance.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(canvas, outline, -1, color, 2, cv2.LINE_AA)
        corner = int(instance.box[0]), int(instance.box[1]) + 14
        text = f"{instance.label} {instance.score:.2f}"
        for ink, width in (((255, 255, 255), 4), (color, 1)):
            cv2.putText(canvas, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.55, ink, width, cv2.LINE_AA)
    return _fitted(canvas)


def _fitted(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = min(CELL[0] / height, CELL[1] / width)
    small = cv2.resize(pixels, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    cell = np.full((*CELL, 3), 255, np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small
    return cell
