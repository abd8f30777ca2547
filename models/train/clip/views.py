"""What the CLIP's heads learn from: every crop's features in a few views, computed once, since the towers stay.

The first view is the crop as the product serves it (all but the garment white), the second the bare box; the others
are augmented, and the last is dyed in a colour drawn for it besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.architectures.semantic_color import MEAN, STD
from models.networks.preprocess import to_input
from models.train.clip.captions import SHADES
from models.train.clip.data import CaptionedCrops, facts_in
from models.train.clip.recolor import recolored
from models.train.clip.start import Begun
from models.train.data.colors import COLOR_NAMES
from models.train.data.crops import masked
from models.train.data.pictures import sized
from models.train.embedder.augment import Augmentation, augmented

SERVED, BARE, DYED = 0, 1, 4
VIEWS = 5
SIDE = 208
"""Pixels of the image tower's input."""
DYES = (*COLOR_NAMES, *SHADES)
BATCH = 32
NARROWEST = 0.3
"""Of the mean spread, added to every feature's: one that hardly varies says little."""
AUGMENTATION = Augmentation(light=0.14, saturation=0.12, hue_degrees=3, plain_share=0.1)


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """(VIEWS, n, …) of the n crops of `rows`: features, shares of shades, logits of classes; and each one's dye.

    `paired`: the places in `rows` of crops of product variants that have several pictures.
    """

    rows: NDArray[np.int64]
    features: NDArray[np.float16]
    shares: NDArray[np.float16]
    classes: NDArray[np.float16]
    dyes: NDArray[np.str_]
    paired: NDArray[np.int64]


def views_of(begun: Begun, crops: CaptionedCrops, out: Path, side: int = SIDE, seed: int = 0) -> Views:
    """Every training crop's views, read from `out / "views.npz"` where a run before has left them.

    The image tower is given the mean and the spread of its features, unless it has them from before.
    """
    path = out / "views.npz"
    if not path.exists():
        looked: dict[str, Any] = _looked(begun, crops, side, np.random.default_rng(seed))
        np.savez(path, **looked)
    with np.load(path) as kept:
        found = {name: kept[name] for name in ("rows", "features", "shares", "classes", "dyes")}
    visual = begun.clip.visual
    if bool((visual.spread == 1).all()):
        served = torch.from_numpy(found["features"][SERVED].astype(np.float32))
        visual.mean.copy_(served.mean(0))
        visual.spread.copy_(served.std(0) + NARROWEST * served.std(0).mean())
    found["features"] = _standard(visual, found["features"])
    paired = several([crops.records[row].identity for row in crops.rows])
    return Views(**found, paired=paired)


def _standard(visual: Any, features: NDArray[np.float16]) -> NDArray[np.float16]:
    """Features as the head takes them; a view at a time, since floats of all of them would fill the memory."""
    return np.stack(
        [visual.standard(torch.from_numpy(view.astype(np.float32))).numpy().astype(np.float16) for view in features]
    )


def _looked(begun: Begun, crops: CaptionedCrops, side: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    dyes = np.array([_other_color(facts_in(crops, int(row)).maybe, rng) for row in crops.rows])
    pictures = (_picture(crops, i, dyes, view, side, rng) for view in range(VIEWS) for i in range(len(crops.rows)))
    found = embed_all(begun, pictures, side)
    shaped = {name: rows.reshape(VIEWS, len(crops.rows), -1) for name, rows in found.items()}
    return {**shaped, "rows": crops.rows, "dyes": dyes}


def _picture(
    crops: CaptionedCrops, number: int, dyes: NDArray[np.str_], view: int, side: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    crop = np.asarray(crops.crops[crops.rows[number]])
    if view in (SERVED, BARE):
        return sized(masked(crop) if view == SERVED else crop[..., :3], side)
    return augmented(recolored(crop, str(dyes[number]), rng) if view == DYED else crop, side, rng, AUGMENTATION)


def _other_color(maybe: frozenset[str], rng: np.random.Generator) -> str:
    """A colour or shade that nobody would give the garment as it is."""
    while True:
        dye = str(rng.choice(DYES))
        if not {f"colour:{dye}", f"shade:{dye}"} & maybe:
            return dye


def embed_all(begun: Begun, pictures: Iterator[NDArray[np.uint8]], side: int) -> dict[str, NDArray[np.float16]]:
    """(n, …) `features` of the trunk, `shares` of the shades and logits of `classes`, by the runtime that serves."""
    from models.export.onnx_file import export_module
    from models.runtime import RuntimeOptions, open_session

    names = ("features", "shares", "classes")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "features.onnx"
        export_module(_Features(begun).eval(), {"images": torch.zeros(2, 3, side, side)}, names, path)
        session = open_session(path, RuntimeOptions())
        parts = [session.run({"images": to_input(np.stack(some), MEAN, STD)}) for some in _batches(pictures)]
    return {name: np.concatenate([part[name] for part in parts]).astype(np.float16) for name in names}


class _Features(nn.Module):
    def __init__(self, begun: Begun) -> None:
        super().__init__()
        self.visual = begun.clip.visual

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The trunk's features, the shares of shades, and the logits of the classes."""
        features, last = self.visual.pooled(pictures)
        return features, self.visual.colour.shares(pictures), self.visual.classes(last)


def several(identities: Sequence[str]) -> NDArray[np.int64]:
    """The places of names that occur more than once."""
    _, back, counts = np.unique(identities, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[back] > 1)


def _batches(pictures: Iterator[NDArray[np.uint8]]) -> Iterator[list[NDArray[np.uint8]]]:
    some: list[NDArray[np.uint8]] = []
    for picture in pictures:
        some.append(picture)
        if len(some) == BATCH:
            yield some
            some = []
    if some:
        yield some
