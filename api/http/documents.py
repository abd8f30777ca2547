"""JSON from strangers: read with a bound on its parts, so that it can neither be deep nor hold us up."""

from __future__ import annotations

import json
import reprlib
from codecs import BOM_UTF8
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from api.http.hints import hinted
from api.problems import RequestMalformed, RequestTooLarge

T = TypeVar("T")
MAX_DEPTH = 32
_LARGE_BYTES = 64 * 1024
_DEEP = "The {} is nested too deeply; nothing here is deeper than a few levels."
_MARKS = (b'"', b",", b"[", b"{", b"<", b"&")


def read_json(body: bytes | str, kind: type[T], what: str = "body", *, most_marks: int = 65_536) -> T:
    """Read JSON as a type.

    Args:
        what: what this is, for messages.
        most_marks: how many quotes, commas, brackets and beginnings of markup it may have; reading costs by these.
    Raises:
        RequestMalformed: not JSON, nested too deeply, or with a key twice that says two things.
        RequestTooLarge: too many values.
        msgspec.ValidationError: JSON with wrong or unknown fields.
    """
    data = (body.encode() if isinstance(body, str) else body).removeprefix(BOM_UTF8)
    if len(data) > _LARGE_BYTES and sum(data.count(mark) for mark in _MARKS) > most_marks:
        raise RequestTooLarge(f"The {what} has too many values; send fewer.")
    try:
        value = msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise hinted(error, kind) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise RequestMalformed(f"The {what} is not valid JSON ({error}).") from None
    except RecursionError:
        raise RequestMalformed(_DEEP.format(what)) from None
    if (key := _key_twice(data)) is not None:
        raise RequestMalformed(f"The {what} has {told(key)} more than once, with different values; send it once.")
    return value


def _key_twice(data: bytes) -> str | None:
    """A key that an object has twice with different values, of which msgspec takes the last without a word."""
    try:
        with suppress(ValueError, RecursionError):
            json.loads(data, object_pairs_hook=_checked, parse_int=str, parse_float=str, parse_constant=str)
    except _Twice as error:
        return error.key
    return None


def _checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if found[key] != value:
                raise _Twice(key)
    return found


class _Twice(Exception):
    def __init__(self, key: str) -> None:
        self.key = key


def convert(fields: object, kind: type[T], *, strict: bool = True) -> T:
    """What a form's or an address's fields say, as a type.

    Raises:
        msgspec.ValidationError: wrong or unknown fields.
    """
    try:
        return msgspec.convert(fields, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise hinted(error, kind) from None


def check_depth(value: Any, what: str = "body") -> None:
    """Refuse lists and objects that lie in each other more than `MAX_DEPTH` times.

    Raises:
        RequestMalformed: they do.
    """
    if _is_deep(value):
        raise RequestMalformed(_DEEP.format(what))


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for node in level if isinstance(node, dict | list) for child in _children(node)]
        if not level:
            return False
    return True


def told(value: object) -> str:
    """A caller's value for a message: short, whatever it is."""
    return _SHORT.repr(value)


def _children(node: dict[str, Any] | list[Any]) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
