"""What the system refuses a program, in words that say what to do: room, memory, files, processes, rights."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from engine.errors import StoreUnavailable

_FULL = (errno.ENOSPC, errno.EDQUOT)
FULL = "the disk is full; make room, then try again"
_WHAT_TO_DO = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: "the disk quota is used up; make room, then try again",
    errno.EFBIG: "a file may not become so large here (`ulimit -f`)",
    errno.EMFILE: "no more files may be open at once (`ulimit -n`)",
    errno.ENFILE: "the system has too many files open",
    errno.ENOMEM: "there is not enough memory",
    errno.EAGAIN: "no more processes may be begun (`ulimit -u`)",
    errno.EACCES: "this user has no right to it",
    errno.EPERM: "this user has no right to it",
    errno.EROFS: "it lies on a file system that is read-only",
    errno.EIO: "the disk or terminal does not answer",
}
_NO_THREADS = ("can't start new thread", "Resource temporarily unavailable")
"""What Python says of it, and C++."""


def refusal(error: OSError, what: str, where: Path) -> StoreUnavailable:
    """An operating system's error in plain words, with what to do.

    Args:
        what: is not done, such as "The catalogue cannot be written".
    """
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else where
    if error.errno in _FULL:
        return StoreUnavailable(f"{what}: the disk that holds {where} is full. Make room, then try again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreUnavailable(f"{what}: {path} may not be read or written by this user; check its rights.")
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST):
        return StoreUnavailable(f"{what}: {path} is a folder where a file should be, or the other way round.")
    why = _WHAT_TO_DO.get(error.errno or 0) or error.strerror or error
    return StoreUnavailable(f"{what}: {why} ({path}).")


def is_full(error: OSError) -> bool:
    """Whether there was no room left."""
    return error.errno in _FULL


def system_words(error: BaseException) -> str | None:
    """One sentence; None for what is no refusal of the system's."""
    if isinstance(error, MemoryError):
        return "there is not enough memory."
    if isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_THREADS):
        return "no more threads may be begun (`ulimit -u`)."
    if not isinstance(error, OSError) or error.errno not in _WHAT_TO_DO:
        return None
    what = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "the output"
    return f"{what} cannot be read or written: {_WHAT_TO_DO[error.errno]}."
