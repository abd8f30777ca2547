"""Google Merchant's XML, RSS 2.0 or Atom 1.0, item by item.

A feed is cut into items by their tags before any of them is parsed, so that one that is not well-formed (a bare
ampersand, say) is refused alone, and memory holds one item. What stands before the first item is never parsed: no
document type is read, and no entity can be declared.

Source: https://support.google.com/merchants/answer/160589 (RSS), https://support.google.com/merchants/answer/160593.
"""

from __future__ import annotations

import codecs
import html.entities
import re
from collections.abc import Iterator
from typing import TextIO
from xml.parsers import expat

from engine.errors import FeedUnreadable
from ingest.feeds.columns import column_name
from ingest.feeds.lines import MAX_LINE, UNDECODED

_CHUNK = 1 << 16
_LONGEST_TAG = 64
_ROOT = re.compile(r"<!--.*?-->|<([A-Za-z][\w:.\-]*)", re.DOTALL)
_DECLARED = re.compile(r"""\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([\w.:\-]+)["']""")
_BEGINS = re.compile(r"<!--|<!\[CDATA\[|<(?:[\w.\-]+:)?(?:item|entry)(?=[\s>])")
_ENDS = re.compile(r"<!--|<!\[CDATA\[|</(?:[\w.\-]+:)?(?:item|entry)\s*>")
_ENDS_OF = {"<!--": re.compile("-->"), "<![CDATA[": re.compile(r"\]\]>")}
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XMLS_OWN = frozenset({"amp", "lt", "gt", "quot", "apos"})
_HOUSEKEEPING = frozenset({"guid", "pubDate", "published", "updated", "comments", "source", "author", "rights"})
"""RSS's and Atom's own elements that say nothing of a product."""
_TEXTS = frozenset({"title", "description", "summary", "content"})
"""May hold HTML's elements, unescaped, whose text counts."""


class BadItem(ValueError):
    """An item that is no XML; the message is for the shop's staff."""


def items(text: TextIO, name: str) -> Iterator[tuple[int, str | None]]:
    """Every item's text at the line where it begins, None for one that is too long.

    Lines ascend: of items in one line, as in a feed without line breaks, each counts as one more.

    Raises:
        FeedUnreadable: the feed has no items, ends before its end, or names an unknown encoding.
    """
    feed, last = _Scanner(_decoded(text, name)), 0
    while (line := feed.to_item()) is not None:
        last = max(line, last + 1)
        item = feed.item()
        if item == "":
            raise FeedUnreadable(f"The feed {name} ends inside the item of line {last}; fetch it again.")
        yield last, item
    if not last:
        raise FeedUnreadable(f"The feed {name} is XML without an <item> or <entry>; products are read from those.")
    if not feed.complete():
        raise FeedUnreadable(f"The feed {name} is cut short, </{feed.root}> is missing; fetch it again.")


def fields_of(item: str) -> dict[str, object]:
    """The fields of one item, by Google's names; an element that is there several times becomes a list.

    Raises:
        BadItem: it is not well-formed.
    """
    if UNDECODED.search(item):
        raise BadItem("The item has bytes that are not text in the feed's encoding; save it as UTF-8.")
    reader = _ItemReader()
    try:
        reader.parser.Parse(_NAMED.sub(_character, item), True)
    except expat.ExpatError as error:
        words = expat.errors.messages[error.code]
        raise BadItem(f"The item is not well-formed XML ({words} in its line {error.lineno}).") from None
    return reader.fields()


