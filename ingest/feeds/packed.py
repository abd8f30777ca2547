"""A feed's file → its bytes, unpacked in a stream: gzip (also packed twice), a zip with one feed, and caps."""

from __future__ import annotations

import gzip
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from engine.errors import FeedUnreadable

MAX_BYTES = 32 << 30
"""Of a feed, unpacked."""
MAX_RATIO, RATIO_FROM = 250, 16 << 20
"""A feed shrinks to a tenth or a fiftieth; what grows by more than this is a bomb. Small ones may."""
MAX_BLANK = 1 << 20
"""So many bytes on end that say nothing are no feed."""
_BUFFER = 1 << 20
_LEVELS = 3
_GZIP, _ZIP = b"\x1f\x8b", b"PK"
_BLANK = b" \t\r\n\v\f\x00"
_TAR_MARK = 257
_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,200}(?:<!doctype\s+html\b|<html[\s>])", re.IGNORECASE)
_OTHERS = {
    b"BZh": "packed with bzip2; unpack it, or pack it with gzip",
    b"\xfd7zXZ": "packed with xz; unpack it, or pack it with gzip",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it, or pack it with gzip",
    b"Rar!": "a RAR archive; unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it, or pack it with gzip",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; save it as CSV (UTF-8)",
    b"%PDF": "a PDF, not a feed",
    b"SQLite": "a database, not a feed",
    b"PAR1": "a Parquet file; export it as JSONL or CSV",
    b"\x89PNG": "a picture, not a feed",
    b"\xff\xd8\xff": "a picture, not a feed",
}


@dataclass(slots=True)
class _Told:
    """A feed's file, for messages and for how much of it was read."""

    path: Path
    raw: BinaryIO
    packed: bool = False


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader]:
    """The feed's own bytes.

    Raises:
        FeedUnreadable: it cannot be opened, is of another kind, is damaged, or grows beyond all measure.
    """
    with ExitStack() as stack, _explained(path):
        raw = stack.enter_context(path.open("rb"))
        if not raw.seekable():
            raise FeedUnreadable(f"The feed {path.name} is a pipe; write it into a file first.")
        told = _Told(path, raw)
        stream = _capped(raw, told)
        for _ in range(_LEVELS):
            start = stream.peek(8)
            if start[:2] == _GZIP:
                told.packed = True
                stream = _capped(cast(BinaryIO, gzip.GzipFile(fileobj=stream)), told)
            elif start[:2] == _ZIP and start[2:4] in (b"\x03\x04", b"\x05\x06") and not told.packed:
                told.packed = True
                stream = _capped(stack.enter_context(_member(path, stack)), told)
            else:
                break
        _check_kind(stream.peek(_TAR_MARK + 8), path)
        yield stream


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    name = path.name
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile) as error:
        raise FeedUnreadable(f"The feed {name} is damaged or cut short ({error}); fetch it again.") from None
    except NotImplementedError as error:
        raise FeedUnreadable(f"The feed {name} is packed in a way that is not read ({error}); use gzip.") from None
    except UnicodeError as error:
        raise FeedUnreadable(f"The feed {name} is not text ({error}); save it as UTF-8.") from None
    except IsADirectoryError:
        raise FeedUnreadable(f"{path} is a folder; name the feed file in it.") from None
    except FileNotFoundError:
        raise FeedUnreadable(f"There is no feed {path}.") from None
    except OSError as error:
        raise FeedUnreadable(f"The feed {path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise FeedUnreadable("The feed's name has a NUL character in it.") from None


def _check_kind(start: bytes, path: Path) -> None:
    if start[:2] == _GZIP:
        raise FeedUnreadable(f"The feed {path.name} is packed more than {_LEVELS - 1} times; unpack it.")
    if start[:4] == b"PK\x03\x04":
        raise FeedUnreadable(f"The feed {path.name} is a zip inside an archive; unpack it.")
    if start[_TAR_MARK : _TAR_MARK + 5] == b"ustar":
        raise FeedUnreadable(f"The feed {path.name} is a tar archive; unpack it, or pack the feed alone with gzip.")
    if _WEB_PAGE.match(start):
        raise FeedUnreadable(
            f"The feed {path.name} is a web page (HTML) without an <item> or <entry>; see in a browser what it says."
        )
    for magic, words in _OTHERS.items():
        if start.startswith(magic):
            raise FeedUnreadable(f"The feed {path.name} is {words}.")


def _member(path: Path, stack: ExitStack) -> BinaryIO:
    """The one feed in a zip."""
    archive = stack.enter_context(zipfile.ZipFile(path))
    names = [info for info in archive.infolist() if not info.is_dir() and not _hidden(info.filename)]
    if any(info.filename == "[Content_Types].xml" for info in names):
        raise FeedUnreadable(f"The feed {path.name} is an Excel workbook; save it as CSV (UTF-8).")
    if len(names) != 1:
        told = ", ".join(info.filename for info in names[:5]) or "none"
        raise FeedUnreadable(f"The archive {path.name} holds {len(names)} files ({told}); one feed must be in it.")
    if names[0].flag_bits & 1:
        raise FeedUnreadable(f"The archive {path.name} has a password; unpack it.")
    return cast(BinaryIO, archive.open(names[0]))


def _hidden(name: str) -> bool:
    return any(part == "__MACOSX" or part.startswith(".") for part in PurePosixPath(name).parts)


def _capped(inner: BinaryIO, told: _Told) -> io.BufferedReader:
    return io.BufferedReader(_Capped(inner, told), _BUFFER)


class _Capped(io.RawIOBase):
    """Bytes in pieces, counted. What was read before a damage is handed out before the damage is told."""

    def __init__(self, inner: BinaryIO, told: _Told) -> None:
        self._inner = inner
        self._told = told
        self._total = self._blank = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read one piece.

        Raises:
            FeedUnreadable: a cap is passed.
        """
        data: bytes = self._inner.read1(len(buffer))  # type: ignore[attr-defined]
        buffer[: len(data)] = data
        self._total += len(data)
        self._blank = 0 if data.strip(_BLANK) else self._blank + len(data)
        self._check()
        return len(data)

    def _check(self) -> None:
        name, total = self._told.path.name, self._total
        if total > MAX_BYTES:
            raise FeedUnreadable(f"The feed {name} has more than {MAX_BYTES >> 30} GB; split it.")
        if self._blank > MAX_BLANK:
            raise FeedUnreadable(f"The feed {name} goes on with nothing but blanks; it is damaged, or no feed.")
        if self._told.packed and total > RATIO_FROM and total > MAX_RATIO * max(1, _size(self._told.raw)):
            raise FeedUnreadable(f"The feed {name} unpacks to more than {MAX_RATIO} times its size; it is no feed.")


def _size(raw: BinaryIO) -> int:
    return os.fstat(raw.fileno()).st_size
