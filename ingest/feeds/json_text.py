"""JSON's text → values, with what programs make of it: keys that come again, long numbers, NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


class Twice(dict[str, Any]):
    """An object with a key that comes again."""

    pairs: list[tuple[str, Any]]


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = Twice(found)
    twice.pairs = pairs
    return twice


def load_json(text: str) -> Any:
    """JSON with what programs make of it: NaN is nothing, long numbers (ids) keep every digit."""
    return json.loads(
        text,
        object_pairs_hook=_object,
        parse_constant=_constant,
        parse_int=_integer,
        parse_float=_fraction,
        strict=False,  # A tab or a line's end inside a text is as clear as it is wrong.
    )


def parsed(text: str) -> Any:
    """The value, None where the text is no JSON."""
    try:
        return load_json(text)
    except (ValueError, RecursionError):
        return None


def _constant(name: str) -> None:
    if name != "NaN":
        raise ValueError(f"{name} is no number")


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) < 19 else digits


def _fraction(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) and len(digits) < 19 else digits
