"""A feed's bytes → numbered lines of text: gzip, byte order marks, and caps, in a stream."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from engine.errors import FeedUnreadable

MAX_LINE = 4_000_000
"""Characters of one line; a longer one is no row of a product."""
UNDECODED = re.compile(r"[\ud800-\udfff]")
"""What `open_feed` makes of bytes that are no text."""
_GZIP = b"\x1f\x8b"
_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@contextmanager
def open_feed(path: Path) -> Iterator[TextIO]:
    """The feed's text. Bytes that are not UTF-8 become surrogates, so that their row alone is refused.

    Raises:
        FeedUnreadable: it cannot be opened, or is damaged in the middle.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
            with io.TextIOWrapper(stream, _encoding(stream), errors="surrogateescape", newline="") as text:
                yield text
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FeedUnreadable(f"The feed {path.name} is damaged or cut short ({error}); fetch it again.") from None
    except UnicodeError as error:
        raise FeedUnreadable(f"The feed {path.name} is not text ({error}); save it as UTF-8.") from None
    except IsADirectoryError:
        raise FeedUnreadable(f"{path} is a folder; name the feed file in it.") from None
    except FileNotFoundError:
        raise FeedUnreadable(f"There is no feed {path}.") from None
    except OSError as error:
        raise FeedUnreadable(f"The feed {path} cannot be read: {error.strerror or error}.") from None


def _encoding(stream: BinaryIO) -> str:
    start = stream.read(2)
    stream.seek(0)
    return _ENCODINGS.get(start, "utf-8-sig")


def numbered(text: TextIO) -> Iterator[tuple[int, str | None]]:
    """Lines with their numbers from 1, line ends kept; None for one that is too long."""
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if len(line) < MAX_LINE or line.endswith("\n"):
            yield number, line
            continue
        while (rest := text.readline(MAX_LINE)) and not rest.endswith("\n"):
            pass
        yield number, None


def count_lines(path: Path) -> int:
    """How many lines a feed has, for progress; 0 where it cannot be told."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
            return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
    except (OSError, EOFError, zlib.error):
        return 0
