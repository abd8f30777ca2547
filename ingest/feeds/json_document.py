"""A JSON document of any size → the text of each product in it, in a stream, without parsing the whole.

Brackets and strings are told apart, nothing else: what is wrong inside a product is found when it is parsed alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TextIO

from engine.errors import FeedUnreadable
from ingest.feeds import lines
from ingest.feeds.columns import column_name

CHUNK = 1 << 16
_KEY = 1_200
"""Characters of a key that is looked at."""
ENVELOPE = frozenset(
    {"products", "product", "items", "item", "data", "feed", "entries", "entry", "offers", "rows", "records",
     "results", "resources", "nodes", "documents", "list", "articles", "goods", "catalog", "catalogue",
     "channel", "shop", "hits", "edges", "response", "payload", "content", "contents", "value"}
)  # fmt: skip
"""Keys under which an object may hold the list of products."""
_OWN = frozenset({"link", "image_link", "price"})
"""Keys that an object with products in it does not have."""
_MARK = re.compile(r'["{}\[\]]')
_STRING_ENDS = re.compile(r'["\\\n]')
_JSON_LINE = re.compile(r'[ \t\r\n]{0,200}(?:"(?![,}\]\s])|[{}\[\]])')
_AFTER_KEY = re.compile(r"\s{0,1000}:\s{0,1000}([\[{])?")
_CLOSES = {"}": "{", "]": "["}


def elements(text: TextIO, name: str) -> Iterator[tuple[int, str | None]]:
    """Every product's text at the line where it begins; None for one that is too long.

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
        self._source = text
        self._text = ""
        self._at = 0
        self._line = 1
        self._gone = 0
        self._keep = False
        self._too_long = False
        self.path: list[str] = []
        self.open_since = 0

    def __iter__(self) -> Iterator[tuple[int, str | None]]:
        while (mark := self._next(_MARK)) is not None:
            if mark == '"':
                self._outer_string()
            elif mark == "[":
                self.path.append(mark)
            elif mark in _CLOSES:
                self._close(mark)
            else:
                self._forget(self._at - 1)
                line = self._line
                if (element := self._element(watch=not self.path)) != "":
                    yield line, element

    def _outer_string(self) -> None:
        """Pass a string outside of products; a key that may lead to them opens the way."""
        key = self._string()
        opens = self._value_opens()
        if opens and self.path and self.path[-1] == "{":
            if _leads(key):
                self._at = self._text.index(opens, self._at) + 1
                self.path.append(opens)
            else:
                self._at = self._text.index(opens, self._at) + 1
                self._skip(opens)

    def _close(self, mark: str) -> None:
        if self.path and self.path[-1] == _CLOSES[mark]:
            self.path.pop()

    def _element(self, *, watch: bool) -> str | None:
        """The object that begins here; "" where it turns out to hold the products (`watch`), or never ends."""
        self._keep, self._too_long, self._at, self.open_since = True, False, 1, self._line
        stack = _Brackets("{")
        while stack.kinds:
            if (mark := self._next(_MARK)) is None:
                return ""
            if mark == '"':
                key = self._string()
                if watch and len(stack.kinds) == 1 and (opens := self._value_opens()):
                    if _leads(key):
                        return self._enter(opens)
                    watch = column_name(key) not in _OWN
                elif watch and len(stack.kinds) == 1 and column_name(key) in _OWN and self._is_key():
                    watch = False
            elif mark in _CLOSES:
                if not stack.close(_CLOSES[mark]):
                    self._at -= 1  # The list around it ends here, so the object lacks its end.
                    break
            else:
                stack.open(mark)
        self._keep, self.open_since = False, 0
        element = None if self._too_long else self._text[: self._at]
        self._forget(self._at)
        return element

    def _enter(self, opens: str) -> str:
        """The object at hand holds the products under this key."""
        self._at = self._text.index(opens, self._at) + 1
        self.path += ["{", opens]
        self._keep, self.open_since = False, 0
        return ""

    def _skip(self, opens: str) -> None:
        """Pass a value that holds no products."""
        stack = _Brackets(opens)
        while stack.kinds and (mark := self._next(_MARK)) is not None:
            if mark == '"':
                self._string()
            elif mark in _CLOSES:
                stack.close(_CLOSES[mark])
            else:
                stack.open(mark)

    def _string(self) -> str:
        """The string that begins here, without escapes undone; "" where it is too long for a key."""
        self._need(_KEY)
        began, gone = self._at, self._gone
        while (mark := self._next(_STRING_ENDS)) == "\\" or (mark == "\n" and not self._left_open()):
            self._need(1)
            self._at += mark == "\\"
        return self._text[began : self._at - 1][:_KEY] if mark is not None and gone == self._gone else ""

    def _left_open(self) -> bool:
        """Whether a line end inside a string (there is none in JSON) was no text, but the next line is JSON again."""
        self._need(300)
        return _JSON_LINE.match(self._text, self._at) is not None

    def _value_opens(self) -> str:
        self._need(2_100)
        found = _AFTER_KEY.match(self._text, self._at)
        return (found[1] or "") if found else ""

    def _is_key(self) -> bool:
        self._need(1_100)
        return _AFTER_KEY.match(self._text, self._at) is not None

    def _next(self, pattern: re.Pattern[str]) -> str | None:
        while (match := pattern.search(self._text, self._at)) is None:
            self._at = len(self._text)
            if not self._more():
                return None
        self._at = match.end()
        return match[0]

    def _need(self, count: int) -> None:
        while len(self._text) - self._at < count and self._more():
            pass

    def _more(self) -> bool:
        chunk = self._source.read(CHUNK)
        if self._keep and len(self._text) > lines.MAX_LINE:
            self._too_long = True
        if not self._keep or self._too_long:
            self._forget(self._at)
        self._text += chunk
        return bool(chunk)

    def _forget(self, count: int) -> None:
        self._gone += count
        self._line += self._text.count("\n", 0, count)
        self._text, self._at = self._text[count:], max(0, self._at - count)


class _Brackets:
    """Brackets that are open, and how many of each kind."""

    def __init__(self, first: str) -> None:
        self.kinds = [first]
        self._count = {"{": 0, "[": 0, first: 1}

    def open(self, kind: str) -> None:
        """One more."""
        self.kinds.append(kind)
        self._count[kind] += 1

    def close(self, kind: str) -> bool:
        """Close the innermost of a kind, with those inside it that lack their end; whether there was one."""
        if not self._count[kind]:
            return False
        while True:
            closed = self.kinds.pop()
            self._count[closed] -= 1
            if closed == kind:
                return True


def _leads(key: str) -> bool:
    return key.casefold() in ENVELOPE
