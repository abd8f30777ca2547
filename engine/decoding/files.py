"""Files as Pillow opens them, by kind: without its guessing at formats, and without its rewriting of EXIF."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageFile

from engine.decoding.formats.outline import Outline
from engine.decoding.tiff import opened_tiff


def opened(outline: Outline) -> tuple[ImageFile.ImageFile, int]:
    """The picture, not yet decoded, and its orientation (1 to 8)."""
    image, orientation = _OPENERS[outline.kind](io.BytesIO(outline.data))
    return image, orientation or outline.orientation


def _jpeg(file: io.BytesIO) -> tuple[ImageFile.ImageFile, int]:
    from PIL.JpegImagePlugin import JpegImageFile

    return JpegImageFile(file), 0


def _png(file: io.BytesIO) -> tuple[ImageFile.ImageFile, int]:
    from PIL.PngImagePlugin import PngImageFile

    return PngImageFile(file), 0


def _webp(file: io.BytesIO) -> tuple[ImageFile.ImageFile, int]:
    from PIL.WebPImagePlugin import WebPImageFile

    return WebPImageFile(file), 0


def _gif(file: io.BytesIO) -> tuple[ImageFile.ImageFile, int]:
    from PIL.GifImagePlugin import GifImageFile

    return GifImageFile(file), 0


def _bmp(file: io.BytesIO) -> tuple[ImageFile.ImageFile, int]:
    from PIL.BmpImagePlugin import BmpImageFile

    return BmpImageFile(file), 0


def _avif(file: io.BytesIO) -> tuple[ImageFile.ImageFile, int]:
    from PIL import AvifImagePlugin, _avif

    class AsStored(AvifImagePlugin.AvifImageFile):
        """The first frame. Only the file's own `irot` and `imir` turn it, not its EXIF: so says the format."""

        orientation = 1

        def _open(self) -> None:
            data = self.fp.read() if self.fp else b""
            self._decoder = _avif.AvifDecoder(data, AvifImagePlugin.DECODE_CODEC_CHOICE, DECODER_THREADS)
            self._size, self.n_frames, self._mode, profile, _, self.orientation, _ = self._decoder.get_info()
            self.is_animated = self.n_frames > 1
            if profile:
                self.info["icc_profile"] = profile
            self.seek(0)

    image = AsStored(file)
    return image, image.orientation if 1 <= image.orientation <= 8 else 1


def _heif(file: io.BytesIO) -> tuple[ImageFile.ImageFile, int]:
    from pillow_heif import options
    from pillow_heif.as_plugin import HeifImageFile

    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    options.DECODE_THREADS = DECODER_THREADS
    image: ImageFile.ImageFile = HeifImageFile(file)  # type: ignore[no-untyped-call]
    return image, 1  # libheif has turned it as `irot` and `imir` say; EXIF only repeats that.


DECODER_THREADS = 2
"""For AVIF and HEIF, whose tiles can be decoded side by side."""

_OPENERS: dict[str, Callable[[io.BytesIO], tuple[Any, int]]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "GIF": _gif,
    "BMP": _bmp,
    "TIFF": opened_tiff,
    "AVIF": _avif,
    "HEIF": _heif,
}


def core_size(image: Image.Image) -> tuple[int, int]:
    """The size of what was decoded, whatever the file's header says by now."""
    width, height = image.im.size
    return int(width), int(height)
