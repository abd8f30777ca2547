"""Bytes → upright RGB pixels: every kind of file, every kind of bad file."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from engine.errors import ImageTooLarge, ImageUnreadable
from engine.vision.images import ImageLimits, decode, decode_photo, encode_jpeg

SIZE = (64, 48)
NOISE = Image.fromarray(np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def halves(left: object, right: object, mode: str) -> Image.Image:
    image = Image.new(mode, SIZE, left)
    image.paste(right, (32, 0, 64, 48))
    return image


def test_rgb_png_comes_back_by_value() -> None:
    """A lossless picture decodes to the very pixels that went in."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    assert np.array_equal(decode(encoded(Image.fromarray(pixels))), pixels)


@pytest.mark.parametrize(("orientation", "corner"), [(3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_exif_orientation_is_applied(orientation: int, corner: tuple[int, int]) -> None:
    """A red corner at the top left of the stored pixels lands where EXIF says, and the size turns with it."""
    image = Image.new("RGB", SIZE, "white")
    image.paste("red", (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encoded(image, "JPEG", exif=exif, quality=95))
    assert pixels.shape == ((48, 64, 3) if orientation == 3 else (64, 48, 3))
    assert pixels[corner][0] > 200
    assert pixels[corner][1] < 60


def test_cmyk_becomes_rgb() -> None:
    """Full cyan and no ink are cyan and white, not their negatives."""
    pixels = decode(encoded(halves((255, 0, 0, 0), (0, 0, 0, 0), "CMYK"), "JPEG", quality=95))
    assert np.allclose(pixels[24, 8], (0, 255, 255), atol=12)
    assert np.allclose(pixels[24, 56], (255, 255, 255), atol=6)


def test_palette_with_transparency_lies_on_white() -> None:
    """A transparent palette entry becomes white, an opaque one keeps its colour."""
    image = Image.new("P", SIZE, 0)
    image.putpalette([0, 0, 0, 10, 200, 30] + [0, 0, 0] * 254)
    image.paste(1, (32, 0, 64, 48))
    pixels = decode(encoded(image, "PNG", transparency=0))
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    assert tuple(pixels[0, 63]) == (10, 200, 30)


def test_half_transparent_mixes_with_white() -> None:
    """Alpha is composited, not dropped."""
    pixels = decode(encoded(Image.new("RGBA", SIZE, (0, 0, 0, 128))))
    assert abs(int(pixels[0, 0, 0]) - 127) <= 1


def test_16_bit_keeps_its_tones() -> None:
    """Mid grey of 16 bits is mid grey of 8 bits; a plain conversion would clip it to white."""
    values = np.full((48, 64), 32768, np.uint16)
    assert abs(int(decode(encoded(Image.fromarray(values)))[0, 0, 0]) - 128) <= 1


def test_animation_gives_its_first_frame() -> None:
    """Of an animated GIF the first frame is read."""
    frames = [Image.new("RGB", SIZE, color) for color in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert tuple(decode(data)[5, 5]) == (255, 0, 0)


def test_grey_and_bilevel() -> None:
    """One-channel pictures get three equal channels."""
    assert tuple(decode(encoded(Image.new("L", SIZE, 77)))[0, 0]) == (77, 77, 77)
    assert tuple(decode(encoded(Image.new("1", SIZE, 1)))[0, 0]) == (255, 255, 255)


def jpeg() -> bytes:
    return encoded(NOISE, "JPEG")


def huge_png() -> bytes:
    """A few bytes that declare 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"", ImageUnreadable, "empty"),
        (b"%PDF-1.7 not a picture", ImageUnreadable, "not an image"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 40, ImageUnreadable, "image"),
        (jpeg()[:2000], ImageUnreadable, "damaged or cut short"),
        (encoded(NOISE)[: 480 * 640], ImageUnreadable, "damaged or cut short"),
        (encoded(Image.new("RGB", (400, 8))), ImageUnreadable, "400 × 8"),
        (huge_png(), ImageTooLarge, "pixels"),
    ],
    ids=["empty", "wrong type", "header only", "truncated jpeg", "truncated png", "tiny", "pixel bomb"],
)
def test_bad_files_are_refused_with_a_reason(data: bytes, error: type[Exception], says: str) -> None:
    """Each gets the error of its kind, in words that tell what is wrong."""
    with pytest.raises(error, match=says):
        decode(data)


def test_byte_cap_is_checked_before_anything_is_read() -> None:
    """One byte over the cap is refused even though the bytes are no picture."""
    with pytest.raises(ImageTooLarge, match="11 bytes"):
        decode(b"x" * 11, ImageLimits(max_bytes=10))


def test_encode_keeps_the_ratio_and_the_cap() -> None:
    """The longer side is cut to the cap, the shorter follows, and small pictures are not blown up."""
    big, small = np.zeros((400, 200, 3), np.uint8), np.zeros((40, 40, 3), np.uint8)
    assert decode(encode_jpeg(big, max_side=100)).shape == (100, 50, 3)
    assert decode(encode_jpeg(small, max_side=100)).shape == (40, 40, 3)


def wide(kind: str = "JPEG", size: tuple[int, int] = (800, 601), **options: object) -> bytes:
    """A picture with a red left third."""
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, size[0] // 3, size[1]))
    return encoded(image, kind, **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("enough", "shape"), [(200, (151, 200, 3)), (201, (301, 400, 3)), (401, (601, 800, 3))])
def test_a_large_photo_is_decoded_at_the_scale_that_is_enough(
    kind: str, enough: int, shape: tuple[int, int, int]
) -> None:
    """Powers of two, never below what was asked, and the photo still knows how large its file says it is."""
    photo = decode_photo(wide(kind), enough_side=enough)
    assert photo.pixels.shape == shape
    assert (photo.width, photo.height) == (800, 601)
    assert photo.scale == (800 / shape[1], 601 / shape[0])
    assert photo.pixels[shape[0] // 2, shape[1] // 6, 1] < 60
    assert photo.pixels[shape[0] // 2, shape[1] // 2, 1] > 200


def test_a_reduced_photo_is_turned_as_its_camera_says() -> None:
    """Width and height of the upright picture, at either scale."""
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = decode_photo(wide(exif=exif, quality=95), enough_side=400)
    assert photo.pixels.shape == (400, 301, 3)
    assert (photo.width, photo.height) == (601, 800)
    assert photo.pixels[50, 150, 1] < 60
    assert photo.pixels[350, 150, 1] > 200


def test_a_reduced_photo_that_is_cut_short_is_still_refused() -> None:
    """The faster way to decode takes no damaged file for a picture."""
    data = wide(quality=95)
    with pytest.raises(ImageUnreadable):
        decode_photo(data[: len(data) // 2], enough_side=200)
