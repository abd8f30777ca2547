"""CSV, TSV and their kin → rows of cells: any separator, cells and lines of any size, quotation marks left open."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from engine.errors import FeedUnreadable
from ingest.feeds.lines import MAX_LINE, UNDECODED, numbered
from ingest.feeds.rows import Feed

MARKS = "\t,;|"
LOOK_AHEAD = 4_000_000
"""Characters that may be read in vain for the end of open quotation marks; what is read well earns more."""
_SEPARATOR_LINE = re.compile(r'\s*"?sep=(?:(\\t)|([^\n\r"]))"?[\t,;|]*\s*', re.IGNORECASE)
"""Excel's first line, which names the separator."""
_FORMULA_TEXT = re.compile(r'\s*=\s*"((?:[^"]|"")*)"\s*')
"""`="00123"`, which keeps a spreadsheet from making a number of it."""
_HEADER_LINES = 50
_OPEN = "A quotation mark may be left open in it."


@dataclass(frozen=True, slots=True)
class Cells:
    """One row's cells at its first line, and what is wrong with it, if anything."""

    line: int
    cells: Sequence[str]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A header and the rows below it."""

    header: tuple[str, ...]
    rows: Iterator[Cells]


def read_table(feed: Feed, known: Callable[[str], bool], optional: Callable[[str], bool]) -> Table:
    """The table in a feed, separated by whatever gives its header most known names, or as Excel's first line says.

    Args:
        known: whether a cell of the header is a name that we know.
        optional: whether a row may end before this column.

    Raises:
        FeedUnreadable: the header is no text.
    """
    csv.field_size_limit(sys.maxsize)
    source = _Lines(numbered(feed.text))
    text = source.header(feed.name)
    named = _SEPARATOR_LINE.fullmatch(text)
    if named:
        text = source.header(feed.name)
    if UNDECODED.search(text):
        raise FeedUnreadable(f"The header of {feed.name} is not UTF-8; save the feed as UTF-8, or use --encoding.")
    mark = ("\t" if named[1] else named[2]) if named else _mark(text, known)
    header = tuple(plain_cell(cell) for cell in _cells(text, mark))
    must = max((place + 1 for place, cell in enumerate(header) if not optional(cell)), default=0)
    return Table(header, _rows(source, mark, len(header), must))


def _mark(text: str, known: Callable[[str], bool]) -> str:
    used = [mark for mark in MARKS if mark in text] or [","]
    cells = {mark: _cells(text, mark) for mark in used}
    return max(used, key=lambda mark: (sum(map(known, cells[mark])), len(cells[mark])))


def _cells(text: str, mark: str) -> list[str]:
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=mark), [])


def _rows(source: _Lines, mark: str, columns: int, must: int) -> Iterator[Cells]:
    reader = csv.reader(source, delimiter=mark)
    while True:
        source.begin()
        try:
            cells = next(reader)
            problem = _problem(cells, columns, must) or source.problem(mark)
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = _first_cells(source.row[0][1] or "", mark), f"The row cannot be read ({error})."
        if problem and len(source.row) > 1:  # A stray quote swallowed lines: they are rows of their own again.
            cells = _first_cells(source.row[0][1] or "", mark)
            source.put_back()
            reader = csv.reader(source, delimiter=mark)
            problem += f" {_OPEN}" if _OPEN not in problem else ""
        elif not problem:
            source.took()
        if problem or any(cell.strip() for cell in cells):
            yield Cells(source.line, cells, problem)


def _first_cells(line: str, mark: str) -> list[str]:
    """The cells of a broken row that stand before what is broken: its id, most likely."""
    try:
        return next(csv.reader([line], delimiter=mark), [])[:-1]
    except csv.Error:
        return []


def _problem(cells: Sequence[str], columns: int, must: int) -> str | None:
    if not cells or len(cells) == columns:
        return None
    if must <= len(cells) < columns:
        return None  # Programs leave empty cells at a row's end away.
    if len(cells) > columns and not any(cell.strip() for cell in cells[columns:]):
        return None
    return f"The row has {len(cells)} cells, the header {columns}."


def plain_cell(cell: str, *, number: bool = False) -> str:
    """A cell without what only spreadsheets need: `="text"`, and `'` before what would be a formula."""
    if cell[:1] == "'" and cell[1:] and (cell[1] in "=+-@\t\r" or (number and cell[1:].strip().isdigit())):
        return cell[1:]
    if "=" in cell[:3] and (text := _FORMULA_TEXT.fullmatch(cell)):
        return text[1].replace('""', '"')
    return cell


class _Lines:
    """Lines for a csv.reader that remembers those of the row in hand, and can give all but the first again.

    What may be given again is limited by what was read well, so that a feed full of open quotation marks costs time
    in proportion to its size.
    """

    def __init__(self, lines: Iterator[tuple[int, str | None]]) -> None:
        self._lines = lines
        self._again: deque[tuple[int, str | None]] = deque()
        self._size = 0
        self._look_ahead = LOOK_AHEAD
        self._ended = False
        self.row: list[tuple[int, str | None]] = []
        self.line = 0

    def header(self, name: str) -> str:
        """The first line with something in it, and those that its quotation marks take along."""
        found = ""
        for number, content in self._lines:
            if content is None:
                raise FeedUnreadable(f"Line {number} of {name} has more than {MAX_LINE:,} characters and is no header.")
            if content.strip(" \t\r\n\ufeff\x00"):
                found = content
                break
        more: list[tuple[int, str | None]] = []
        while found.count('"') % 2 and len(more) < _HEADER_LINES and (line := next(self._lines, None)):
            more.append(line)
            found += line[1] or ""
        if found.count('"') % 2:
            self._again.extend(more)
            found = found[: len(found) - sum(len(content or "") for _, content in more)]
        return found

    def begin(self) -> None:
        """A new row starts with the next line."""
        self.row, self._size, self._ended = [], 0, False

    def took(self) -> None:
        """The row was good."""
        self._look_ahead = min(LOOK_AHEAD, self._look_ahead + 4 * self._size)

    def put_back(self) -> None:
        """Give the row's lines but the first again."""
        self._look_ahead -= self._size
        self._again.extendleft(reversed(self.row[1:]))

    def problem(self, mark: str) -> str | None:
        """Whether the lines of the row in hand hang together by well-formed quotation marks alone."""
        if self._ended and self.row:
            return f"The row does not end. {_OPEN}"
        if len(self.row) < 2:
            return None
        try:
            for _ in csv.reader((content or "" for _, content in self.row), delimiter=mark, strict=True):
                pass
        except csv.Error as error:
            return f"The row cannot be read ({error})."
        return None

    def _next(self) -> tuple[int, str | None]:
        try:
            return self._again.popleft() if self._again else next(self._lines)
        except StopIteration:
            self._ended = True
            raise

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.row and self._size > max(0, min(MAX_LINE, self._look_ahead)):
            raise csv.Error("it is too long for a product" if self._size > MAX_LINE else "it does not end")
        number, content = self._next()
        while not self.row and content is not None and not content.strip():
            number, content = self._next()
        if not self.row:
            self.line = number
        self.row.append((number, content))
        if content is None:
            raise csv.Error("a line is too long for a product")
        self._size += len(content)
        return content
