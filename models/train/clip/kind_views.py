"""What the kind layer learns from: features of every labelled photo's crop, as served, bare, augmented, and close up.

Close-ups show the layer how little a piece of cloth says, so that it is unsure of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import InputRejected
from models.train.clip.captions import facts_of
from models.train.clip.kinds import kinds_table, kinds_told
from models.train.clip.start import Begun
from models.train.clip.views import SIDE, embed_all
from models.train.data.crops import CropRecord, masked
from models.train.data.pictures import sized
from models.train.embedder.augment import Augmentation, augmented

SHARES: Mapping[str, float] = MappingProxyType({"served": 1.0, "bare": 1.0, "augmented": 1.0, "close": 0.5})
"""The views, and how much each counts."""
AUGMENTATION = Augmentation(bare_share=0.25, light=0.14, saturation=0.12, hue_degrees=3, plain_share=0.25)
CLOSE = (0.3, 0.7)
"""The side of a close-up, as a share of the crop's."""
GARMENT = 0.55
"""How much of a close-up is garment, if a few tries find so much."""
TRIES = 6
_TRUNK = ("stem", "norm", "stages", "last", "last_norm", "classes")
"""The parts of the image tower that features come from."""


@dataclass(frozen=True, slots=True, eq=False)
class KindView:
    """One view of n crops.

    Attributes:
        features: (n, FEATURES), as the layer takes them; right: (n, kinds), which it may be called.
        share: how much the view counts.
    """

    features: Tensor
    right: Tensor
    share: float


def labelled(records: Sequence[CropRecord]) -> NDArray[np.int64]:
    """The rows of a cache that the layer learns from: photographed garments of the training split, as labelled."""
    return np.flatnonzero([r.split == "train" and r.source != "studio" and not r.cut for r in records])


def kind_views(
    begun: Begun, records: Sequence[CropRecord], crops: NDArray[np.uint8], out: Path, side: int = SIDE
) -> list[KindView]:
    """Every view of the labelled crops; their features are read from `out` where a run before has left them.

    Raises:
        InputRejected: there is no labelled crop, or `out` holds the features of other crops.
    """
    rows = labelled(records)
    if not len(rows):
        raise InputRejected("The cache has no labelled photo of the training split: make it with --data.")
    chosen = [records[row] for row in rows]
    made_of = _fingerprint(begun, chosen, side)
    return [_view(begun, name, chosen, crops, rows, out / f"kinds_{name}.npz", side, made_of) for name in SHARES]


def _fingerprint(begun: Begun, records: Sequence[CropRecord], side: int) -> str:
    """What features are made of: the network, the crops by what is known of them, and the pictures' side."""
    digest = hashlib.sha256(repr((side, list(records))).encode())
    for name, values in begun.clip.visual.state_dict().items():
        if name.partition(".")[0] in _TRUNK:
            digest.update(values.numpy().tobytes())
    return digest.hexdigest()


def _view(
    begun: Begun,
    name: str,
    records: Sequence[CropRecord],
    crops: NDArray[np.uint8],
    rows: NDArray[np.int64],
    path: Path,
    side: int,
    made_of: str,
) -> KindView:
    if not path.exists():
        found = embed_all(begun, _pictures(name, crops, rows, side), side)
        np.savez(path, features=found["features"], classes=found["classes"], made_of=made_of)
    with np.load(path) as kept:
        if "made_of" not in kept or str(kept["made_of"]) != made_of:
            raise InputRejected(f"{path} is of other crops or of another network: give another folder with --out.")
        features, classes = (torch.from_numpy(kept[part].astype(np.float32)) for part in ("features", "classes"))
    right = kinds_table(kinds_told([facts_of(record) for record in records], classes))
    named = right.any(1)
    return KindView(begun.clip.visual.standard(features)[named], right[named], SHARES[name])


def _pictures(name: str, crops: NDArray[np.uint8], rows: NDArray[np.int64], side: int) -> Iterator[NDArray[np.uint8]]:
    for row in rows:
        rng = np.random.default_rng((int(row), list(SHARES).index(name)))
        yield _picture(name, np.asarray(crops[row]), side, rng)


def _picture(name: str, crop: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    if name == "augmented":
        return augmented(crop, side, rng, AUGMENTATION)
    if name == "close":
        return close_up(crop, side, rng)
    return sized(masked(crop) if name == "served" else crop[..., :3], side)


def close_up(crop: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(S, S, 4) → (side, side, 3): a window around a point of the garment; one in two bare, one in two mirrored.

    Of a crop without a garment, which a small one may become when it is resized, the whole is the window.
    """
    ys, xs = np.nonzero(crop[..., 3] > 127)
    window = crop
    for _ in range(TRIES if len(ys) else 0):
        size = int(crop.shape[0] * rng.uniform(*CLOSE))
        point = int(rng.integers(len(ys)))
        top, left = (int(np.clip(at[point] - size // 2, 0, crop.shape[0] - size)) for at in (ys, xs))
        window = crop[top : top + size, left : left + size]
        if (window[..., 3] > 127).mean() > GARMENT:
            break
    picture = masked(window) if rng.random() < 0.5 else window[..., :3]
    turned = picture[:, ::-1] if rng.random() < 0.5 else picture
    return np.asarray(cv2.resize(np.ascontiguousarray(turned), (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