class _ItemReader:
    """Collects the elements right below the item. Google's own (`g:title`) go before RSS's and Atom's (`title`)."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self._depth = 0
        self._text = ""
        self._part = ""
        self._parts: dict[str, str] = {}
        self._found: dict[bool, dict[str, list[str]]] = {True: {}, False: {}}

    def fields(self) -> dict[str, object]:
        """What was collected; one value as it is, several as a list."""
        merged = {**self._found[False], **self._found[True]}
        return {name: values[0] if len(values) == 1 else values for name, values in merged.items()}

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 2:
            self._text, self._parts = attributes.get("href", "") if tag.endswith("link") else "", {}
        self._part = ""

    def _characters(self, data: str) -> None:
        self._text += data
        self._part += data

    def _end(self, tag: str) -> None:
        self._depth -= 1
        prefix, _, name = tag.rpartition(":")
        if self._depth == 2:
            self._parts[name] = self._part.strip()
        elif self._depth == 1:
            if name == "product_detail":
                self._put(True, self._parts.get("attribute_name", ""), self._parts.get("attribute_value", ""))
            elif self._tells(prefix, name):
                self._put(prefix == "g", name, self._text.strip())

    def _tells(self, prefix: str, name: str) -> bool:
        """Whether an element is one of the product's fields; of those with parts (shipping, tax …) only texts are."""
        return name in _TEXTS or not (self._parts or (prefix == "" and name in _HOUSEKEEPING))

    def _put(self, google: bool, name: str, value: str) -> None:
        if name and value:
            self._found[google].setdefault(column_name(name), []).append(value)


class _Scanner:
    """Reads on from tag to tag, past comments and CDATA, and forgets what lies behind."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self._text = ""
        self._at = 0
        self._line = 1
        self._too_long = False
        self.root = ""

    def to_item(self) -> int | None:
        """The line where the next item begins; None where there is none."""
        tag = self._next(_BEGINS)
        if not self.root:
            self.root = next((root[1] for root in _ROOT.finditer(self._text) if root[1]), "")
        if tag is None:
            return None
        self._forget(tag.start())
        return self._line

    def item(self) -> str | None:
        """The item that begins here; None if it is too long, "" if it never ends."""
        self._at, self._too_long = 1, False
        tag = self._next(_ENDS)
        if tag is None:
            return ""
        item = None if self._too_long else self._text[: tag.end()]
        self._forget(tag.end())
        return item

    def complete(self) -> bool:
        """Whether the root's end tag came, once there is no further item."""
        return re.search(rf"</{re.escape(self.root)}\s*>", self._text) is not None

    def _next(self, tags: re.Pattern[str]) -> re.Match[str] | None:
        while (tag := self._find(tags)) and (end := _ENDS_OF.get(tag[0])):
            self._at = tag.end()
            if (after := self._find(end)) is None:
                return None
            self._at = after.end()
        return tag

    def _find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        while (match := pattern.search(self._text, self._at)) is None:
            if (chunk := next(self._chunks, None)) is None:
                return None
            self._at = max(self._at, len(self._text) - _LONGEST_TAG)
            self._text += chunk
            if len(self._text) > MAX_LINE:
                self._forget(self._at)
                self._too_long = True
        return match

    def _forget(self, count: int) -> None:
        self._line += self._text.count("\n", 0, count)
        self._text, self._at = self._text[count:], max(0, self._at - count)


def _decoded(text: TextIO, name: str) -> Iterator[str]:
    """The text in the encoding that its XML declaration names: it was read as UTF-8, other bytes as surrogates."""
    start = text.read(_CHUNK)
    declared = _DECLARED.match(start)
    encoding = declared[1] if declared else "utf-8"
    try:
        " ".encode(encoding)  # Refuses codecs of something else than text, which `lookup` knows too.
        codec = codecs.lookup(encoding)
    except LookupError:
        raise FeedUnreadable(f"The feed {name} is in an unknown encoding ({encoding}); save it as UTF-8.") from None
    read = codec.incrementaldecoder("replace").decode
    as_read = not text.encoding.startswith("utf-8") or codec.name.startswith("utf")
    while start:
        yield start if as_read else read(start.encode("utf-8", "surrogateescape"))
        start = text.read(_CHUNK)


def _character(entity: re.Match[str]) -> str:
    """HTML's named characters, which shops write and XML does not know."""
    name = entity[1]
    return entity[0] if name in _XMLS_OWN else html.entities.html5.get(f"{name};", entity[0])
