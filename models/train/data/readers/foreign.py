"""Other people's garment data sets, into the folder that a training reads: one shape of photo, one way of writing.

A data set has its own words for garments; the taxonomy's synonyms turn them into our classes. Words that mean no
garment of ours (a collar, a bag) are left out and counted, so that nobody wonders where they went. Which photo is
for validation is decided by a hash of what it belongs to, so that pictures of one product are never on both sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from engine.domain import Box, Pixels
from engine.taxonomy import Taxonomy
from models.architectures.accessories import CLASSES, WORDS
from models.train.data.datasets import Mask, polygon, write_data_yaml
from models.train.data.pictures import DatasetUnreadable, read_pixels
from models.train.splits import Split, split_of

People = Callable[[Pixels], Sequence[Mask]]
"""Finds the people of a picture, one mask each."""

VALIDATION_ONE_IN = 10
SMALLEST = 0.0003
"""Garments under this share of the picture are not labelled."""


@dataclass(frozen=True, slots=True, eq=False)
class GarmentPhoto:
    """A photo of some data set as its reader gives it.

    Attributes:
        name: unique in its data set; becomes the file name.
        path: the picture.
        group: what the photo belongs to (a product, else itself); decides its split.
        garments: the data set's own word and the mask (H, W) of everything labelled.
        split: where the data set says itself what is for validation.
    """

    name: str
    path: Path
    group: str
    garments: Sequence[tuple[str, Mask]]
    split: Split | None = None


@dataclass(slots=True)
class ClassWords:
    """From a data set's words to our classes.

    Attributes:
        own: word → class, over the taxonomy's synonyms; an empty class leaves the word out.
        ignored: words that mean nothing here, and how often they came.
    """

    taxonomy: Taxonomy
    own: Mapping[str, str] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)

    def class_of(self, word: str) -> str | None:
        """The class of a word; None, and counted, where it has none."""
        label = self.own[word] if word in self.own else self._by_synonym(word)
        if label in CLASSES:
            return label
        self.ignored[word] += 1
        return None

    def _by_synonym(self, word: str) -> str | None:
        if word in CLASSES or word in WORDS:
            return WORDS.get(word, word)
        found = self.taxonomy.classify(word)
        return found.name if found else None


@dataclass(frozen=True, slots=True)
class Written:
    """What a data set became.

    Attributes:
        data: the `data.yaml` of the folder.
        photos: per split; photos that show no garment of ours count too, they teach what to leave alone.
        instances: per class.
        ignored: words without a class, and how often they came.
    """

    data: Path
    photos: Mapping[str, int]
    instances: Mapping[str, int]
    ignored: Mapping[str, int]


def write_garment_folder(
    out: Path,
    photos: Iterable[GarmentPhoto],
    words: ClassWords,
    people: People | None = None,
    long_side: int = 640,
) -> Written:
    """Write pictures, label lines and `data.yaml`; both splits in one pass.

    Args:
        people: labels the people, which garment data sets do not; without it a network unlearns them.
        long_side: pictures are written no larger.
    Raises:
        DatasetUnreadable: a picture cannot be read or differs in size from its masks, or there are no photos.
    """
    for part in ("images/train", "images/val", "labels/train", "labels/val"):
        (out / part).mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    instances: Counter[str] = Counter()
    for photo in photos:
        pixels = read_pixels(photo.path)
        found = list(_instances(photo, pixels, words))
        found += [("person", mask) for mask in (people(pixels) if people else ())]
        part = photo.split or split_of(photo.group)
        _write(out, part, photo.name, pixels, found, long_side)
        counts[part] += 1
        instances.update(label for label, _ in found)
    if not counts:
        raise DatasetUnreadable("The data set has no photos: check that the paths lead to its pictures and labels.")
    return Written(write_data_yaml(out), dict(counts), dict(instances), dict(words.ignored))


def run_lengths(runs: Sequence[int], size: tuple[int, int]) -> Mask:
    """The mask (height, width) of run-length pairs: start (from 1) and length, counted down the columns.

    Raises:
        DatasetUnreadable: an odd number of values, or runs beyond the picture.
    """
    height, width = size
    starts, lengths = np.array(runs[0::2], np.int64) - 1, np.array(runs[1::2], np.int64)
    if len(starts) != len(lengths) or (len(starts) and (starts.min() < 0 or (starts + lengths).max() > height * width)):
        raise DatasetUnreadable(f"Run lengths do not fit a picture of {width} × {height} pixels.")
    flat = np.zeros(height * width, bool)
    for start, length in zip(starts, lengths, strict=True):
        flat[start : start + length] = True
    return np.ascontiguousarray(flat.reshape(width, height).T)


def polygons_mask(polygons: Iterable[Sequence[float]], size: tuple[int, int]) -> Mask:
    """The mask (height, width) covered by polygons given as flat lists x, y, x, y, …, in pixels."""
    mask = np.zeros(size, np.uint8)
    for flat in polygons:
        corners = np.array(flat, np.float64).reshape(-1, 2)
        if len(corners) >= 3:
            cv2.fillPoly(mask, [np.round(corners - 0.5).astype(np.int32)], 1)
    return mask > 0


def _instances(photo: GarmentPhoto, pixels: Pixels, words: ClassWords) -> Iterator[tuple[str, Mask]]:
    """Our classes with the pieces of one wearer joined, specks left out."""
    by_class: dict[str, list[Mask]] = {}
    for word, mask in photo.garments:
        if mask.shape != pixels.shape[:2]:
            raise DatasetUnreadable(
                f"{photo.path} is {pixels.shape[1]} × {pixels.shape[0]} pixels, its masks {mask.shape[1]} × "
                f"{mask.shape[0]}: take the pictures that the labels were made for."
            )
        label = words.class_of(word)
        if label is not None and np.count_nonzero(mask) >= SMALLEST * mask.size:
            by_class.setdefault(label, []).append(mask)
    for label, masks in by_class.items():
        for mask in masks if label == "person" else joined(masks):
            yield label, mask


def joined(masks: Sequence[Mask]) -> list[Mask]:
    """Pieces of one class joined where they can only belong to one wearer: two shoes, a shirt and its cardigan.

    They do where they stand above each other or closer side by side than the wider one is wide.
    """
    groups: list[Mask] = []
    for mask in sorted(masks, key=np.count_nonzero, reverse=True):
        near = next((k for k, group in enumerate(groups) if _one_wearer(_box(group), _box(mask))), None)
        if near is None:
            groups.append(mask)
        else:
            groups[near] = groups[near] | mask
    return groups


def _one_wearer(a: Box, b: Box) -> bool:
    gap = max(a[0], b[0]) - min(a[2], b[2])
    apart = max(a[1], b[1]) - min(a[3], b[3])
    return gap <= max(a[2] - a[0], b[2] - b[0]) and apart <= max(a[3] - a[1], b[3] - b[1])


def _box(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _write(out: Path, part: str, name: str, pixels: Pixels, found: Sequence[tuple[str, Mask]], long_side: int) -> None:
    height, width = pixels.shape[:2]
    lines = []
    for label, mask in found:
        outline = (polygon(mask) + 0.5) / (width, height)
        if len(outline) >= 3:
            lines.append(f"{CLASSES.index(label)} " + " ".join(f"{value:.5f}" for value in outline.reshape(-1)))
    picture = Image.fromarray(pixels)
    picture.thumbnail((long_side, long_side), Image.Resampling.LANCZOS)
    picture.save(out / "images" / part / f"{name}.jpg", quality=92)
    (out / "labels" / part / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
