"""Reads on in JSON from bracket to bracket, in a stream; strings are told apart, nothing else is understood."""

from __future__ import annotations

import re
from typing import TextIO

from ingest.feeds import lines

CHUNK = 1 << 16
_KEY = 1_200
"""Characters of a key that is looked at."""
MARK = re.compile(r'["{}\[\]]')
CLOSES = {"}": "{", "]": "["}
_STRING_ENDS = re.compile(r'["\\\n]')
_JSON_LINE = re.compile(r'[ \t\r\n]{0,200}(?:"(?![,}\]\s])|[{}\[\]])')
_AFTER_KEY = re.compile(r"\s{0,1000}:\s{0,1000}([\[{])?")


class Scanner:
    """A text that is read piece by piece; what lies behind `at` is forgotten unless it is kept.

    `too_long` says that what is kept grew beyond `lines.MAX_LINE` and was forgotten after all.
    """

    def __init__(self, text: TextIO) -> None:
        self._source = text
        self._gone = 0
        self.text = ""
        self.at = 0
        self.line = 1
        self.keep = False
        self.too_long = False

    def next(self, pattern: re.Pattern[str]) -> str | None:
        """The next match, with `at` behind it; None at the end."""
        while (match := pattern.search(self.text, self.at)) is None:
            self.at = len(self.text)
            if not self._more():
                return None
        self.at = match.end()
        return match[0]

    def begin(self) -> None:
        """Keep the text from the character behind which we are."""
        self.forget(self.at - 1)
        self.keep, self.too_long, self.at = True, False, 1

    def end(self) -> str | None:
        """What was kept; None where it was too long."""
        self.keep = False
        kept = None if self.too_long else self.text[: self.at]
        self.forget(self.at)
        return kept

    def string(self) -> str:
        """The string that begins here, without escapes undone; "" where it is too long for a key."""
        self.need(_KEY)
        began, gone = self.at, self._gone
        while (mark := self.next(_STRING_ENDS)) == "\\" or (mark == "\n" and not self._left_open()):
            self.need(1)
            self.at += mark == "\\"
        return self.text[began : self.at - 1][:_KEY] if mark is not None and gone == self._gone else ""

    def value_opens(self) -> str:
        """The bracket with which a key's value opens; "" where it has none, or what was read is no key."""
        self.need(2_100)
        found = _AFTER_KEY.match(self.text, self.at)
        return (found[1] or "") if found else ""

    def is_key(self) -> bool:
        """Whether the string that was read is a key."""
        self.need(1_100)
        return _AFTER_KEY.match(self.text, self.at) is not None

    def enter(self, opens: str) -> None:
        """Go behind the bracket with which a key's value opens."""
        self.at = self.text.index(opens, self.at) + 1

    def need(self, count: int) -> None:
        """Read on until so many characters are at hand, if there are so many."""
        while len(self.text) - self.at < count and self._more():
            pass

    def forget(self, count: int) -> None:
        """Leave so many characters behind."""
        self._gone += count
        self.line += self.text.count("\n", 0, count)
        self.text, self.at = self.text[count:], max(0, self.at - count)

    def _left_open(self) -> bool:
        """Whether a line end inside a string (there is none in JSON) was no text, but the next line is JSON again."""
        self.need(300)
        return _JSON_LINE.match(self.text, self.at) is not None

    def _more(self) -> bool:
        chunk = self._source.read(CHUNK)
        if self.keep and len(self.text) > lines.MAX_LINE:
            self.too_long = True
        if not self.keep or self.too_long:
            self.forget(max(0, self.at - 1))
        self.text += chunk
        return bool(chunk)


class Brackets:
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
