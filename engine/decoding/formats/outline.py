"""What a picture's file says of itself, read before any pixel: kind, size, metadata, and what decoding it may cost.

Nothing here decodes. Every loop is bounded by the file's length or by a cap; what does not fit raises.
"""

from __future__ import annotations

from dataclasses import dataclass

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
SIMPLE_PIXELS = 2_400_000
"""So many pixels are decoded in a few tenths of a second, whatever the way in which they are packed."""
MAX_PROFILE_BYTES = 4 * 1024 * 1024
"""A larger colour profile is left out: the pixels are then read as sRGB."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A picture's file before it is decoded.

    Attributes:
        kind: one of `FORMATS`.
        data: the file as Pillow is to read it: without metadata that says nothing of the pixels.
        size: width and height as stored, before turning; None where only the decoder can tell.
        orientation: EXIF's, 1 to 8; for AVIF, HEIF and TIFF the decoder tells.
        profile: the ICC profile; for AVIF, HEIF, TIFF and GIF the decoder tells.
        named_profile: of the colour space that an AVIF or HEIF names; counts where it has no other.
        scans: passes over the whole picture (JPEG).
        simple: decoding takes one pass whose time and memory follow from the size alone.
        bytes_per_pixel: memory that decoding takes at its peak, roughly, for each stored pixel.
        whole: the file has its end, so that a decoder that stumbles found damage and not merely less.
        missing: the share of the file that is known not to be there.
    """

    kind: str
    data: bytes
    size: tuple[int, int] | None = None
    orientation: int = 1
    profile: bytes | None = None
    named_profile: bytes | None = None
    scans: int = 1
    simple: bool = False
    bytes_per_pixel: int = 16
    whole: bool = False
    missing: float = 0.0
