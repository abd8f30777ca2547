"""Decoder processes: begun when first needed, used again, ended when a picture takes too long or the program ends.

They are started afresh, never forked: the fork of a process that has used OpenCV would wait for ever.
"""

from __future__ import annotations

import atexit
import json
import mmap
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ECHILD
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import engine
from engine.decoding.messages import LINE_BYTES, READY, Reply, Task, read_reply
from engine.errors import ImageTooLarge, ImageUnreadable
from engine.system.cpus import available_cpus

_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); from engine.decoding.worker import main; main()"
MOST = 8
"""Decoders of one program; each holds some 40 MB."""
_KEPT = str(64 * 1024 * 1024)
_MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": _KEPT, "MALLOC_TRIM_THRESHOLD_": _KEPT}
"""A picture of common size needs no new memory, what a large one took goes back."""


class DecoderGone(Exception):
    """The process has ended, perhaps for no fault of the picture: another may try."""


class Decoder:
    """One decoder process. For one caller at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        path = json.dumps([str(Path(engine.__file__).parent.parent), *(entry for entry in sys.path if entry)])
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", _PROGRAM, str(theirs.fileno()), str(lifeline), path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), lifeline),
                env=os.environ | _MALLOC,
                cwd="/",
            )
        except BaseException:
            ours.close()
            os.close(self._lifeline)
            raise
        finally:
            theirs.close()
            os.close(lifeline)
        self._channel = ours
        self._ready = self._used = False

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def decode(self, data: bytes, task: Task, until: float) -> tuple[Reply, NDArray[np.uint8]]:
        """Have one picture decoded.

        Raises:
            DecoderGone: the process has ended, before or meanwhile; let a fresh one try.
            TimeoutError: nothing came until then. The process is to be ended.
            OSError: the process could not be begun.
            ImageTooLarge, ImageUnreadable: the process was ended by the picture.
        """
        with _anonymous() as source, _anonymous() as target:
            os.write(source, data)
            if not self._ready:
                self._await_ready(until)
            try:
                socket.send_fds(self._channel, [task.line()], [source, target])
            except OSError:
                raise DecoderGone from None
            reply = self._reply(until)
            self._used = True
            return reply, _pixels(target, reply.shape)

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._channel.close()
        with suppress(OSError):
            os.close(self._lifeline)
        self._process.kill()
        self._process.wait()

    def _await_ready(self, until: float) -> None:
        if self._line(until) != READY:
            raise ChildProcessError(ECHILD, "a decoder could not be started")
        self._ready = True

    def _reply(self, until: float) -> Reply:
        line = self._line(until)
        if not line.endswith(b"\n"):
            raise self._ended()
        return read_reply(line)

    def _line(self, until: float) -> bytes:
        """The next line; without its end where the process has ended."""
        line = b""
        while not line.endswith(b"\n"):
            self._channel.settimeout(max(0.001, until - time.monotonic()))
            try:
                part = self._channel.recv(LINE_BYTES)
            except ConnectionError:
                part = b""
            if not part:
                return line
            line += part
        return line

    def _ended(self) -> Exception:
        """What to tell of a process that ended in the middle of a picture."""
        status = self._process.wait()
        if status == -signal.SIGXCPU:
            return ImageTooLarge("The image costs too much to decode; save it as a plain JPEG and send that.")
        if self._used:
            return DecoderGone()
        if status in (-signal.SIGKILL, -signal.SIGTERM):
            return ChildProcessError(ECHILD, "the system ended a decoder, perhaps because memory ran out")
        return ImageUnreadable("The image is damaged (its decoder broke down on it); send it again.")


class Pool:
    """As many decoder processes as pictures are decoded at once, `most` of them. Safe to use from several threads."""

    def __init__(self, most: int) -> None:
        self._pid = os.getpid()
        self._idle: queue.LifoQueue[Decoder | None] = queue.LifoQueue()
        self._all: set[Decoder] = set()
        self._lock = threading.Lock()
        for _ in range(most):
            self._idle.put(None)
        atexit.register(self.close)

    def decode(self, data: bytes, task: Task, until: float) -> tuple[Reply, NDArray[np.uint8]]:
        """Have one picture decoded by a process that is free.

        Raises:
            TimeoutError: not done until then.
            ImageTooLarge, ImageUnreadable: the picture ended its process.
        """
        for _ in range(2 + len(self._all)):
            with suppress(DecoderGone), self._borrowed(until) as decoder:
                return decoder.decode(data, task, until)
        raise ImageUnreadable("The image is damaged (its decoder broke down on it); send it again.")

    def pids(self) -> list[int]:
        """Of the processes that there are."""
        with self._lock:
            return [decoder.pid for decoder in self._all]

    def close(self) -> None:
        """End all of them; a forked process leaves its parent's alone."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            gone, self._all = self._all, set()
        for decoder in gone:
            decoder.close()

    @contextmanager
    def _borrowed(self, until: float) -> Iterator[Decoder]:
        """A process for the time of the block; one that raised is ended, and a fresh one takes its place."""
        try:
            decoder = self._idle.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None
        kept: Decoder | None = None
        try:
            decoder = decoder or self._begun()
            yield decoder
            kept = decoder
        finally:
            if decoder is not None and kept is None:
                self._end(decoder)
            self._idle.put(kept)

    def _begun(self) -> Decoder:
        decoder = Decoder()
        with self._lock:
            self._all.add(decoder)
        return decoder

    def _end(self, decoder: Decoder) -> None:
        with self._lock:
            self._all.discard(decoder)
        decoder.close()


def the_pool() -> Pool:
    """The decoder processes of this program; none is begun before the first picture that needs one."""
    return _pool_of(os.getpid())


@lru_cache(1)
def _pool_of(_pid: int) -> Pool:
    """A process's own: over its parent's channels a forked one would be given pictures that it did not ask for."""
    return Pool(min(max(2, available_cpus()), MOST))


@contextmanager
def _anonymous() -> Iterator[int]:
    """A file in memory without a name."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("picture")
        try:
            yield file
        finally:
            os.close(file)
    else:
        with tempfile.TemporaryFile() as made:
            yield made.fileno()


def _pixels(file: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """The pixels in a file, without copying them: (rows, columns, 3), read-only."""
    size = shape[0] * shape[1] * 3
    if not size:
        return np.empty((0, 0, 3), np.uint8)
    if os.fstat(file).st_size < size:
        raise ImageUnreadable("The image is damaged (its decoder broke down on it); send it again.")
    mapped = mmap.mmap(file, size, flags=mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0), prot=mmap.PROT_READ)
    return np.frombuffer(mapped, np.uint8).reshape(*shape, 3)
