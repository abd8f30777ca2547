"""A seal over files that others wrote: their sizes and checksums, as they were when they were last closed.

It is broken when writing begins and put on anew at the end; a killed process leaves it broken, and then only what the
files say of themselves can be looked at.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.system.durable import flush_file, read_checked, write_checked

CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Sealed:
    """One file: its size in bytes, its CRC-32, and when it was last changed (which spares reading it again)."""

    size: int
    checksum: int
    changed_ns: int


@dataclass(slots=True)
class Seal:
    """The files under a folder (or one file) but those named `passed`, and what is known of them.

    Attributes:
        files: by path relative to `root`; None where there is no seal, or it is broken.
        said: whether there ever was one; lost: whether it cannot be read now.
    """

    root: Path
    path: Path
    passed: frozenset[str] = frozenset()
    files: Mapping[str, Sealed] | None = None
    said: bool = False
    lost: bool = False

    def read(self) -> Seal:
        """Look at what was sealed."""
        document = read_checked(self.path)
        self.said = document is not None
        self.lost = document is None
        if document is not None and not document["broken"]:
            self.files = {name: Sealed(*row) for name, row in document["files"].items()}
        return self

    def break_open(self) -> None:
        """Say that the files are about to change."""
        if self.files is not None or not self.said:
            write_checked(self.path, {"broken": True, "files": {}})
            self.files, self.said = None, True

    def put_on(self, known: Mapping[str, Sealed] | None = None) -> None:
        """Seal the files as they are now, all of them on the disk.

        Args:
            known: files that need not be read again where neither size nor time changed.
        """
        files = {name: _sealed(self.root / name, (known or {}).get(name)) for name in _names(self.root, self.passed)}
        rows = {name: [each.size, each.checksum, each.changed_ns] for name, each in files.items()}
        write_checked(self.path, {"broken": False, "files": rows})
        self.files, self.said = files, True

    def problems(self, *, most_bytes: int | None = None) -> list[str]:
        """What is not as it was sealed, in words; nothing where there is no whole seal.

        Args:
            most_bytes: contents are only read where all files together are no larger.
        """
        if self.files is None:
            return []
        read = most_bytes is None or sum(each.size for each in self.files.values()) <= most_bytes
        found = (_problem(self.root / name, each, read=read) for name, each in self.files.items())
        return [f"{name} {said}" for name, said in zip(self.files, found, strict=True) if said]


def checksum_of(path: Path) -> int:
    """The CRC-32 of a file's bytes."""
    checksum, room = 0, memoryview(bytearray(CHUNK))  # One piece of memory for all: new ones cost more than reading.
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(room):
            checksum = zlib.crc32(room[:size], checksum)
    return checksum


def _problem(path: Path, sealed: Sealed, *, read: bool) -> str | None:
    try:
        size = path.stat().st_size
        if not path.is_file():
            return "is not a file"
        if size != sealed.size:
            return f"has {size:,} bytes instead of {sealed.size:,}"
        with path.open("rb"):
            pass
        return "has other bytes than were written" if read and checksum_of(path) != sealed.checksum else None
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _sealed(path: Path, known: Sealed | None) -> Sealed:
    found = path.stat()
    if known and (known.size, known.changed_ns) == (found.st_size, found.st_mtime_ns):
        return known
    flush_file(path)  # Else a power cut would leave a seal that a file does not have.
    return Sealed(found.st_size, checksum_of(path), found.st_mtime_ns)


def _names(root: Path, passed: frozenset[str]) -> Iterator[str]:
    if root.is_file():
        yield ""
        return
    for folder, _, names in os.walk(root):
        for name in sorted(names):
            path = str((Path(folder) / name).relative_to(root))
            if path not in passed:
                yield path
