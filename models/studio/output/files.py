"""Pictures on disk."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from engine.domain import Pixels


def save_jpeg(path: Path, pixels: Pixels, quality: int = 90) -> None:
    """Write a picture as JPEG, 4:2:0, without metadata."""
    Image.fromarray(pixels).save(path, "JPEG", quality=quality)
