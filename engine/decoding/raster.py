"""From a file's outline to upright sRGB pixels, by Pillow, strip by strip so that memory stays near the picture's own.

Runs in a decoder process, or in the caller's own for what is cheap. Raises whatever libraries raise:
`engine.vision.images` and the decoder process translate.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageFile

from engine.decoding.color import Profiles
from engine.decoding.files import core_size, opened
from engine.decoding.formats.outline import Outline
from engine.decoding.levels import Levels, levels_of
from engine.decoding.salvage import ended, loaded
from engine.errors import ImageTooLarge, ImageUnreadable

STRIP_PIXELS = 4_000_000
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller wants of a picture.

    Attributes:
        max_pixels, min_side: what is taken, of the size that the file declares.
        enough_side: it may come at half, a quarter … of its size while its longer side keeps so many pixels.
        max_side: it comes no larger than this, well resampled.
    """

    max_pixels: int
    min_side: int
    enough_side: int | None = None
    max_side: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Upright sRGB pixels (mode RGB), the upright size that the file declares, and whether its profile is sRGB."""

    image: Image.Image
    width: int
    height: int
    plain: bool


def check_size(size: tuple[int, int], wanted: Wanted) -> None:
    """Refuse what is too large or too small.

    Raises:
        ImageTooLarge, ImageUnreadable: so it is.
    """
    width, height = size
    if width * height > wanted.max_pixels:
        raise ImageTooLarge(f"The image is {width} × {height} pixels; the most is {wanted.max_pixels:,} pixels.")
    if min(width, height) < wanted.min_side:
        raise ImageUnreadable(f"The image is {width} × {height} pixels; each side needs {wanted.min_side} at least.")


def rasterize(outline: Outline, wanted: Wanted, profiles: Profiles) -> Raster:
    """Decode a picture.

    Raises:
        ImageTooLarge, ImageUnreadable: its size.
        Exception: whatever the libraries raise on what is damaged.
    """
    if outline.size:
        check_size(outline.size, wanted)
    outline = ended(outline)
    file, orientation = opened(outline)
    size = stored_size(file)
    check_size(size, wanted)
    factor, draft = _reduction(file, size, wanted.enough_side)
    declared = stored_size(file)
    image = loaded(file, outline, lambda: _opened_at(outline, draft))
    if core_size(image) != declared:  # What a HEIF declares may differ from what it holds.
        size = core_size(image)
        check_size(size, wanted)
    profile = outline.profile or image.info.get("icc_profile") or outline.named_profile
    pixels, plain = _in_srgb(image, factor, profile if isinstance(profile, bytes) else None, profiles)
    if orientation in _TURNS:
        pixels = pixels.transpose(_TURNS[orientation])
    if wanted.max_side and max(pixels.size) > wanted.max_side:
        pixels.thumbnail((wanted.max_side, wanted.max_side), Image.Resampling.LANCZOS)
    width, height = size[::-1] if orientation >= 5 else size
    return Raster(pixels, width, height, plain)


def stored_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Width and height before turning; Pillow tells a TIFF's as they are after it."""
    width, height = getattr(image, "_tile_size", image.size)
    return int(width), int(height)


def _opened_at(outline: Outline, draft: tuple[int, int] | None) -> ImageFile.ImageFile:
    image, _ = opened(outline)
    if draft:
        image.draft(None, draft)
    return image


def _reduction(
    image: ImageFile.ImageFile, size: tuple[int, int], enough: int | None
) -> tuple[int, tuple[int, int] | None]:
    """By how much the decoded picture may shrink; a JPEG is told to come smaller at once, with the words for that."""
    factor = 1
    while enough and max(size) >= 2 * factor * enough:
        factor *= 2
    if factor == 1 or image.format != "JPEG":
        return factor, None
    draft = max(1, size[0] // factor), max(1, size[1] // factor)
    image.draft(None, draft)
    return max(1, round(factor * image.size[0] / size[0])), draft


def _in_srgb(image: Image.Image, factor: int, profile: bytes | None, profiles: Profiles) -> tuple[Image.Image, bool]:
    """The picture as RGB in sRGB, shrunk by a power of two; and whether its profile changed nothing."""
    width, height = core_size(image)
    image._size = width, height
    levels = levels_of(image)
    rows = max(1, STRIP_PIXELS // (width * factor)) * factor
    to_srgb = profiles.of(profile, _opaque(image.crop((0, 0, 1, 1)), levels).mode)
    if rows >= height:
        return to_srgb.apply(_reduced(_opaque(image, levels), factor)), to_srgb.transform is None
    if image.mode == "RGB" and factor == 1 and to_srgb.transform is None:
        return image, True
    picture = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        strip = _opaque(image.crop((0, top, width, min(height, top + rows))), levels)
        picture.paste(to_srgb.apply(_reduced(strip, factor)), (0, top // factor))
    return picture, to_srgb.transform is None


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    return image.reduce(factor) if factor > 1 else image


def _opaque(image: Image.Image, levels: Levels) -> Image.Image:
    """L, RGB or CMYK of 8 bits; what is transparent lies on white, as on a catalogue page."""
    if image.mode in ("L", "RGB", "CMYK") and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return levels.applied(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("L" if image.mode == "1" else "RGB")
