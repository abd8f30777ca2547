"""A checksum behind the end of a file, where its own reader does not look (FAISS and zip archives leave it alone)."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from engine.system.seal import checksum_of

_TRAILER = struct.Struct("<8sI")
_MARK = b"thatlook"


def append_trailer(path: Path) -> None:
    """Let a written file bear its checksum."""
    checksum = checksum_of(path)
    with path.open("ab") as file:
        file.write(_TRAILER.pack(_MARK, checksum))


def is_whole(data: bytes) -> bool | None:
    """Whether a file has the bytes that it was written with; None where it bears no checksum."""
    if len(data) < _TRAILER.size:
        return None
    view = memoryview(data)
    mark, checksum = _TRAILER.unpack(view[-_TRAILER.size :])
    return zlib.crc32(view[: -_TRAILER.size]) == int(checksum) if mark == _MARK else None
