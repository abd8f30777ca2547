"""Bytes → upright RGB pixels, with every cap checked before a pixel is decoded."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.domain import Pixels
from engine.errors import ImageTooLarge, ImageUnreadable

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")

_ORIENTATION = 0x0112
"""EXIF's tag; from 5 on, width and height change places."""


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is still taken; `max_pixels` counts width × height as the file declares them."""

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    min_side: int = 32


DEFAULT_LIMITS = ImageLimits()


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded picture, perhaps at a reduced scale, with the size that its file declares (upright).

    Attributes:
        pixels: RGB, upright; smaller than (height, width) by `scale`, which is 1 or more.
    """

    pixels: Pixels
    width: int
    height: int

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the whole picture for one of ours, along x and y."""
        return self.width / self.pixels.shape[1], self.height / self.pixels.shape[0]


def decode(data: bytes, limits: ImageLimits = DEFAULT_LIMITS) -> Pixels:
    """Decode one picture at its own size; see `decode_photo`."""
    return decode_photo(data, limits).pixels


def decode_photo(data: bytes, limits: ImageLimits = DEFAULT_LIMITS, enough_side: int | None = None) -> Photo:
    """Decode one picture: EXIF orientation applied, any colour mode to RGB, the first frame of an animation.

    Transparent pixels become white, as on a catalogue page.

    Args:
        enough_side: a picture at least twice as large may come at half, a quarter … of its size, as long as its
            longer side keeps so many pixels. JPEG decodes to such a size in a fraction of the time.

    Raises:
        ImageUnreadable: empty, truncated, too small, or not a picture of a kind we read.
        ImageTooLarge: over a cap.
    """
    if not data:
        raise ImageUnreadable("The image is empty (0 bytes).")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"The image has {len(data):,} bytes; the most is {limits.max_bytes:,}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of oddities in metadata that do not touch the pixels.
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_size(image, limits)
                image.seek(0)
                return _reduced(image, enough_side)
        except UnidentifiedImageError:
            known = ", ".join(FORMATS)
            raise ImageUnreadable(f"The file is not an image that can be read; send one of {known}.") from None
        except Image.DecompressionBombError:
            raise ImageTooLarge(f"The image has more than {limits.max_pixels:,} pixels.") from None
        except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, MemoryError) as error:
            raise ImageUnreadable(f"The image is damaged or cut short ({error}); send it again.") from None


def _reduced(image: Image.Image, enough_side: int | None) -> Photo:
    """Upright RGB pixels, shrunk by a power of two where that leaves enough of them."""
    size, factor = image.size, 1
    turned = image.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
    while enough_side and max(size) >= 2 * factor * enough_side:
        factor *= 2
    if factor > 1 and image.format == "JPEG":
        image.draft(None, (size[0] // factor, size[1] // factor))
        factor = max(1, round(factor * image.size[0] / size[0]))
    ImageOps.exif_transpose(image, in_place=True)  # Unlike the plain form it copies nothing where nothing is turned.
    picture = _to_rgb(image)
    if factor > 1:
        picture = picture.reduce(factor)
    width, height = (size[1], size[0]) if turned else size
    return Photo(np.asarray(picture), width, height)


def _check_size(image: Image.Image, limits: ImageLimits) -> None:
    width, height = image.size
    if width * height > limits.max_pixels:
        raise ImageTooLarge(f"The image is {width} × {height} pixels; the most is {limits.max_pixels:,} in all.")
    if min(width, height) < limits.min_side:
        raise ImageUnreadable(f"The image is {width} × {height} pixels; each side needs {limits.min_side} at least.")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):
        return _to_8_bit(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit and float greys to 8 bits; Pillow's own conversion would clip them to white."""
    values = np.asarray(image, np.float64)
    top = 65535.0 if image.mode.startswith("I") else max(1.0, float(np.nan_to_num(values).max(initial=0.0)))
    return Image.fromarray((np.nan_to_num(values).clip(0, top) * (255 / top)).astype(np.uint8))


def encode_jpeg(image: Pixels, *, max_side: int, quality: int = 88) -> bytes:
    """A JPEG no larger than `max_side`, for the object store."""
    picture = Image.fromarray(image)
    picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
