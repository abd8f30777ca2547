"""Multipart forms, read part by part as they arrive; whatever is wrong with one is told to its caller."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
)

from api.problems import RequestInvalid, RequestMalformed, RequestTooLarge
from engine.errors import QueryRejected

_MAX_PARTS, _MAX_BOUNDARY, _MAX_NAME = 64, 200, 100
MAX_FIELDS_BYTES = 256 * 1024
"""What the fields of a search may hold together, its picture apart."""
_CHARSETS = ("utf-8", "ascii", "utf-16", "gb18030", "gbk", "gb2312", "big5", "shift_jis", "euc_jp", "euc_kr", "koi8-r")
_FAMILIES = ("iso8859-", "cp125")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One part of a form; `file_name` is None where the part has none, or an empty one."""

    name: str
    data: bytes
    file_name: str | None
    content_type: str | None
    charset: str | None

    def text(self) -> str:
        """The part as text.

        Raises:
            QueryRejected: a charset that is not read, or bytes that are not of it.
        """
        charset = _codec(self.name, self.charset)
        try:
            return self.data.decode(charset)
        except UnicodeError:
            raise QueryRejected(
                f"The field {self.name!r} is not {charset.upper()} text; send it as UTF-8, "
                "or name its charset in the part's Content-Type."
            ) from None


class Sink(Protocol):
    """Where a part goes that is not kept in memory."""

    def take(self, piece: bytes) -> None:
        """More of the part."""
        ...

    async def drain(self) -> None:
        """Write what has gathered, if it is enough."""
        ...


async def read_form(
    chunks: AsyncIterator[bytes],
    options: Mapping[str, str],
    large: Collection[str] = (),
    sinks: Mapping[str, Sink] | None = None,
) -> list[Part]:
    """Read a form's parts.

    Args:
        options: the parameters of the request's content type.
        large: names of parts that may be as large as the body.
        sinks: where the bytes of parts go, by their names; such a part is in the list without them.
    Raises:
        RequestMalformed: not a form, or one that is cut short.
        RequestTooLarge: too many parts, or fields that are too long.
        RequestInvalid, QueryRejected: no boundary, or a part of a kind that is not read.
    """
    try:
        form = _Form(_boundary(options), large, sinks or {})
        async for chunk in chunks:
            if chunk and not form.parser.closed:
                form.feed(chunk)
            for sink in (sinks or {}).values():
                await sink.drain()
        form.parser.close()
    except ParserLimitReached:
        raise RequestTooLarge(f"The form has more than {_MAX_PARTS} parts, or a part with too many headers.") from None
    except (MultipartError, UnicodeError, LookupError, ValueError) as error:
        raise RequestMalformed(f"The body is not a complete multipart/form-data form ({str(error)[:200]}).") from None
    return form.parts


class _Form:
    """A form while it is read."""

    def __init__(self, boundary: bytes, large: Collection[str], sinks: Mapping[str, Sink]) -> None:
        self.parser = PushMultipartParser(boundary, max_segment_count=_MAX_PARTS)
        self.parts: list[Part] = []
        self._large, self._sinks = large, sinks
        self._room_bytes = MAX_FIELDS_BYTES
        self._open: MultipartSegment | None = None
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        for event in self.parser.parse(chunk):
            if isinstance(event, MultipartSegment):
                self._open = _checked(event)
            elif event:
                self._take(bytes(event))
            else:
                self._end()

    def _take(self, piece: bytes) -> None:
        if self._open is not None and (sink := self._sinks.get(self._open.name)):
            sink.take(piece)
            return
        self._data.append(piece)
        if self._open is not None and self._open.name not in self._large:
            self._room_bytes -= len(piece)
            if self._room_bytes < 0:
                raise RequestTooLarge(f"The form's fields have more than {MAX_FIELDS_BYTES // 1024} KB.")

    def _end(self) -> None:
        data, self._data = b"".join(self._data), []
        part, self._open = self._open, None
        if part is None:
            return
        if part.filename == "" and not data and part.name not in self._sinks:
            return  # A page's file input that was left empty.
        self.parts.append(Part(part.name, data, part.filename or None, part.content_type, part.charset))


def _boundary(options: Mapping[str, str]) -> bytes:
    boundary = options.get("boundary", "").encode("latin-1", "replace")
    if not boundary:
        raise RequestInvalid("The Content-Type of the form names no boundary; let your HTTP library write this header.")
    if len(boundary) > _MAX_BOUNDARY:
        raise RequestInvalid(f"The form's boundary has more than {_MAX_BOUNDARY} characters.")
    return boundary


def _checked(segment: MultipartSegment) -> MultipartSegment:
    name = segment.name or ""
    if len(name) > _MAX_NAME:
        raise QueryRejected(f"A field's name has {len(name):,} characters: {name[:40]!r} …")
    if (segment.content_type or "").startswith("multipart/"):
        raise QueryRejected(f"The field {name!r} is a form itself; send each of its parts as a field of its own.")
    encoding = str(segment.header("Content-Transfer-Encoding", "binary")).strip().lower()
    if encoding not in ("binary", "8bit", "7bit"):
        raise QueryRejected(f"The field {name!r} is encoded as {encoding[:40]!r}; send its bytes as they are.")
    return segment


def _codec(field: str, charset: str | None) -> str:
    """The name of a charset's codec, of those that are charsets of texts and nothing else."""
    try:
        name = codecs.lookup(charset or "utf-8").name if (charset or "x").isascii() else ""
    except (LookupError, ValueError):
        name = ""
    if name not in _CHARSETS and not name.startswith(_FAMILIES):
        raise QueryRejected(
            f"The field {field!r} names the charset {(charset or '')[:40]!r}, which is not read; use UTF-8."
        )
    return name
