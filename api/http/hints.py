"""What may have been meant by a field or a value that a request's document does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from enum import Enum
from functools import lru_cache
from typing import Any, get_args, get_type_hints

import msgspec

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>.{0,100}?)`(?: - at `(?P<place>.*)`)?", re.DOTALL)
_NO_CHOICE = re.compile(r"Invalid enum value .{0,200}? - at `(?P<place>.*)`", re.DOTALL)
_NAME = re.compile(r"\.([A-Za-z_]\w*)")
_CALLED_ELSEWHERE = {
    "image": "image_base64", "photo": "image_base64", "file": "image_base64", "url": "image_url", "id": "image_id",
    "limit": "k", "size": "k", "top_k": "k", "n": "k", "count": "k", "offset": "cursor", "page": "cursor",
    "query": "text", "q": "text", "words": "text", "negative": "not_text", "filter": "filters", "where": "filters",
    "order": "sort", "category": "supercategory", "bbox": "box",
}  # fmt: skip
"""What other search services call the same."""


def hinted(error: msgspec.ValidationError, kind: Any) -> msgspec.ValidationError:
    """The error with what may be meant: the nearest field, the choices there are.

    Args:
        kind: the type that the document was to have.
    """
    if found := _UNKNOWN.fullmatch(str(error)):
        return _with_fields(found, _struct_in(_type_at(kind, found["place"] or "")))
    if found := _NO_CHOICE.fullmatch(str(error)):
        return _with_choices(found, _type_at(kind, found["place"]))
    return error


def _with_fields(found: re.Match[str], struct: Any) -> msgspec.ValidationError:
    if struct is None:
        return msgspec.ValidationError(found[0])
    names = [field.encode_name for field in msgspec.structs.fields(struct)]
    meant = _meant(found["field"], names)
    told = f"; did you mean {meant!r}? There are" if meant else "; there are"
    return msgspec.ValidationError(
        f"Object contains unknown field `{found['field']}`{told}: {', '.join(names)}{_at(found)}"
    )


def _with_choices(found: re.Match[str], kind: Any) -> msgspec.ValidationError:
    choices = ", ".join(str(one) for one in _choices(kind))
    words = found[0].partition(" - at `")[0]
    return msgspec.ValidationError(f"{words}; use one of {choices}{_at(found)}" if choices else found[0])


def _at(found: re.Match[str]) -> str:
    return f" - at `{found['place']}`" if found["place"] else ""


def _meant(written: str, names: Sequence[str]) -> str | None:
    name = written.casefold().replace("-", "_")
    if (known := _CALLED_ELSEWHERE.get(name)) in names:
        return known
    return next(iter(get_close_matches(name, names, 1, 0.7)), None)


def _type_at(kind: Any, place: str) -> Any:
    """The type of what stands at a place such as `$.garments[0].weights`."""
    for name in _NAME.findall(place):
        struct = _struct_in(kind)
        kind = _hints(struct).get(name) if struct is not None else None
    return kind


@lru_cache(maxsize=64)
def _hints(struct: Any) -> dict[str, Any]:
    return get_type_hints(struct)


def _struct_in(kind: Any) -> Any:
    """The struct that a type is or holds: of `list[Garment] | None` the garment."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next((found for part in get_args(kind) if (found := _struct_in(part)) is not None), None)


def _choices(kind: Any) -> Iterator[object]:
    """The values of an enumeration or a `Literal`, wherever in a type it stands."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield from (one.value for one in kind)
    for part in get_args(kind):
        if isinstance(part, str):
            yield part
        else:
            yield from _choices(part)
