"""Colours as sRGB: a picture's ICC profile is followed, one that is broken or of other channels is left aside."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import Any

from cachetools import LRUCache
from PIL import Image

_CLOSE = 3
"""A profile that changes no colour by more than so many of 255 levels is sRGB under another name."""
_KEPT = 16
_STEPS = (0, 51, 102, 153, 204, 255)


@dataclass(frozen=True, slots=True)
class ToSrgb:
    """What a profile does to pixels of one mode; `transform` is None where it changes nothing worth the time."""

    transform: Any = None

    def apply(self, image: Image.Image) -> Image.Image:
        """The picture in sRGB, mode RGB."""
        if self.transform is None:
            return image if image.mode == "RGB" else image.convert("RGB")
        from PIL import ImageCms

        changed = ImageCms.applyTransform(image, self.transform)
        return image.convert("RGB") if changed is None else changed


@dataclass(slots=True)
class Profiles:
    """The profiles met last, so that each is worked out once. For one thread."""

    _kept: LRUCache[tuple[bytes, str], ToSrgb] = field(default_factory=lambda: LRUCache(_KEPT))

    def of(self, profile: bytes | None, mode: str) -> ToSrgb:
        """How pixels of this mode (L, RGB or CMYK) and profile become sRGB."""
        if not profile:
            return ToSrgb()
        key = hashlib.sha256(profile).digest(), mode
        if key not in self._kept:
            self._kept[key] = _read(profile, mode)
        return self._kept[key]


def _read(profile: bytes, mode: str) -> ToSrgb:
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        intent = ImageCms.Intent(ImageCms.getDefaultIntent(source) & 3)
        made = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent)
        return ToSrgb() if _is_identity(made, mode) else ToSrgb(made)
    except Exception:  # Whatever a broken profile raises: browsers then show the pixels as they are.
        return ToSrgb()


def _is_identity(transform: Any, mode: str) -> bool:
    """Whether a profile leaves a grid of colours, and greys, as they would be without it."""
    from PIL import ImageCms

    grid = _grid(mode)
    if grid is None:
        return False
    changed = ImageCms.applyTransform(grid, transform)
    before, after = grid.convert("RGB").tobytes(), b"" if changed is None else changed.tobytes()
    return len(before) == len(after) and max(abs(a - b) for a, b in zip(before, after, strict=True)) <= _CLOSE


def _grid(mode: str) -> Image.Image | None:
    if mode == "RGB":
        values = bytes(v for r in _STEPS for g in _STEPS for b in _STEPS for v in (r, g, b))
        return Image.frombytes("RGB", (len(_STEPS) ** 2, len(_STEPS)), values)
    return Image.frombytes("L", (256, 1), bytes(range(256))) if mode == "L" else None
