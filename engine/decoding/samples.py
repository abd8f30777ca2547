"""TIFF pictures whose samples Pillow reads not at all or wrongly: signed, of floating point, or of 32 and 64 bits.

Their samples are read as one wide picture of floating point, brought to 8 bits, and put together again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image

from engine.decoding.levels import Levels, extremes, first_of, levels_of_fractions, levels_of_whole_numbers
from engine.errors import ImageUnreadable

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 259, 262, 277
_PLANES, _PREDICTOR, _TILE_WIDTH, _EXTRA, _FORMAT = 284, 317, 322, 338, 339
_UNSIGNED, _SIGNED, _FLOATING = 1, 2, 3
_KINDS = {_UNSIGNED: "unsigned", _SIGNED: "signed", _FLOATING: "floating point"}
_READ = {
    _UNSIGNED: {8: "F;8", 16: "F;16{}", 32: "F;32{}"},
    _SIGNED: {8: "F;8S", 16: "F;16{}S", 32: "F;32{}S"},
    _FLOATING: {16: "F;16{}", 32: "F;32{}F", 64: "F;64{}F"},
}
"""What Pillow calls samples of so many bits, with a mark of their order; half floats are whole numbers to it."""
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_COLORED, _GREY = {1: "RGBa", 2: "RGBA"}, {1: "La", 2: "LA"}
"""By what the extra channel is: an alpha that the colours are multiplied by, or not; any other is left out."""
_STRIP_SAMPLES = 8_000_000


@dataclass(frozen=True, slots=True)
class Samples:
    """How a picture's samples are stored."""

    width: int
    height: int
    bits: int
    kind: int
    channels: int
    photometric: int
    extra: int

    @property
    def mode(self) -> str:
        """The mode of the picture in 8 bits."""
        if self.photometric == _RGB:
            return "RGB" if self.channels == 3 else _COLORED.get(self.extra, "RGBX")
        return "L" if self.channels == 1 else _GREY.get(self.extra, "LA")


def samples_of(tags: Any) -> Samples | None:
    """The samples of a page, where Pillow would read them wrongly or not at all; None where it knows them.

    Raises:
        ImageUnreadable: they cannot be read in this way either.
    """
    photometric = first_of(tags.get(_PHOTOMETRIC), 0)
    bits, kind = first_of(tags.get(_BITS), 1), first_of(tags.get(_FORMAT), 1)
    channels = first_of(tags.get(_SAMPLES), 1)
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) or bits < 8 or _is_known(bits, kind, channels):
        return None
    colors = 3 if photometric == _RGB else 1
    if bits not in _READ.get(kind, {}) or not colors <= channels <= colors + 1:
        words = _KINDS.get(kind, "complex or unknown")
        raise ImageUnreadable(f"The image is a TIFF of {channels} × {bits} bits ({words}); send it with 8 or 16 bits.")
    packed = first_of(tags.get(_COMPRESSION), 1) != 1
    tiled, differences = tags.get(_TILE_WIDTH), first_of(tags.get(_PREDICTOR), 1) > 1
    if channels > 1 and (first_of(tags.get(_PLANES), 1) == 2 or (packed and (tiled or differences))):
        words = "in planes, tiles or packed differences"
        raise ImageUnreadable(f"The image is a TIFF of {channels} × {bits} bits {words}; send it with 8 or 16 bits.")
    return Samples(tags[_WIDTH], tags[_HEIGHT], bits, kind, channels, photometric, first_of(tags.get(_EXTRA), 0))


def _is_known(bits: int, kind: int, channels: int) -> bool:
    return kind == _UNSIGNED and (bits < 16 or (bits == 16 and channels != 2))


def flat_tags(samples: Samples) -> dict[int, int]:
    """Tags of a page of one channel, so many times as wide, with the same samples."""
    width, bits = samples.width * samples.channels, samples.bits
    return {_WIDTH: width, _BITS: bits, _SAMPLES: 1, _PHOTOMETRIC: 1, _FORMAT: samples.kind, _EXTRA: 0}


def lay_flat(tags: Any, samples: Samples) -> None:
    """Let a page's tags say so, of a kind that Pillow knows."""
    if tags.get(_TILE_WIDTH):
        tags[_TILE_WIDTH] = first_of(tags[_TILE_WIDTH], 0) * samples.channels
    tags[_WIDTH] = samples.width * samples.channels
    tags[_SAMPLES], tags[_BITS], tags[_FORMAT], tags[_PHOTOMETRIC] = 1, (32,), (_FLOATING,), 1
    tags.pop(_EXTRA, None)


def raw_mode(samples: Samples, prefix: bytes, *, native: bool) -> str:
    """What Pillow is to make of the stored bytes."""
    order = "N" if native else "B" if prefix == b"MM" else ""
    return _READ[samples.kind][samples.bits].format(order)


def put_together(flat: Image.Image, samples: Samples) -> Image.Image:
    """The picture in 8 bits from its samples side by side."""
    if (samples.kind, samples.bits) == (_FLOATING, 16):
        _become_half_floats(flat)
    levels = _levels(flat, samples)
    picture = Image.new(samples.mode, (samples.width, samples.height))
    rows = max(1, _STRIP_SAMPLES // flat.width)
    for top in range(0, samples.height, rows):
        strip = levels.applied(flat.crop((0, top, flat.width, min(samples.height, top + rows))))
        size = samples.width, strip.height
        picture.paste(Image.frombytes(samples.mode, size, strip.tobytes()), (0, top))
    if samples.mode in ("L", "RGB", "LA", "RGBA") and (samples.channels != 2 or samples.extra in _GREY):
        return picture
    if samples.mode in ("La", "RGBa"):
        return picture.convert(samples.mode.upper())
    return picture.convert("RGB") if samples.mode == "RGBX" else picture.getchannel("L")


def _become_half_floats(flat: Image.Image) -> None:
    """Make of numbers of 16 bits the floating point that they are, which Pillow does not know."""
    import numpy as np  # Of the decoders only this one has a use for it.

    rows = max(1, _STRIP_SAMPLES // flat.width)
    for top in range(0, flat.height, rows):
        strip = flat.crop((0, top, flat.width, min(flat.height, top + rows)))
        numbers: Any = np.asarray(strip).astype(np.uint16)
        flat.paste(Image.fromarray(numbers.view(np.float16).astype(np.float32)), (0, top))


def _levels(flat: Image.Image, samples: Samples) -> Levels:
    low, high = extremes(flat)
    if samples.kind == _FLOATING:
        levels = levels_of_fractions(low, high, guess=samples.channels == 1)
    else:
        levels = levels_of_whole_numbers(low, high, samples.bits, signed=samples.kind == _SIGNED)
    return levels.inverted() if samples.photometric == _WHITE_IS_ZERO else levels
