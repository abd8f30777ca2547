"""A feed's bytes → text and numbered lines: byte order marks, encodings, and caps, in a stream."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from engine.errors import FeedUnreadable
from ingest.feeds.packed import open_bytes

MAX_LINE = 16_000_000
"""Characters of one row; a longer one is no product."""
UNDECODED = re.compile(r"[\ud800-\udfff]")
"""What `open_feed` makes of bytes that are no text."""
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
_UNMARKED = {"utf-16-le": (0, 1, 0, 1), "utf-16-be": (1, 0, 1, 0), "utf-32-le": (0, 1, 1, 1), "utf-32-be": (1, 1, 1, 0)}
"""Which of four bytes is zero in most of the text of a European language."""
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "unicode_escape", "unicode-escape", "raw_unicode_escape", "raw-unicode-escape", "utf-7",
     "undefined", "charmap", "mbcs", "oem"}
)  # fmt: skip
"""Python's codecs for something else than a file's text."""
_WIDER = {
    "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
"""A file that says Latin-1 has Windows' euro signs and quotes in it; read as Latin-1 these would be lost."""


def charset(name: str) -> codecs.CodecInfo | None:
    """The encoding of text that has this name, None where there is none; of those that browsers take for it, the wider.

    Source: https://encoding.spec.whatwg.org/#names-and-labels.
    """
    try:
        " ".encode(name)  # Refuses codecs of something else than text, which `lookup` knows too.
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return None if found.name in _NO_CHARSETS else codecs.lookup(_WIDER.get(found.name, found.name))


@contextmanager
def open_feed(path: Path, encoding: str | None = None) -> Iterator[TextIO]:
    """The feed's text. Bytes that are no text in its encoding become surrogates, so that their row alone is refused.

    Args:
        encoding: of a feed without a byte order mark; UTF-8 (and UTF-16 or 32, which show) where none is given.

    Raises:
        FeedUnreadable: it cannot be opened, or is damaged in the middle.
    """
    with open_bytes(path) as stream:
        found = _encoding(stream.peek(4096)[:4096], encoding)
        errors = "surrogatepass" if found.startswith(("utf-16", "utf-32")) else "surrogateescape"
        with io.TextIOWrapper(stream, found, errors=errors, newline="") as text:
            yield text


def _encoding(start: bytes, wanted: str | None) -> str:
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if wanted:
        found = charset(wanted)
        return found.name if found else wanted
    for name, pattern in _UNMARKED.items():
        shares = [start[place::4].count(0) * 4 / max(1, len(start)) for place in range(4)]
        if len(start) >= 8 and all((s > 0.6) if zero else (s < 0.1) for s, zero in zip(shares, pattern, strict=True)):
            return name
    return "utf-8-sig"


def numbered(text: TextIO) -> Iterator[tuple[int, str | None]]:
    """Lines with their numbers from 1, line ends kept; None for one that is too long."""
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if len(line) < MAX_LINE or line.endswith(("\n", "\r")):
            yield number, line
            continue
        while (rest := text.readline(MAX_LINE)) and not rest.endswith(("\n", "\r")):
            pass
        yield number, None


def count_lines(path: Path) -> int:
    """How many lines a feed has, for progress; 0 where it cannot be told."""
    try:
        with open_bytes(path) as stream:
            return sum(block.count(b"\n") for block in iter(lambda: stream.read1(1 << 20), b""))
    except FeedUnreadable:
        return 0
