"""TIFF files: samples of every kind, and which of several pages is the picture."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping

import numpy as np
import pytest
from PIL import Image

from engine.errors import ImageUnreadable
from engine.vision.images import decode, decode_photo
from tests.fixtures.pictures import drawing, is_upright

RGB = np.asarray(drawing((48, 64)), float)
GREY = np.round(np.linspace(0, 255, 64 * 48)).reshape(64, 48)
UNSIGNED, SIGNED, FLOATING = 1, 2, 3
KINDS = {"u": UNSIGNED, "i": SIGNED, "f": FLOATING, "c": 6}


def tiff(values: np.ndarray, order: str = "<", *, packed: bool = False, tags: Mapping[int, int] | None = None) -> bytes:
    """A page of one strip, its samples as the array has them."""
    height, width, channels = (*values.shape, 1)[:3]
    kind, bits = KINDS[values.dtype.kind], 8 * values.dtype.itemsize
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    data = zlib.compress(data) if packed else data
    found = {256: width, 257: height, 258: bits, 259: 8 if packed else 1, 262: 2 if channels > 2 else 1, 277: channels}
    found |= {278: height, 279: len(data), 339: kind, **(tags or {})}
    start = 8 + 2 + 12 * (len(found) + 1) + 4
    outer = b"".join(struct.pack(f"{order}4H", *[found[tag]] * 4) for tag in (258, 339))
    found[273] = start + len(outer)
    rows = b""
    for tag, value in sorted(found.items()):
        if tag in (258, 339) and channels > 2:
            rows += struct.pack(f"{order}HHII", tag, 3, channels, start + 8 * (tag == 339))
        elif tag in (258, 339):
            rows += struct.pack(f"{order}HHIHH", tag, 3, channels, value, value if channels == 2 else 0)
        else:
            rows += struct.pack(f"{order}HHII", tag, 4, 1, value)
    head = struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(found))
    return head + rows + bytes(4) + outer + data


def opaque(values: np.ndarray, alpha: float = 255) -> np.ndarray:
    return np.dstack([values, np.full(values.shape[:2], alpha)])


SAMPLES = {
    "float": ((RGB / 255).astype("f4"), RGB),
    "float to 255": (RGB.astype("f4"), RGB),
    "double": ((RGB / 255).astype("f8"), RGB),
    "32 bits": ((RGB / 255 * (2**32 - 1)).astype("u4"), RGB),
    "signed 16 bits": ((RGB / 255 * (2**15 - 1)).astype("i2"), RGB),
    "16 bits": ((RGB * 257).astype("u2"), RGB),
    "grey of 32 bits": ((GREY / 255 * (2**32 - 1)).astype("u4"), GREY),
    "grey of 8 bits in 32": (GREY.astype("u4"), GREY),
    "grey of 16 bits in 32": ((GREY * 257).astype("u4"), GREY),
    "grey of signed 32 bits": ((GREY / 255 * (2**31 - 1)).astype("i4"), GREY),
    "grey of signed 16 bits": ((GREY * 257 - 32768).astype("i2"), GREY),
    "grey of signed 8 bits": ((GREY - 128).astype("i1"), GREY),
    "grey of signed 8 bits from 0": ((GREY // 2).astype("i1"), GREY // 2 * 255 / 127),
    "grey float": ((GREY / 255).astype("f4"), GREY),
    "half float": ((RGB / 255).astype("f2"), RGB),
    "half float to 255": (RGB.astype("f2"), RGB),
    "grey half float": ((GREY / 255).astype("f2"), GREY),
    "grey half float from -1": ((GREY / 127.5 - 1).astype("f2"), GREY),
    "grey float from -1": ((GREY / 127.5 - 1).astype("f4"), GREY),
    "grey double to 65535": ((GREY * 257).astype("f8"), GREY),
}


@pytest.mark.parametrize(("values", "wanted"), SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_samples_of_every_kind_keep_their_tones(
    values: np.ndarray, wanted: np.ndarray, order: str, packed: bool
) -> None:
    """Whatever their type, the order of their bytes, and whether they are packed."""
    wanted = wanted if wanted.ndim == 3 else wanted[..., None]
    assert np.allclose(decode(tiff(values, order, packed=packed)), wanted, atol=1.01)


@pytest.mark.parametrize(
    ("values", "extra", "wanted"),
    [
        ((opaque(RGB, 127.5) / 255).astype("f4"), 2, RGB / 2 + 127.5),
        ((opaque(RGB / 2, 127.5) / 255).astype("f4"), 1, RGB / 2 + 127.5),
        ((opaque(RGB, 127.5) / 255).astype("f4"), 0, RGB),
        ((opaque(GREY) * 257).astype("u2"), 2, GREY[..., None]),
        ((opaque(GREY, 0) * 257).astype("u2"), 0, GREY[..., None]),
    ],
    ids=["alpha", "premultiplied", "no alpha", "grey", "grey, no alpha"],
)
def test_a_further_channel_is_an_alpha_where_it_says_so(values: np.ndarray, extra: int, wanted: np.ndarray) -> None:
    """What is transparent lies on white."""
    assert np.allclose(decode(tiff(values, tags={338: extra})), wanted, atol=1.01)


@pytest.mark.parametrize("values", [GREY / 255 * (2**32 - 1)])
def test_white_as_zero_is_not_inverted(values: np.ndarray) -> None:
    """In 32 bits either."""
    assert np.allclose(decode(tiff(values.astype("u4"), tags={262: 0})), 255 - GREY[..., None], atol=1.01)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (tiff((RGB / 255 * 7).astype("f4")), "floating point from 0.549.* to 7"),
        (tiff(np.full_like(RGB, np.nan, "f4")), "floating point from nan"),
        (tiff(np.full_like(RGB, np.inf, "f2")), "floating point from inf"),
        (tiff((GREY / 255).astype("c8")), "1 × 64 bits .complex"),
        (tiff((RGB / 255).astype("f4"), packed=True, tags={317: 3}), "packed differences"),
        (tiff((RGB / 255).astype("f4"), tags={284: 2}), "in planes"),
    ],
    ids=["range", "nan", "endless", "complex", "differences", "planes"],
)
def test_samples_that_cannot_be_read_are_named(file: bytes, words: str) -> None:
    """A picture of wrong colours would be worse."""
    with pytest.raises(ImageUnreadable, match=f"{words}.*send it with 8 or 16 bits"):
        decode(file)


def pages(*images: tuple[Image.Image, Mapping[int, int]]) -> bytes:
    """A file of several pages, each with tags of its own."""
    buffer = io.BytesIO()
    first, *more = [image.copy() for image, _ in images]
    for image, (_, tags) in zip(more, images[1:], strict=True):
        image.encoderinfo = {"tiffinfo": dict(tags)}
    first.save(buffer, "TIFF", save_all=True, append_images=more, tiffinfo=dict(images[0][1]))
    return buffer.getvalue()


FULL, SMALL, OTHER = drawing((192, 320)), drawing((96, 160)), Image.new("RGB", (400, 200), "green")
REDUCED, OLD_REDUCED, MASK = {254: 1}, {255: 2}, {254: 4}


@pytest.mark.parametrize(
    ("file", "size"),
    [
        (pages((SMALL, REDUCED), (FULL, {})), (192, 320)),
        (pages((SMALL, OLD_REDUCED), (FULL, {})), (192, 320)),
        (pages((OTHER, MASK), (FULL, {})), (192, 320)),
        (pages((SMALL, {}), (FULL, {})), (192, 320)),
        (pages((FULL, {}), (SMALL, {})), (192, 320)),
        (pages((FULL, {}), (OTHER, {}), (drawing((960, 1600)), REDUCED)), (192, 320)),
        (pages((FULL, {}), (OTHER, {})), (192, 320)),
        (pages((SMALL, REDUCED)), (96, 160)),
    ],
    ids=["thumbnail", "old thumbnail", "mask", "unnamed thumbnail", "pyramid", "named", "other pages", "alone"],
)
def test_the_picture_is_the_page_that_is_no_thumbnail(file: bytes, size: tuple[int, int]) -> None:
    """Programs put a small one, or a mask, before the picture; of other pages the first counts."""
    photo = decode_photo(file)
    assert ((photo.width, photo.height), is_upright(photo.pixels)) == (size, True)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_picture_inside_a_thumbnails_page_is_found(order: str) -> None:
    """Cameras keep the picture in a directory below the thumbnail's, beside their sensor's own samples."""
    whole = tiff(np.asarray(FULL), order)
    raw = tiff(np.asarray(OTHER.convert("L")), order, tags={262: 32803})
    outer = tiff(np.asarray(SMALL), order, tags={254: 1, 330: 0})
    outer, start = _with_inner(outer, order), len(outer)
    moved = _moved(whole, order, start + 8)
    offsets = struct.pack(f"{order}II", start + 8 + len(moved) + 8, start + 8 + 8)
    photo = decode_photo(outer + offsets + moved + _moved(raw, order, start + 8 + len(moved)))
    assert ((photo.width, photo.height), is_upright(photo.pixels)) == ((192, 320), True)


def _with_inner(file: bytes, order: str) -> bytes:
    """The file, its tag of inner directories naming two that follow it."""
    return file.replace(struct.pack(f"{order}HHII", 330, 4, 1, 0), struct.pack(f"{order}HHII", 330, 4, 2, len(file)))


def _moved(file: bytes, order: str, by: int) -> bytes:
    """A file whose offsets count from `by` before it."""
    moved = bytearray(file)
    (count,) = struct.unpack_from(f"{order}H", file, 8)
    for at in range(10, 10 + 12 * count, 12):
        tag, kind, values, value = struct.unpack_from(f"{order}HHII", file, at)
        if tag == 273 or (tag in (258, 339) and values > 2):
            struct.pack_into(f"{order}HHII", moved, at, tag, kind, values, value + by)
    return bytes(moved)


@pytest.mark.parametrize("file", [pages((SMALL, REDUCED), (FULL, {}))])
def test_pages_in_a_circle_or_cut_short_end(file: bytes) -> None:
    """What can be read of the first page is read."""
    (start,) = struct.unpack_from("<I", file, 4)
    (count,) = struct.unpack_from("<H", file, start)
    at = start + 2 + 12 * count
    for following in (start, len(file) + 9, len(file) - 3):
        odd = file[:at] + struct.pack("<I", following) + file[at + 4 :]
        assert decode(odd).shape == (160, 96, 3)
