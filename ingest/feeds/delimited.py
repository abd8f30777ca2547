"""CSV, TSV and their kin → rows of cells: any separator, cells and lines of any size, quotation marks left open."""

from __future__ import annotations

import csv
import io
import itertools
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
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
_HEADER_LINES, _TITLE_LINES, _KNOWN_NAMES = 50, 20, 3
"""Lines that a header may have, lines before it, and names of it that tell it from those."""
_NO_TEXT = " \t\r\n\v\f\ufeff\x00\x1a"
"""What programs leave between and behind the lines: padding, and the mark of DOS for a file's end."""
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
    text = source.header(feed.name) if named else _whole(source.behind_titles(text, lambda line: knows(line, known)))
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
    return next(_reader(io.StringIO(text, newline=""), mark), [])


def _reader(lines: Iterable[str], mark: str, *, strict: bool = False) -> Iterator[list[str]]:
    """Cells, also where a blank stands between a separator and a quotation mark."""
    return csv.reader(lines, delimiter=mark, skipinitialspace=True, strict=strict)


def _whole(text: str) -> str:
    """A line that a spreadsheet took for one cell, as it was before."""
    cells = [cell for cell in _cells(text, ",") if cell.strip()] if text.lstrip()[:1] == '"' else []
    return cells[0] if len(cells) == 1 and any(mark in cells[0] for mark in MARKS) else text


def knows(text: str, known: Callable[[str], bool]) -> bool:
    """Whether a line is a header."""
    text = _whole(text)
    names = (filter(known, _cells(text, mark)) for mark in MARKS if mark in text)
    return any(len(list(itertools.islice(each, _KNOWN_NAMES))) == _KNOWN_NAMES for each in names)


def _rows(source: _Lines, mark: str, columns: int, must: int) -> Iterator[Cells]:
    reader = _reader(source, mark)
    while True:
        source.begin()
        try:
            cells = next(reader)
            problem = _problem(cells, columns, must) or source.problem(mark)
            if problem and (other := _in_another_dialect(source.row, mark)) and not _problem(other, columns, must):
                cells, problem = other, None
                source.put_back()
                del source.row[1:]
                reader = _reader(source, mark)
        except StopIteration:
            return
        except csv.Error as error:
            cells, problem = _first_cells(source.row[0][1] or "", mark), f"The row cannot be read ({error})."
        if problem and len(source.row) > 1:  # A stray quote swallowed lines: they are rows of their own again.
            cells = _first_cells(source.row[0][1] or "", mark)
            source.put_back()
            reader = _reader(source, mark)
            problem += f" {_OPEN}" if _OPEN not in problem else ""
        elif not problem:
            source.took()
        if problem or any(cell.strip() for cell in cells):
            yield Cells(source.line, cells, problem)


def _first_cells(line: str, mark: str) -> list[str]:
    """The cells of a broken row that stand before what is broken: its id, most likely."""
    try:
        return next(_reader([line], mark), [])[:-1]
    except csv.Error:
        return []


def _in_another_dialect(row: Sequence[tuple[int, str | None]], mark: str) -> list[str]:
    """The cells of a row's first line, read as one cell of a spreadsheet, or with `\\"` for a quotation mark."""
    line = row[0][1] or ""
    try:
        if (whole := _whole(line)) is not line:
            return _cells(whole, mark)
        if '\\"' in line:
            return next(csv.reader([line], delimiter=mark, escapechar="\\", skipinitialspace=True, strict=True), [])
    except csv.Error:
        pass
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
            if content.strip(_NO_TEXT):
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

    def behind_titles(self, first: str, is_header: Callable[[str], bool]) -> str:
        """The header behind a title or a comment, if one stands there; else the first line."""
        if is_header(first):
            return first
        for content in itertools.islice(self._lines, _TITLE_LINES):
            if content[1] and is_header(content[1]):
                return content[1]
        return first

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
            for _ in _reader((content or "" for _, content in self.row), mark, strict=True):
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
        while not self.row and content is not None and not content.strip(_NO_TEXT):
            number, content = self._next()
        if not self.row:
            self.line = number
        self.row.append((number, content))
        if content is None:
            raise csv.Error("a line is too long for a product")
        self._size += len(content)
        return content
