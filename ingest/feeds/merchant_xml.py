"""XML, item by item: Google Merchant's RSS 2.0 or Atom 1.0, Yandex's YML, and `<product>` in any other.

A feed is cut into items by their tags before any of them is parsed, so that one that is not well-formed (a bare
ampersand, say) is refused alone, and memory holds one item. What stands before the first item is never parsed: no
document type is read, and no entity can be declared. Every character is looked at a bounded number of times.

Source: https://support.google.com/merchants/answer/160589 (RSS), https://support.google.com/merchants/answer/160593.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TextIO

from engine.errors import FeedUnreadable
from ingest.feeds import yml
from ingest.feeds.lines import MAX_LINE, UNDECODED, charset
from ingest.feeds.merchant_item import BadItem, fields_of
from ingest.feeds.rows import Feed, Row, checked

_CHUNK = 1 << 16
_LONGEST_TAG, _LONGEST_END = 1 << 16, 200
"""Characters of a tag, and of what ends a comment or a document type."""
_ITEMS: Mapping[str, tuple[str, ...]] = {
    "rss": ("item", "entry"),
    "feed": ("item", "entry"),
    yml.ROOT: (yml.OFFER, yml.CATEGORIES),
}
"""What products are in, by the outermost element."""
_OTHER_ITEMS = ("item", "entry", "product", "offer")
"""In any other: whichever comes first, in small letters or capitals."""
_ITEM = re.compile(r"<(?:\w+:)?(?:item|entry|product|offer)[\s>]", re.IGNORECASE)
_MARK = re.compile(
    r"<(?:!--|!\[CDATA\[|\?|!DOCTYPE|(?P<end>/)?(?P<name>[A-Za-z_][\w.\-]*+(?::[\w.\-]++)?+)(?P<rest>[^<>]*+)>)"
)
_BEHIND = {"<!--": re.compile("-->"), "<![CDATA[": re.compile(r"\]\]>"), "<?": re.compile(r"\?>")}
_DOCTYPE_ENDS, _SUBSET_ENDS = re.compile(r"[\[>]"), re.compile(r"\]\s{0,100}>")
_NAMESPACE = re.compile(r"""\bxmlns(?::([\w.\-]+))?\s{0,100}=\s{0,100}(?:"([^"]*)"|'([^']*)')""")
_ONE_BYTE = ("cp125", "iso8859", "ascii", "koi8", "mac", "cp874")
"""Names of encodings with one byte for a character."""
_DECLARED = re.compile(r"""<\?xml\s[^?<>]{0,200}?encoding\s{0,20}=\s{0,20}["']([\w.:\-]{1,40})["']""")


@dataclass(frozen=True, slots=True)
class _Item:
    """An item's text, None where it is too long; `unended` where the next one begins inside it.

    `name` is without a prefix, in small letters.
    """

    name: str
    line: int
    text: str | None
    unended: bool = False


def read_xml(feed: Feed) -> Iterator[Row]:
    """Every item as a row, at the line where it begins.

    Lines ascend: of items in one line, as in a feed without line breaks, each counts as one more.

    Raises:
        FeedUnreadable: a required field is in none of the first items; no item at all, the feed is cut short, or it
            names an unknown encoding.
    """
    return checked(_rows(feed), feed.name)


def _rows(feed: Feed) -> Iterator[Row]:
    scanner, last = _Scanner(_decoded(feed)), 0
    categories: dict[str, str] = {}
    for item in scanner:
        if item.name == yml.CATEGORIES:
            categories |= yml.category_paths(item.text or "")
            continue
        last = max(item.line, last + 1)
        row = _row(last, item, scanner.namespaces)
        is_offer = _bare(scanner.root) == yml.ROOT and not row.problem
        yield replace(row, fields=yml.offer_fields(row.fields, categories)) if is_offer else row
    if scanner.inside:
        last = max(scanner.inside, last + 1)
        raise FeedUnreadable(f"The feed {feed.name} ends inside the item of line {last}; fetch it again.")
    if not last:
        raise FeedUnreadable(f"The feed {feed.name} is XML without an <item>, <entry>, <product> or <offer>.")
    if scanner.root and not scanner.closed:
        raise FeedUnreadable(f"The feed {feed.name} is cut short, </{scanner.root}> is missing; fetch it again.")


def _row(line: int, item: _Item, namespaces: Mapping[str, str]) -> Row:
    if item.text is None:
        return Row(line, {}, "The item is too long for a product.")
    if item.unended:
        return Row(line, {}, "The item does not end before the next one begins.")
    try:
        return Row(line, fields_of(item.text, namespaces))
    except BadItem as error:
        return Row(line, {}, str(error))


