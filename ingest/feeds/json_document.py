"""A JSON document of any size → the text of each product in it, in a stream, without parsing the whole.

What is wrong inside a product is found when it is parsed alone (`json_rows.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

from engine.errors import FeedUnreadable
from ingest.feeds.columns import KNOWN, column_name, named
from ingest.feeds.json_scanner import CLOSES, MARK, Brackets, Scanner

ENVELOPE = frozenset(
    {"products", "product", "items", "item", "data", "feed", "entries", "entry", "offers", "rows", "records",
     "results", "resources", "nodes", "documents", "list", "articles", "goods", "catalog", "catalogue",
     "channel", "shop", "hits", "edges", "response", "payload", "content", "contents", "value"}
    | {"values", "result", "objects", "member", "hydra:member", "@graph"}
)  # fmt: skip
"""Keys under which an object may hold the list of products."""
HEADERS = frozenset({"columns", "header", "headers", "fields", "names", "column_names", "columnnames", "meta"})
"""Keys under which a table of rows has the names of its columns."""
_OWN = frozenset({"link", "image_link", "price"})
"""Keys that an object with products in it does not have."""
_PRODUCT = frozenset({"title", "link", "image_link"})
"""What an object under a key has where that is its id."""
_CELLS = re.compile(r"\s{0,1000}[^\s\[{]")
_NEXT_KEY = re.compile(r'\s{0,500}(?:,\s{0,500}"((?:[^"\\]|\\.){0,1200})"\s{0,500}:\s{0,500}\{|\}|,?\s{0,500}\Z)')
_LONGEST_STEP = 4_000
_NAMES = re.compile(r'\s{0,1000}"[^"]{1,60}"\s{0,100},\s{0,1000}"[^"]{1,60}"\s{0,100}[,\]]')
MOST_PARTS = 200_000
"""Commas in one object: what has more costs seconds and is no product."""
WRAPPED_IN = ("node", "_source", "product", "item")
_ID_FIRST = re.compile(r'\s{0,1000}"(?:g:)?(?:id|offerId)"\s{0,100}:', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Element:
    """What is a product, or several in columns (an object), or one as a row of a table (a list).

    Attributes:
        text: None where it is too long.
        key: under which it stands, where that is its id.
        place: how many stand before it under such keys.
        columns: the list of names that a table has before its rows.
    """

    line: int
    text: str | None
    key: str = ""
    place: int = 0
    columns: str = ""


def elements(text: TextIO, name: str) -> Iterator[Element]:
    """Every product's text at the line where it begins.

    Raises:
        FeedUnreadable: the document has no product, or ends before its end.
    """
    document, count = _Document(text), 0
    for element in document:
        count += 1
        yield element
    if document.open_since:
        raise FeedUnreadable(f"The feed {name} ends inside the object of line {document.open_since}; fetch it again.")
    if document.path:
        closing = "".join("]" if kind == "[" else "}" for kind in reversed(document.path[-5:]))
        raise FeedUnreadable(f"The feed {name} is cut short, its closing {closing} is missing; fetch it again.")
    if not count:
        raise FeedUnreadable(f"The feed {name} is JSON without a list of products; write an object in each line.")


def holds_products(value: Mapping[str, object]) -> bool:
    """Whether an object is what is around the products, and none itself."""
    if any(column_name(key) in _OWN for key in value):
        return False
    lists = [one for key, one in value.items() if _leads(key) and isinstance(one, list) and one]
    return any(isinstance(one[0], Mapping) for one in lists)


class _Document:
    """Reads on from bracket to bracket.

    `path` holds the brackets that are open around the products; `open_since` the line of a product without an end.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = Scanner(text)
        self._columns = ""
        self._led: set[int] = set()
        """Depths at which a key led to products, so that no other key is an id."""
        self._keyed: dict[int, int] = {}
        """Depths at which products stand under their ids, and the place of the last one."""
        self.path: list[str] = []
        self.open_since = 0

    def __iter__(self) -> Iterator[Element]:
        while (mark := self._text.next(MARK)) is not None:
            if mark in CLOSES:
                self._close(mark)
            elif mark == '"':
                if found := self._under_a_key():
                    yield found
            elif mark == "[" and not self._is_row():
                self.path.append(mark)
            elif found := self._element(mark, watch=mark == "{" and not self.path):
                yield found

    def _is_row(self) -> bool:
        """Whether the list that opens here is a row of a table: its cells, or the names of its columns."""
        self._text.need(2_000)
        return (_CELLS if self.path else _NAMES).match(self._text.text, self._text.at) is not None

    def _under_a_key(self) -> Element | None:
        """Pass a string outside of products; a key that may lead to them opens the way, or is a product's id."""
        key = self._text.string()
        opens = self._text.value_opens()
        if not opens or not self.path or self.path[-1] != "{":
            return None
        self._text.enter(opens)
        depth = len(self.path)
        if _leads(key) and depth not in self._keyed:
            return self._lead(opens)
        found = self._element(opens, watch=False)
        if found is None or found.text is None:
            return found if depth in self._keyed else None
        self._keep_columns(key, found.text)
        return self._with_key(found.line, found.text, key) if self._is_keyed(depth, found.text) else None

    def _is_keyed(self, depth: int, text: str) -> bool:
        """Whether an object under a key is a product, and the key its id."""
        if depth in self._keyed:
            return text.startswith("{")
        return depth not in self._led and _is_product(text) and self._keys_go_on()

    def _lead(self, opens: str) -> Element | None:
        """Go into the value of a key that may lead to products; it may also be one product, or hold them in columns."""
        self._led.add(len(self.path))
        self._text.need(2_000)
        if opens == "{" and _ID_FIRST.match(self._text.text, self._text.at):
            found = self._element(opens, watch=True)
            return found if found and (found.text is None or found.key or _is_product(found.text)) else None
        self.path.append(opens)
        return None

    def _close(self, mark: str) -> None:
        if self.path and self.path[-1] == CLOSES[mark]:
            self._keyed.pop(len(self.path), None)
            self._led.discard(len(self.path))
            self.path.pop()

    def _element(self, opens: str, *, watch: bool) -> Element | None:
        """The object or row that begins here; None where it turns out to hold the products (`watch`), or never ends."""
        text = self._text
        text.begin()
        self.open_since = line = text.line
        stack = Brackets(opens)
        key, began, may_be_keyed = "", 0, watch
        while stack.kinds:
            if (mark := text.next(MARK)) is None:
                return None
            if mark == '"':
                string = text.string()
                if not watch or len(stack.kinds) > 1 or not text.is_key():
                    continue
                key, began, inner = string, text.at, text.value_opens()
                if inner and _leads(key):
                    return self._enter(inner)
                watch = column_name(key) not in _OWN
                may_be_keyed &= column_name(key) not in KNOWN
            elif mark not in CLOSES:
                stack.open(mark)
            elif not stack.close(CLOSES[mark]):
                text.at -= 1  # The list around it ends here, so the object lacks its end.
                break
            elif watch and len(stack.kinds) == 1 and not text.too_long:
                value = text.text[began : text.at].lstrip(": \t\r\n")
                self._keep_columns(key, value)
                if may_be_keyed and key not in WRAPPED_IN and _is_product(value) and self._keys_go_on():
                    return self._enter_keyed(line + text.text.count("\n", 0, began), key, value)
        self.open_since = 0
        return Element(line, text.end(), columns=self._columns if opens == "[" else "")

    def _enter(self, opens: str) -> Element | None:
        """The object at hand holds the products under this key."""
        self._text.enter(opens)
        self._text.keep, self.open_since = False, 0
        self.path.append("{")
        return self._lead(opens)

    def _enter_keyed(self, line: int, key: str, value: str) -> Element:
        """The object at hand holds products under their ids, the first of which is this."""
        self._text.end()
        self.open_since = 0
        self.path.append("{")
        return self._with_key(line, value, key)

    def _with_key(self, line: int, text: str, key: str) -> Element:
        depth = len(self.path)
        self._keyed[depth] = place = self._keyed.get(depth, -1) + 1
        return Element(line, text, _unescaped(key), place)

    def _keys_go_on(self) -> bool:
        """Whether behind an object under a key another such one follows, or nothing."""
        self._text.need(_LONGEST_STEP)
        found = _NEXT_KEY.match(self._text.text, self._text.at)
        return found is not None and not _leads(found[1] or "")

    def _keep_columns(self, key: str, value: str) -> None:
        if key.casefold() in HEADERS and value.startswith("["):
            self._columns = value


def _is_product(text: str) -> bool:
    if not text.startswith("{") or text.count(",") > MOST_PARTS:
        return False
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    return _PRODUCT.issubset(named(value))


def _unescaped(key: str) -> str:
    try:
        return str(json.loads(f'"{key}"', strict=False))
    except ValueError:
        return key


def _leads(key: str) -> bool:
    return key.casefold() in ENVELOPE
