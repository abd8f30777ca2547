"""A TIFF's first page as it is stored: not turned, of samples of any kind."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

from PIL import Image

from engine.decoding.formats.orientation import xmp_orientation
from engine.decoding.formats.tiff_file import with_tags
from engine.decoding.samples import Samples, flat_tags, lay_flat, put_together, raw_mode, samples_of

_ORIENTATION, _XMP = 274, 700


def opened_tiff(file: io.BytesIO) -> tuple[Any, int]:
    """The page, not yet decoded, and its orientation (1 to 8)."""
    image = _as_stored()(file)
    orientation = image.tag_v2.get(_ORIENTATION)
    if isinstance(orientation, int) and 1 <= orientation <= 8:
        return image, orientation
    return image, xmp_orientation(_bytes(image.tag_v2.get(_XMP)))


@lru_cache(1)
def _as_stored() -> Any:
    """Pillow's class for a TIFF, without what it does to pixels by itself; it is imported when one comes."""
    from PIL.TiffImagePlugin import TiffImageFile

    class AsStored(TiffImageFile):
        """Pillow would turn the page, reading all of its EXIF for that, and count the pages."""

        _samples: Samples | None = None

        def _setup(self) -> None:
            self._samples = samples_of(self.tag_v2)
            if self._samples is None:
                super()._setup()
                return
            lay_flat(self.tag_v2, self._samples)
            super()._setup()
            if self.use_load_libtiff and self._samples.channels > 1:
                source: Any = self.fp
                self.fp = self._fp = io.BytesIO(with_tags(source.getvalue(), flat_tags(self._samples)))
            self._mode = "F"
            raw = raw_mode(self._samples, self.tag_v2.prefix, native=self.use_load_libtiff)
            self.tile = [tile._replace(args=self._arguments(raw, tile.args)) for tile in self.tile]
            self._size = self._tile_size = self._samples.width, self._samples.height

        def _arguments(self, raw: str, counted: Any) -> tuple[str, int, int]:
            """What Pillow's decoder is told: bytes from row to row were counted for 32 bits."""
            _, stride, last = counted
            bits = 32 if self.use_load_libtiff or self._samples is None else self._samples.bits
            return raw, stride * bits // 32, last

        def load(self) -> Any:
            """Decode it; unusual samples become 8 bits."""
            if self._samples is None or not self.tile:
                return super().load()
            self._size = self._tile_size = self._samples.width * self._samples.channels, self._samples.height
            super().load()
            picture = put_together(Image.Image()._new(self.im), self._samples)
            self.im, self._mode = picture.im, picture.mode
            self._size = self._tile_size = picture.size
            return super().load()

        def load_end(self) -> None:
            """Leave the pixels as they are stored."""

    return AsStored


def _bytes(value: object) -> bytes | None:
    if isinstance(value, bytes):
        return value
    return value[0] if isinstance(value, tuple) and value and isinstance(value[0], bytes) else None
