"""A TIFF file's pages: the one that is the picture, where others are its thumbnails, masks or a camera's samples."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.decoding.formats.outline import Outline
from engine.errors import ImageTooLarge

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")
_MOST_TAGS, _MOST_PAGES = 4096, 64
_KIND, _OLD_KIND, _WIDTH, _HEIGHT, _PHOTOMETRIC, _INNER = 254, 255, 256, 257, 262, 330
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2
_NO_PICTURE = frozenset({4, 32803, 34892})
"""Photometric interpretations: a mask, and raw samples of a camera's sensor."""
_THUMBNAIL, _LARGER, _SAME_SHAPE = 512, 2, 0.05
"""The longer side of what may be a thumbnail, how much larger its picture is, and how much their shapes may differ."""
_FORMS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True, slots=True)
class _Page:
    start: int
    size: tuple[int, int] | None
    whole: bool
    inner: tuple[int, ...] = ()

    @property
    def pixels(self) -> int:
        return self.size[0] * self.size[1] if self.size else 0

    def is_thumbnail_of(self, other: _Page) -> bool:
        """Whether another page looks like this one, but much larger; nothing says so."""
        if not (self.size and other.size and other.whole) or not self.pixels or max(self.size) > _THUMBNAIL:
            return False
        wide, high = (theirs / ours for theirs, ours in zip(other.size, self.size, strict=True))
        return min(wide, high) >= _LARGER and abs(wide / high - 1) <= _SAME_SHAPE


def outline(data: bytes) -> Outline:
    """The picture among the pages, as the file's first.

    Raises:
        ImageTooLarge: more tags than any picture needs.
    """
    reader = _Reader(data)
    pages = list(reader.pages())
    if not pages:
        return Outline("TIFF", data, bytes_per_pixel=20)
    page = _picture(pages, reader)
    return Outline("TIFF", reader.beginning_with(page, pages[0]), page.size, bytes_per_pixel=20)


def with_tags(data: bytes, values: Mapping[int, int]) -> bytes:
    """The file with other numbers in tags of its first page, as far as they are there."""
    return _Reader(data).with_tags(values)


def _picture(pages: list[_Page], reader: _Reader) -> _Page:
    first = pages[0]
    if first.whole:
        return next((page for page in pages[1:] if first.is_thumbnail_of(page)), first)
    if found := next((page for page in pages if page.whole), None):
        return found
    inner = [page for page in map(reader.page, first.inner) if page]
    return max((page for page in inner if page.whole), key=lambda page: page.pixels, default=first)


class _Reader:
    """Pages of a file, as far as they can be read; offsets count from the file's beginning."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data[:1] == b"I" else ">"
        self._big = data[2:4] in (b"+\0", b"\0+")
        self._offset = "Q" if self._big else "I"
        self._at = 8 if self._big else 4

    def pages(self) -> Iterator[_Page]:
        """Each page of the chain."""
        seen: set[int] = set()
        start = self._number(self._offset, self._at)
        while start and start not in seen and len(seen) < _MOST_PAGES:
            seen.add(start)
            if (page := self.page(start)) is None:
                return
            yield page
            start = self._next(start)

    def page(self, start: int) -> _Page | None:
        """The page whose tags stand there."""
        try:
            tags = self._tags(start)
        except struct.error:
            return None
        kind = next(iter(tags.get(_KIND, ())), 0)
        reduced = kind & (_REDUCED | _MASK) or tags.get(_OLD_KIND) == (_OLD_REDUCED,)
        width, height = tags.get(_WIDTH, ()), tags.get(_HEIGHT, ())
        size = (width[0], height[0]) if len(width) == len(height) == 1 else None
        whole = bool(size) and not reduced and not _NO_PICTURE.intersection(tags.get(_PHOTOMETRIC, ()))
        return _Page(start, size, whole, tags.get(_INNER, ()))

    def beginning_with(self, page: _Page, first: _Page) -> bytes:
        """The file with this page as its first."""
        if page is first:
            return self._data
        offset = struct.pack(self._order + self._offset, page.start)
        return self._data[: self._at] + offset + self._data[self._at + len(offset) :]

    def with_tags(self, values: Mapping[int, int]) -> bytes:
        """The file with other numbers in tags of its first page."""
        changed = bytearray(self._data)
        for at, tag, _ in self._entries(self._number(self._offset, self._at)):
            if tag in values:
                struct.pack_into(f"{self._order}H{self._offset}I", changed, at + 2, 4, 1, values[tag])
        return bytes(changed)

    def _entries(self, start: int) -> Iterator[tuple[int, int, int]]:
        """Where each of a page's tags stands, its number and the type of its values."""
        count, size = self._count(start), 20 if self._big else 12
        first = start + (8 if self._big else 2)
        for at in range(first, first + size * count, size):
            tag, kind = struct.unpack_from(self._order + "HH", self._data, at)
            yield at, tag, kind

    def _tags(self, start: int) -> dict[int, tuple[int, ...]]:
        found = {}
        for at, tag, kind in self._entries(start):
            if tag in (_KIND, _OLD_KIND, _WIDTH, _HEIGHT, _PHOTOMETRIC, _INNER) and kind in _FORMS:
                found[tag] = self._values(_FORMS[kind], at + 4)
        return found

    def _values(self, form: str, at: int) -> tuple[int, ...]:
        count = min(self._number(self._offset, at), _MOST_PAGES)
        at += struct.calcsize("=" + self._offset)
        form = f"{self._order}{count}{form}"
        if struct.calcsize(form) > struct.calcsize("=" + self._offset):
            at = self._number(self._offset, at)
        return struct.unpack_from(form, self._data, at)

    def _count(self, start: int) -> int:
        count = self._number("Q" if self._big else "H", start)
        if count > _MOST_TAGS:
            raise ImageTooLarge(f"The image costs too much to decode: a TIFF of more than {_MOST_TAGS:,} tags.")
        return count

    def _next(self, start: int) -> int:
        try:
            behind = start + (8 + 20 * self._count(start) if self._big else 2 + 12 * self._count(start))
            return self._number(self._offset, behind)
        except struct.error:
            return 0

    def _number(self, form: str, at: int) -> int:
        (number,) = struct.unpack_from(self._order + form, self._data, at)
        return int(number)
