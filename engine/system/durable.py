"""Files that are there whole or not at all, also after a power cut."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

PART = ".part"
"""What is being written ends so; whatever ends so at a start was cut off, and is nobody's."""


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file: written beside, flushed to the disk, renamed over, and the rename flushed.

    Raises:
        OSError: the disk is full, say; the former file is still there, and nothing beside it.
    """
    part = path.with_name(path.name + PART)
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def put_in_place(part: Path, path: Path) -> None:
    """Flush a file that was written beside, and rename it over."""
    flush_file(part)
    part.replace(path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make renames and removals in a folder durable."""
    flush_file(folder)


def flush_file(path: Path) -> None:
    """Have a file's bytes on the disk, whoever wrote them."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_checked(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a small JSON document that knows its own checksum."""
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    write_durably(path, f"{zlib.crc32(body.encode()):08x} {body}\n".encode())


def read_checked(path: Path) -> dict[str, Any] | None:
    """What `write_checked` wrote; None where it is not there, or not as it was written."""
    try:
        checksum, _, body = path.read_bytes().partition(b" ")
        whole = body.endswith(b"\n") and len(checksum) == 8 and int(checksum, 16) == zlib.crc32(body[:-1])
        document = json.loads(body) if whole else None
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
