"""What a picture may cost: refused by its header, stopped while it is decoded, and never at another's expense."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.decoding import worker
from engine.decoding.pool import Pool, the_pool
from engine.decoding.room import Room
from engine.errors import DeadlineExceeded, ImageTooLarge, ImageUnreadable, InputRejected, Unavailable
from engine.system.clock import Deadline
from engine.vision import images
from engine.vision.images import ImageLimits, decode, decode_photo
from tests.fixtures.pictures import chunk, drawing, file_of, is_upright, many_scans, noise

ROOT = Path(__file__).parents[4]


def png(width: int, height: int, depth: int = 8, color: int = 2, rows: bytes | None = None) -> bytes:
    """A PNG of one colour, however large."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    row = bytes(1 + width * channels * depth // 8)
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return head + chunk(b"IDAT", pixels if rows is None else rows) + chunk(b"IEND", b"")


def peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


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
    for data in (gif, png(64, 64)[:33] + chunk(b"tEXt", b"a\0b") * 200_000, tiff):
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


def test_a_large_grey_of_16_bits_takes_little_more_than_its_pixels() -> None:
    """49 megapixels of 16 bits are 98 MB; a conversion through floats would take 800."""
    photo = decode_photo(png(7070, 7070, 16, 0), enough_side=960)
    assert (photo.width, photo.height, photo.pixels.shape) == (7070, 7070, (1768, 1768, 3))
    assert max(peak_bytes(pid) for pid in the_pool().pids()) < 400_000_000


@pytest.mark.parametrize("color", [4, 6])
def test_a_large_transparent_picture_is_laid_on_white_strip_by_strip(color: int) -> None:
    """Transparent black of 16 megapixels becomes white, and no copy of the whole is made for that."""
    assert decode(png(4000, 4000, 8, color), max_side=1024).min() == 255
    assert max(peak_bytes(pid) for pid in the_pool().pids()) < 400_000_000


def test_pictures_larger_than_they_may_be_are_refused_in_every_kind() -> None:
    """By the size that the header declares, or that the decoder finds."""
    limits = ImageLimits(max_pixels=10_000)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"):
        with pytest.raises(ImageTooLarge, match="10,000"):
            decode(file_of(drawing(), kind), limits)


def test_of_an_animation_the_first_frame_alone_is_decoded() -> None:
    """Forty frames cost no more than one."""
    frames = [Image.new("RGB", (400, 400), (n, 0, 0)) for n in range(40)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        packed = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
        data = file_of(frames[0], kind, save_all=True, append_images=frames[1:], **packed)
        begun = time.monotonic()
        assert decode(data)[5, 5, 0] < 3
        assert time.monotonic() - begun < 2


@pytest.mark.integration
def test_decoding_is_stopped_at_the_deadline_and_the_next_picture_is_decoded() -> None:
    """The process that worked on it is gone, not at work behind our back."""
    slow = many_scans(80, (3000, 3000))
    decode(file_of(drawing(), "TIFF"))
    before = set(the_pool().pids())
    begun = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        decode_photo(slow, deadline=Deadline.within(0.1))  # It takes 0.3 s on a quiet machine.
    assert time.monotonic() - begun < 2
    assert any(gone(pid) for pid in before)
    assert is_upright(decode(file_of(drawing(), "TIFF")))


@pytest.mark.integration
def test_processor_time_is_limited_by_the_kernel() -> None:
    """A picture gets no more than it may have, whoever waits for it; what others took before is not counted."""
    data, pool = many_scans(80, (2400, 2400)), Pool(1)
    wanted, until = images.Wanted(1 << 30, 8, 960), time.monotonic() + 60
    pool.decode(data, images.Task(len(data), wanted, 9, 1 << 30), until)
    (pid,) = pool.pids()
    while processor_s(pid) < 1.1:
        pool.decode(data, images.Task(len(data), wanted, 9, 1 << 30), until)
    with pytest.raises(ImageTooLarge, match="costs too much"):
        pool.decode(data, images.Task(len(data), wanted, -1, 1 << 30), until)
    pool.close()


def test_memory_is_limited_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that takes more than its header lets expect is refused, and harms nobody."""
    monkeypatch.setattr(images, "_memory_bytes", lambda *_: -worker.ROOM_BYTES + 10_000_000)
    monkeypatch.setattr(images, "CHEAP_BYTES", -(1 << 40))
    with pytest.raises(InputRejected, match=r"memory|damaged"):
        decode(file_of(noise((2000, 2000)), "PNG", compress_level=0))
    monkeypatch.undo()
    assert is_upright(decode(file_of(drawing(), "TIFF")))


@pytest.mark.integration
def test_a_decoder_that_dies_harms_no_other_picture() -> None:
    """Killed while it waits or at work, by the system say, another takes its place unseen."""
    decode(file_of(drawing(), "TIFF"))
    for pid in the_pool().pids():
        os.kill(pid, signal.SIGKILL)
    assert is_upright(decode(file_of(drawing(), "TIFF")))
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(decode_photo, many_scans(80, (3000, 3000)))
        time.sleep(0.3)
        for pid in the_pool().pids():
            os.kill(pid, signal.SIGKILL)
        assert slow.result().width == 3000
    assert is_upright(decode(file_of(drawing(), "TIFF")))


def test_no_decoder_outlives_a_program_that_is_killed(tmp_path: Path) -> None:
    """Not even one in the middle of a picture."""
    picture = tmp_path / "slow.jpg"
    picture.write_bytes(many_scans(80, (3000, 3000)))
    program = (
        "import sys, threading, time; from engine.vision.images import decode;"
        "from engine.decoding.pool import the_pool;"
        "data = open(sys.argv[1], 'rb').read(); threading.Thread(target=decode, args=(data,), daemon=True).start();"
        "time.sleep(1); print(*the_pool().pids(), flush=True); time.sleep(20)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(picture)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        (pid,) = map(int, parent.stdout.readline().split())
        assert not gone(pid)
        parent.kill()
    wait_for(lambda: gone(pid), 3)


def test_decoders_that_cannot_be_started_are_no_fault_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is to be tried again; nobody is told that his picture is damaged."""
    monkeypatch.setattr("engine.decoding.pool._PROGRAM", "raise SystemExit(3)")
    broken = Pool(1)
    monkeypatch.setattr(images, "the_pool", lambda: broken)
    with pytest.raises(Unavailable, match="try again later"):
        decode(file_of(drawing(), "TIFF"))
    broken.close()


def test_a_pool_decodes_side_by_side_and_ends_what_it_began() -> None:
    """As many processes as pictures at once, no more than it may have, none when it is closed."""
    pool = Pool(2)
    data = file_of(drawing(), "TIFF")
    task = images.Task(len(data), images.Wanted(1 << 20, 8), 5, 1 << 26)
    with ThreadPoolExecutor(4) as threads:
        shapes = {d[1].shape for d in threads.map(lambda _: pool.decode(data, task, time.monotonic() + 20), range(12))}
    assert shapes == {(160, 96, 3)}
    pids = pool.pids()
    assert 1 <= len(pids) <= 2
    pool.close()
    assert all(gone(pid) for pid in pids)


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


def test_pixels_are_the_same_wherever_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder process gives what this one gives, for every shape of strip."""
    data = file_of(noise((701, 803)), "PNG")
    here = decode(data)
    monkeypatch.setattr(images, "CHEAP_BYTES", 0)
    assert np.array_equal(decode(data), here)
    assert np.array_equal(decode_photo(data, enough_side=200).pixels, np.asarray(Image.fromarray(here).reduce(4)))