class _Scanner:
    """Reads on from tag to tag, past comments, CDATA and instructions, and forgets what lies behind.

    `namespaces` are those declared around the items, by prefix; `inside` is the line of an item without an end.
    """

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self._text = ""
        self._at = 0
        self._line = 1
        self._keep = False
        self._too_long = False
        self._names: tuple[str, ...] = _OTHER_ITEMS
        self.namespaces: dict[str, str] = {}
        self.root = ""
        self.closed = False
        self.inside = 0

    def __iter__(self) -> Iterator[_Item]:
        while (mark := self._find(_MARK)) is not None:
            name = mark["name"]
            if name is None:
                if not self._pass(mark[0]):
                    return
            elif _bare(name) in self._names and not mark["end"]:
                self._begin(name, mark.start())
                if not mark["rest"].endswith("/"):
                    if (item := self._item(name)) is None:
                        return
                    yield item
                elif "=" in mark["rest"]:  # All that it says are its attributes.
                    yield _Item(_bare(name), self._line, mark[0])
            else:
                self._around(name, mark["rest"], ends=bool(mark["end"]))

    def _around(self, name: str, rest: str, *, ends: bool) -> None:
        """A tag outside of items."""
        if not self.root:
            self.root = name
            self._names = _ITEMS.get(_bare(name), _OTHER_ITEMS)
        if name == self.root:
            self.closed = ends
        if "xmlns" in rest:
            self.namespaces |= {prefix: one or two for prefix, one, two in _NAMESPACE.findall(rest)}

    def _begin(self, name: str, at: int) -> None:
        """Leave behind what stands before an item. Where it may have any name, those that follow have its own."""
        if self._names is _OTHER_ITEMS:
            self._names = (_bare(name),)
        self._forget(at)

    def _item(self, name: str) -> _Item | None:
        """The item that begins here; None where the feed ends before it does."""
        self.inside = line = self._line
        self._keep, self._too_long, self._at = True, False, 1
        ends = _ends_of(name)
        while (tag := self._find(ends)) is not None:
            if tag[0] in _BEHIND:
                if not self._pass(tag[0]):
                    return None
                continue
            unended = not tag[0].startswith("</")
            end = tag.start() if unended else tag.end()
            text = None if self._too_long else self._text[:end]
            self._keep, self.inside, self._at = False, 0, end
            self._forget(end)
            return _Item(_bare(name), line, text, unended)
        return None

    def _pass(self, opening: str) -> bool:
        """Go behind a comment, CDATA, an instruction or a document type; whether it ends."""
        if opening in _BEHIND:
            return self._find(_BEHIND[opening]) is not None
        found = self._find(_DOCTYPE_ENDS)
        if found is not None and found[0] == "[":
            found = self._find(_SUBSET_ENDS)
        return found is not None

    def _find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The next match, with `_at` behind it. A tag that is not whole yet is looked at again with more text."""
        while (match := pattern.search(self._text, self._at)) is None:
            if (chunk := next(self._chunks, None)) is None:
                return None
            self._at = self._pending(pattern)
            self._too_long = self._too_long or (self._keep and len(self._text) > MAX_LINE)
            if not self._keep or self._too_long:
                self._forget(self._at)
            self._text += chunk
        self._at = match.end()
        return match

    def _pending(self, pattern: re.Pattern[str]) -> int:
        """Where a match may have begun that needs more text: at the last `<`, as no tag holds another one."""
        length = len(self._text)
        if not pattern.pattern.startswith("<"):
            return max(self._at, length - _LONGEST_END)
        begun = self._text.rfind("<", max(self._at, length - _LONGEST_TAG))
        return begun if begun >= 0 else length

    def _forget(self, count: int) -> None:
        self._line += self._text.count("\n", 0, count)
        self._text, self._at = self._text[count:], max(0, self._at - count)


def _bare(name: str) -> str:
    """An element's name without its prefix, in small letters."""
    return name.rpartition(":")[2].casefold()


@lru_cache(maxsize=64)
def _ends_of(name: str) -> re.Pattern[str]:
    tag = re.escape(name)
    return re.compile(rf"<!--|<!\[CDATA\[|<\?|</{tag}\s{{0,1000}}>|<{tag}(?=[\s>/])")


def _without_warnings(start: str) -> str:
    """The text from its XML declaration on; shop programs in PHP print their warnings before it."""
    at = start.find("<?xml ", 1, _LONGEST_TAG)
    return start if at < 0 or _ITEM.search(start, 0, at) else "\n" * start.count("\n", 0, at) + start[at:]


def _decoded(feed: Feed) -> Iterator[str]:
    """The text in the encoding that its XML declaration names: it was read as UTF-8, other bytes as surrogates.

    What says Latin-1 or another encoding of one byte and is sound UTF-8 is UTF-8: no text in these looks so by chance.
    """
    text: TextIO = feed.text
    start = text.read(max(_CHUNK, 1))
    start = _without_warnings(start)
    declared = _DECLARED.search(start[:_LONGEST_TAG])
    encoding = declared[1] if declared else "utf-8"
    codec = charset(encoding)
    if codec is None:
        raise FeedUnreadable(f"The feed {feed.name} is in an unknown encoding ({encoding}); save it as UTF-8.")
    read = codec.incrementaldecoder("surrogateescape").decode
    as_read = not text.encoding.startswith("utf-8") or codec.name.startswith("utf")
    may_be_utf_8 = codec.name.startswith(_ONE_BYTE)
    while start:
        if may_be_utf_8 and not as_read and not start.isascii():
            as_read, may_be_utf_8 = UNDECODED.search(start) is None, False
        yield start if as_read else read(start.encode("utf-8", "surrogateescape"))
        start = text.read(_CHUNK)
