"""JSON lines from strangers: each line by itself, so that one that is broken costs no other."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from api.http.documents import check_depth, read_json
from api.problems import RequestMalformed

JSON_LINES = ("application/x-ndjson", "application/jsonl")


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no JSON, and why."""

    reason: str


def read_lines(body: bytes, *, most_marks: int) -> list[object]:
    """The value in each line that is not blank, or why there is none.

    Raises:
        RequestMalformed: no line is JSON.
        RequestTooLarge: a line has too many values.
    """
    rows = [_value(number, line, most_marks) for number, line in enumerate(body.splitlines(), 1) if line.strip()]
    if rows and isinstance(rows[0], BadLine) and all(isinstance(row, BadLine) for row in rows):
        raise RequestMalformed(rows[0].reason)
    return rows


def _value(number: int, line: bytes, most_marks: int) -> object:
    what = f"line {number}"
    try:
        value = read_json(line, object, what, most_marks=most_marks)
        check_depth(value, what)
    except RequestMalformed as error:
        return BadLine(str(error))
    except msgspec.ValidationError as error:
        return BadLine(f"Line {number} is not valid JSON ({error}).")
    return value
