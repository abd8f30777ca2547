"""A decoder process: takes one picture after another, and can be ended at any moment without harm to anybody.

It knows Pillow alone, holds no lock, opens no file by name, and is gone when its parent is: on end-of-file where it
waits, by a signal where it works.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import sys
import warnings
from contextlib import suppress

from PIL import Image

from engine.decoding.color import Profiles
from engine.decoding.formats.headers import outline_of
from engine.decoding.messages import LINE_BYTES, READY, Reply, Task, read_task
from engine.decoding.raster import STRIP_PIXELS, rasterize
from engine.decoding.refusals import refusal
from engine.errors import ImageTooLarge

ROOM_BYTES = 192 * 1024 * 1024
"""Address space for code, stacks and the decoder's threads, above the picture's own."""
LARGE_BYTES = 192 * 1024 * 1024
"""Once the process has grown so large it makes room for a fresh one."""
_PAGE = resource.getpagesize()


def serve(requests: int, lifeline: int) -> None:
    """Decode what comes over a socket until its other end is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _end_with(lifeline)
    _limit(resource.RLIMIT_CORE, 0)
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
    profiles = Profiles()
    with socket.socket(fileno=requests) as channel:
        channel.sendall(READY)
        while _serve_one(channel, profiles) and _resident_bytes() < LARGE_BYTES:
            pass


def _end_with(lifeline: int) -> None:
    """Let the kernel end this process, whatever it is at, when nobody holds the pipe's other end any more."""
    with suppress(OSError, AttributeError):
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if not os.get_blocking(lifeline):
        os.set_blocking(lifeline, True)


def _serve_one(channel: socket.socket, profiles: Profiles) -> bool:
    line, files, _, _ = socket.recv_fds(channel, LINE_BYTES, 2)
    if not line or len(files) != 2:
        return False
    try:
        reply = _decode(read_task(line), files[0], files[1], profiles)
    except BaseException as error:  # The border of decoding: a library's mistake is a picture that cannot be read.
        told = refusal(error)
        reply = Reply(refused=told.message, large=isinstance(told, ImageTooLarge))
    finally:
        for file in files:
            os.close(file)
        _unlimit(resource.RLIMIT_AS)
    channel.sendall(reply.line())
    return True


def _decode(task: Task, source: int, target: int, profiles: Profiles) -> Reply:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + task.cpu_s)
    _limit(resource.RLIMIT_AS, _address_bytes() + task.memory_bytes + ROOM_BYTES)
    data = os.pread(source, task.size_bytes, 0)
    raster = rasterize(outline_of(data), task.wanted, profiles)
    width, height = raster.image.size
    rows = max(1, STRIP_PIXELS // width)
    with open(target, "wb", buffering=0, closefd=False) as pixels:
        for top in range(0, height, rows):
            pixels.write(raster.image.crop((0, top, width, min(height, top + rows))).tobytes())
    return Reply((height, width), raster.width, raster.height, raster.plain)


def _limit(what: int, soft: int) -> None:
    with suppress(OSError, ValueError):
        resource.setrlimit(what, (soft, resource.getrlimit(what)[1]))


def _unlimit(what: int) -> None:
    with suppress(OSError, ValueError):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (hard, hard))


def _address_bytes() -> int:
    return _statm(0)


def _resident_bytes() -> int:
    return _statm(1)


def _statm(field: int) -> int:
    """The process's size by Linux's own count; 0 where there is none."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 (pathlib would be imported for this alone)
            return int(file.read().split()[field]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def main() -> None:
    """The program that a pool starts: `requests` and `lifeline` are inherited files."""
    serve(int(sys.argv[1]), int(sys.argv[2]))
