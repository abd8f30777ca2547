"""A zip with a feed and its pictures → a folder: bounded, and nothing in it can lie outside that folder.

Pictures get their checksum as their time, so that the same picture in tomorrow's archive is known for the same.
"""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from stat import S_ISLNK
from tempfile import TemporaryDirectory

from engine.errors import FeedUnreadable
from engine.system.refusals import refusal
from ingest.feeds.formats import FORMATS

MAX_FILES = 200_000
MAX_RATIO, RATIO_FROM = 250, 64 << 20
"""As of a packed feed: pictures hardly shrink at all."""
MAX_BYTES = 64 << 30
_PACKED = (".gz", ".gzip")
_PIECE = 1 << 20


def is_archive(path: Path) -> bool:
    """Whether this is a zip with more than a feed in it."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                return False
        with zipfile.ZipFile(path) as archive:
            names = [one.filename for one in _files(archive)]
    except (OSError, zipfile.BadZipFile, NotImplementedError, UnicodeError, ValueError):
        return False  # Whoever reads it as a feed says what is wrong.
    return len(names) > 1 and "[Content_Types].xml" not in names


def unpacked(path: Path, folder: Path, name: str | None = None) -> Path:
    """Unpack an archive; the path of its feed.

    Args:
        folder: is made, or emptied.
        name: what the archive is called in messages.
    Raises:
        FeedUnreadable: no feed in it, or several; damaged; larger than can be meant.
        StoreUnavailable: there is no room for it.
    """
    name = name or path.name
    shutil.rmtree(folder, ignore_errors=True)
    with _explained(name, folder), zipfile.ZipFile(path) as archive:
        files = _files(archive)
        feed = _feed_of(files, name)
        _check(files, path.stat().st_size, name)
        left = MAX_BYTES
        for one in files:
            left -= _unpack(archive, one, folder, left, name)
    return folder / _inside(feed.filename, name)


@contextmanager
def feed_file(path: Path) -> Iterator[Path]:
    """The feed's file: the path itself, or the feed of an archive that is unpacked for as long as this lasts."""
    if not is_archive(path):
        yield path
        return
    with TemporaryDirectory(prefix="thatlook-feed-") as folder:
        yield unpacked(path, Path(folder) / "unpacked")


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [one for one in archive.infolist() if not one.is_dir() and not _hidden(one.filename)]


def _hidden(name: str) -> bool:
    return any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in PurePosixPath(name).parts)


def _feed_of(files: Sequence[zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    """The one feed; of several only one that lies above all others."""
    feeds = sorted((one for one in files if _is_feed(one.filename)), key=lambda one: _depth(one.filename))
    if not feeds:
        raise FeedUnreadable(
            f"The archive {name} holds {len(files)} files and no feed; put a .csv, .tsv, .json, .jsonl or .xml beside "
            "the pictures."
        )
    highest = [one for one in feeds if _depth(one.filename) == _depth(feeds[0].filename)]
    tables = [one for one in highest if not one.filename.casefold().endswith(".txt")]  # A README.txt, say.
    highest = tables or highest
    if len(highest) > 1:
        named = ", ".join(one.filename for one in highest[:5])
        raise FeedUnreadable(f"The archive {name} holds {len(highest)} feeds ({named}); one feed must be in it.")
    return highest[0]


def _is_feed(name: str) -> bool:
    suffixes = [suffix.casefold() for suffix in PurePosixPath(name).suffixes]
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in FORMATS


def _depth(name: str) -> int:
    return len(PurePosixPath(name).parts)


def _check(files: Sequence[zipfile.ZipInfo], packed_bytes: int, name: str) -> None:
    total = sum(one.file_size for one in files)
    if len(files) > MAX_FILES:
        raise FeedUnreadable(f"The archive {name} holds {len(files):,} files; the most is {MAX_FILES:,}.")
    if total > MAX_BYTES:
        raise FeedUnreadable(f"The archive {name} unpacks to more than {MAX_BYTES >> 30} GB; split it.")
    if total > RATIO_FROM and total > MAX_RATIO * max(1, packed_bytes):
        raise FeedUnreadable(f"The archive {name} unpacks to more than {MAX_RATIO} times its size; it is no feed.")
    if any(one.flag_bits & 1 for one in files):
        raise FeedUnreadable(f"The archive {name} has a password; pack it without.")
    if linked := next((one.filename for one in files if S_ISLNK(one.external_attr >> 16)), None):
        raise FeedUnreadable(f"The archive {name} holds a link ({linked}); pack the files themselves.")


def _inside(name: str, archive: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise FeedUnreadable(f"The archive {archive} holds a file that leads out of it ({name}).")
    return str(path)


def _unpack(archive: zipfile.ZipFile, one: zipfile.ZipInfo, folder: Path, left: int, name: str) -> int:
    """Write one file; how many bytes it has, which need not be what the archive says."""
    path = folder / _inside(one.filename, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with archive.open(one) as source, path.open("xb") as target:
        while piece := source.read(_PIECE):
            written += len(piece)
            if written > min(left, one.file_size):
                raise FeedUnreadable(f"The archive {name} holds more than it says; it is damaged.")
            target.write(piece)
    os.utime(path, (one.CRC, one.CRC))
    return written


@contextmanager
def _explained(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise FeedUnreadable(f"The archive {name} is damaged or cut short ({error}); send it again.") from None
    except (NotImplementedError, RuntimeError) as error:
        raise FeedUnreadable(f"The archive {name} is packed in a way that is not read ({error}).") from None
    except (FileExistsError, IsADirectoryError, NotADirectoryError):
        raise FeedUnreadable(f"The archive {name} holds two files of one name; rename one of them.") from None
    except (UnicodeError, ValueError) as error:
        raise FeedUnreadable(f"The archive {name} names a file in a way that is not read ({error}).") from None
    except OSError as error:
        raise refusal(error, f"The archive {name} cannot be unpacked", folder) from error
