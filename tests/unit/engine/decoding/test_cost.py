"""What a picture may cost: refused by its header, stopped while it is decoded, and never at another's expense."""

from __future__ import annotations

import struct
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from engine.decoding.room import Room
from engine.errors import ImageTooLarge, ImageUnreadable
from engine.vision import images
from engine.vision.images import ImageLimits, decode
from tests.fixtures.pictures import chunk, drawing, file_of, is_upright, many_scans, plain_png

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("scans", [200, 20_000])
def test_a_jpeg_of_many_scans_is_refused_by_its_header(scans: int) -> None:
    """Before a pixel is decoded; one of as many scans as a zealous encoder writes is taken."""
    data = many_scans(scans)
    begun = time.monotonic()
    with pytest.raises(ImageTooLarge, match="scans"):
        decode(data)
    assert time.monotonic() - begun < 0.5
    assert decode(many_scans(20)).shape == (256, 256, 3)


def test_many_scans_of_many_pixels_are_refused() -> None:
    """Ninety scans of 20 megapixels are as much work as two thousand megapixels."""
    with pytest.raises(ImageTooLarge, match="scans of so many pixels"):
        decode(many_scans(80, (5000, 4000)))


def test_scans_are_counted_past_what_looks_like_an_end() -> None:
    """A comment between scans may hold the bytes of an end marker."""
    data = many_scans(200)
    second = data.find(b"\xff\xc4", data.find(b"\xff\xda"))
    hidden = data[:second] + b"\xff\xfe\0\x06\xff\xd9\xff\xd9" + data[second:]
    with pytest.raises(ImageTooLarge, match="scans"):
        decode(hidden)


def test_files_of_countless_parts_are_refused_by_their_header() -> None:
    """Megabytes of empty comments in a GIF, of chunks in a PNG, of tags in a TIFF."""
    gif = b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0x80, 0, 0) + bytes(6) + b"!\xfe\0" * 1_000_000
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000) + struct.pack("<HHII", 1000, 1, 9, 0) * 60_000
    begun = time.monotonic()
    for data in (gif, plain_png(64, 64)[:33] + chunk(b"tEXt", b"a\0b") * 200_000, tiff):
        with pytest.raises(ImageTooLarge, match="costs too much"):
            decode(data)
    for filler in (b"\xff", b"\xff\0", b"\xff\xfe\0\x02", b"\xff\xe1\0\x02"):
        with pytest.raises(ImageUnreadable):
            decode(b"\xff\xd8" + filler * (18_000_000 // len(filler)))
    with pytest.raises(ImageTooLarge):
        decode(gif[:19] + b"!\xfe" + b"\1x" * 9_000_000)
    assert time.monotonic() - begun < 3
    commented = file_of(drawing(), "GIF", comment=b"x" * 100_000)
    assert decode(commented).shape == (160, 96, 3)


def test_thumbnails_in_metadata_are_no_scans() -> None:
    """A JPEG within EXIF is not counted."""
    within = b"Exif\0\0" + file_of(drawing(), "JPEG") * 20
    assert is_upright(decode(file_of(drawing(), "JPEG", exif=within[:60000])))


def test_pictures_larger_than_they_may_be_are_refused_in_every_kind() -> None:
    """By the size that the header declares, or that the decoder finds."""
    limits = ImageLimits(max_pixels=10_000)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"):
        with pytest.raises(ImageTooLarge, match="10,000"):
            decode(file_of(drawing(), kind), limits)


def test_of_an_animation_the_first_frame_alone_is_decoded() -> None:
    """Forty frames cost no more than one."""
    frames = [Image.new("RGB", (120, 120), (n, 0, 0)) for n in range(40)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        packed = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
        data = file_of(frames[0], kind, save_all=True, append_images=frames[1:], **packed)
        begun = time.monotonic()
        assert decode(data)[5, 5, 0] < 3
        assert time.monotonic() - begun < 2


def test_room_is_shared_in_the_order_of_coming() -> None:
    """A large request is not overtaken for ever by small ones; one that waits too long gives up."""
    room, order = Room(100), []

    def take(size: int) -> None:
        with room.taken(size, time.monotonic() + 10):
            order.append(size)

    with room.taken(60, time.monotonic() + 1):
        threads = []
        for size in (1000, 10):  # More than all: alone.
            threads.append(threading.Thread(target=take, args=(size,)))
            threads[-1].start()
            time.sleep(0.05)
        with pytest.raises(TimeoutError), room.taken(30, time.monotonic() + 0.05):
            pass
    for thread in threads:
        thread.join()
    assert order == [1000, 10]


class Odd(BaseException):
    """What a library should not raise, and does."""


RAISED = [RuntimeError("x"), struct.error("x"), AttributeError("x"), RecursionError(), ZeroDivisionError(), Odd("x")]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_whatever_a_decoder_raises_is_an_unreadable_picture(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """In one sentence that names no module of ours."""

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(images, "rasterize", broken)
    with pytest.raises(ImageUnreadable, match="damaged or cut short") as raised:
        decode(file_of(drawing(), "JPEG"))
    assert "Error" not in raised.value.message


@pytest.mark.parametrize(("error", "told"), [(MemoryError(), ImageTooLarge), (KeyboardInterrupt(), KeyboardInterrupt)])
def test_want_of_memory_is_said_so_and_a_stop_signal_passes(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, told: type[BaseException]
) -> None:
    """The one is the picture's size; the other no matter of the picture."""

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(images, "rasterize", broken)
    with pytest.raises(told):
        decode(file_of(drawing(), "JPEG"))
