"""An audit hook that refuses every write outside temporary folders and the repository's ignored outputs.

Python raises an audit event before it opens, renames, removes, links or changes a file. The hook refuses what lies
elsewhere, so that the machine stays as it was, and notes it in a file: a test which swallows the error fails too.
What C libraries write themselves (an index, a Parquet file) raises no event: `.ci/machine-files` looks at the machine's
own files before and after. This module needs nothing but the standard library: `sitecustomize` loads it everywhere.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUTS = (
    *(".bench", ".cache", ".coverage", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache"),
    *(".ruff_cache", "build", "dist", "pytest-cache-files-", "runs"),
)
"""What the repository ignores and tests may fill, each with anything behind it."""
DEVICES, MEMORY = ("/dev", "/proc"), "/dev/shm"
"""What is no disk; the folder in memory, which lies among the devices, is one of the temporary ones."""
LOG = "TESTS_GUARD_LOG"
"""The environment's variable that names the file to which every refusal is added, a line each."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class WroteOutside(PermissionError):
    """A test wrote, or tried to write, where it must not."""


class Guard:
    """Decides about paths, and notes what it refused.

    Args:
        temporary: folders that tests may fill, such as /tmp.
        repository: its ignored outputs may be written, nothing else of it, wherever it lies.
    """

    def __init__(self, temporary: tuple[str, ...], repository: Path = REPOSITORY) -> None:
        self._temporary = tuple(os.path.realpath(folder) for folder in temporary)
        self._repository = os.path.realpath(repository)

    def allows(self, real: str) -> bool:
        """Whether a test may write this absolute path without links (`real_path`)."""
        if "__pycache__" in real.split("/"):
            return True
        if _inside(real, self._repository):
            return os.path.relpath(real, self._repository).startswith(OUTPUTS)
        devices = () if _inside(real, MEMORY) else DEVICES
        return any(_inside(real, root) for root in (*self._temporary, *devices))

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """What `sys.addaudithook` calls.

        Raises:
            WroteOutside: the event would write where no test may.
        """
        reader = _EVENTS.get(event)
        if reader is None:
            return
        for path in reader(*args):
            real = real_path(path, follow=event not in _OF_NAMES)
            if not self.allows(real):
                self._note(f"{event} {real!r}")
                raise WroteOutside(f"A test must not write {real} ({event}); use tmp_path.")

    def _note(self, refusal: str) -> None:
        if log := os.environ.get(LOG):
            with Path(log).open("a") as file:
                file.write(refusal + "\n")


def real_path(path: str, *, follow: bool = True) -> str:
    """The path without links on the way, and of what it points to itself if `follow`."""
    folder, name = os.path.split(os.path.normpath(path))
    return os.path.realpath(path) if follow else os.path.join(os.path.realpath(folder), name)  # noqa: PTH118


@cache
def install() -> Guard:
    """Guard this process for the rest of its life; a second call changes nothing."""
    guard = Guard((tempfile.gettempdir(), "/tmp", "/var/tmp", MEMORY))
    sys.addaudithook(guard.hook)
    return guard


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")


def _absolute(path: object, dir_fd: object = -1) -> Iterator[str]:
    """The path as text, beside an open folder where one is given; an open file's number is nobody's path."""
    if isinstance(path, int) or path is None:
        return
    text = os.fsdecode(os.fspath(path))  # type: ignore[call-overload]
    if isinstance(dir_fd, int) and dir_fd >= 0 and not text.startswith("/"):
        text = f"{Path(f'/proc/self/fd/{dir_fd}').readlink()}/{text}"
    yield os.path.join(os.getcwd(), text) if not text.startswith("/") else text  # noqa: PTH109, PTH118


def _opened(path: object, _mode: object, flags: object) -> Iterator[str]:
    if isinstance(flags, int) and flags & _WRITES:
        yield from _absolute(path)


def _one(path: object, *rest: object) -> Iterator[str]:
    yield from _absolute(path, rest[-1] if rest else -1)


def _both(source: object, target: object, source_fd: object = -1, target_fd: object = -1) -> Iterator[str]:
    yield from _absolute(source, source_fd)
    yield from _absolute(target, target_fd)


def _second(_source: object, target: object, *fds: object) -> Iterator[str]:
    yield from _absolute(target, fds[-1] if fds else -1)


def _database(name: object) -> Iterator[str]:
    text = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""
    if text.startswith("file:"):
        text = unquote(text.removeprefix("file:").partition("?")[0])
    if text and text != ":memory:":
        yield from _absolute(text)


_EVENTS: dict[str, Callable[..., Iterator[str]]] = {
    "open": _opened,
    "os.chmod": _one,
    "os.chown": _one,
    "os.link": _second,
    "os.mkdir": _one,
    "os.remove": _one,
    "os.removexattr": lambda path, *_: _absolute(path),
    "os.rename": _both,
    "os.rmdir": _one,
    "os.setxattr": lambda path, *_: _absolute(path),
    "os.symlink": _second,
    "os.truncate": lambda path, *_: _absolute(path),
    "os.utime": _one,
    "sqlite3.connect": _database,
}
"""Event → the paths that it would write. `dir_fd` comes last where an event has one."""
_OF_NAMES = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"}
"""Events that change a name in a folder, and not what a link of that name points to."""
