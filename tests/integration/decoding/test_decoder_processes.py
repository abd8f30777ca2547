"""Processes that decode: stopped, limited and killed while they are at it, and never at another's expense."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.decoding import worker
from engine.decoding.messages import Task
from engine.decoding.pool import Pool, the_pool
from engine.decoding.raster import Wanted
from engine.errors import DeadlineExceeded, ImageTooLarge, InputRejected, Unavailable
from engine.system.clock import Deadline
from engine.vision import images
from engine.vision.images import decode, decode_photo
from tests.fixtures.pictures import drawing, file_of, is_upright, many_scans, noise, plain_png

ROOT = Path(__file__).parents[3]


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


def test_a_large_grey_of_16_bits_takes_little_more_than_its_pixels() -> None:
    """49 megapixels of 16 bits are 98 MB; a conversion through floats would take 800."""
    photo = decode_photo(plain_png(7070, 7070, 16, 0), enough_side=960)
    assert (photo.width, photo.height, photo.pixels.shape) == (7070, 7070, (1768, 1768, 3))
    assert max(peak_bytes(pid) for pid in the_pool().pids()) < 400_000_000


@pytest.mark.parametrize("color", [4, 6])
def test_a_large_transparent_picture_is_laid_on_white_strip_by_strip(color: int) -> None:
    """Transparent black of 16 megapixels becomes white, and no copy of the whole is made for that."""
    assert decode(plain_png(4000, 4000, 8, color), max_side=1024).min() == 255
    assert max(peak_bytes(pid) for pid in the_pool().pids()) < 400_000_000


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


def test_processor_time_is_limited_by_the_kernel() -> None:
    """A picture gets no more than it may have, whoever waits for it; what others took before is not counted."""
    data, pool = many_scans(80, (2400, 2400)), Pool(1)
    wanted, until = Wanted(1 << 30, 8, 960), time.monotonic() + 60
    pool.decode(data, Task(len(data), wanted, 9, 1 << 30), until)
    (pid,) = pool.pids()
    while processor_s(pid) < 1.1:
        pool.decode(data, Task(len(data), wanted, 9, 1 << 30), until)
    with pytest.raises(ImageTooLarge, match="costs too much"):
        pool.decode(data, Task(len(data), wanted, -1, 1 << 30), until)
    pool.close()


def test_memory_is_limited_by_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that takes more than its header lets expect is refused, and harms nobody."""
    monkeypatch.setattr(images, "_memory_bytes", lambda *_: -worker.ROOM_BYTES + 10_000_000)
    monkeypatch.setattr(images, "CHEAP_BYTES", -(1 << 40))
    with pytest.raises(InputRejected, match=r"memory|damaged"):
        decode(file_of(noise((2000, 2000)), "PNG", compress_level=0))
    monkeypatch.undo()
    assert is_upright(decode(file_of(drawing(), "TIFF")))


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
    task = Task(len(data), Wanted(1 << 20, 8), 5, 1 << 26)
    with ThreadPoolExecutor(4) as threads:
        shapes = {d[1].shape for d in threads.map(lambda _: pool.decode(data, task, time.monotonic() + 20), range(12))}
    assert shapes == {(160, 96, 3)}
    pids = pool.pids()
    assert 1 <= len(pids) <= 2
    pool.close()
    assert all(gone(pid) for pid in pids)


def test_pixels_are_the_same_wherever_they_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder process gives what this one gives, for every shape of strip."""
    data = file_of(noise((701, 803)), "PNG")
    here = decode(data)
    monkeypatch.setattr(images, "CHEAP_BYTES", 0)
    assert np.array_equal(decode(data), here)
    assert np.array_equal(decode_photo(data, enough_side=200).pixels, np.asarray(Image.fromarray(here).reduce(4)))
