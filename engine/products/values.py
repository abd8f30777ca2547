"""Values as JSON, XML or a feed's cell brings them → texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.products.fields import KNOWN

_MOST_DIGITS = 64
_DEEPEST = 4
_LISTS = ("custom_attributes", "product_details", "product_detail")
"""How Google's APIs list attributes: by name and value."""
_NAMES = ("name", "value", "@value", "label", "title", "rendered")
"""Where an object has the text that it stands for."""
_PLACEHOLDERS = frozenset({"n/a", "#n/a", "na", "nan", "null", "none", "nil", "undefined", "-", "--", "–", "—"})


class NotText(ValueError):
    """A value that no text can be made of; the message follows the field's name."""


def is_empty(value: object) -> bool:
    """Whether a field says nothing."""
    return value is None or value in ([], {}, ()) or (isinstance(value, str) and not value.strip())


def is_placeholder(value: object) -> bool:
    """Whether a program wrote only that there is nothing: "N/A", "null", a dash."""
    return isinstance(value, str) and value.strip().casefold() in _PLACEHOLDERS


def text_of(value: object, join: str = ", ") -> str:
    """A text, a number or a list of them as one text.

    Raises:
        NotText: an object, or a number of absurd length.
    """
    return join.join(text for text in texts_of(value) if text.strip())


def texts_of(value: object) -> list[str]:
    """A text or number, or each one of a list.

    Raises:
        NotText: an object or a nested list is among them, or a number of absurd length.
    """
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [_scalar(one) for one in value if one is not None]
    return [_scalar(value)]


def without_objects(value: object) -> object:
    """A value where an object is what it calls itself, as shops' APIs write brands, colours and categories."""
    if isinstance(value, list | tuple):
        return [_name_of(one) for one in value]
    return _name_of(value)


def _name_of(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return None if not value else next((said for key in _NAMES if not is_empty(said := value.get(key))), value)


def attributes_of(fields: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Every field that is not one of Google's, by its own name; those nested in `attributes` and listed ones too."""
    nested = fields.get("attributes")
    inner = nested if isinstance(nested, Mapping) else {"attributes": nested}
    own = ((name, value) for name, value in fields.items() if name not in KNOWN)
    for name, value in (*own, *inner.items()):
        bare = str(name).removeprefix("attributes.")
        if isinstance(value, list | tuple) and _snake(bare) in _LISTS:
            yield from _listed(value)
        elif text := _told(value):
            yield bare, text


def _listed(rows: list[object] | tuple[object, ...]) -> Iterator[tuple[str, str]]:
    for row in rows:
        if isinstance(row, Mapping):
            plain = {_snake(str(key)).removeprefix("attribute_"): value for key, value in row.items()}
            yield _told(plain.get("name")), _told(plain.get("value"))


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name.replace(" ", "_")).lstrip("_")


def _told(value: object, depth: int = 0) -> str:
    """Any value as text for a person; what lies too deep is left out."""
    if depth > _DEEPEST or value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, (_told(one, depth + 1) for one in value)))
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {text}" for key, one in value.items() if (text := _told(one, depth + 1)))
    try:
        return _scalar(value)
    except NotText:
        return ""


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int) and value.bit_length() > 3 * _MOST_DIGITS:
        raise NotText(f"is a number of more than {_MOST_DIGITS} digits")
    if isinstance(value, int | float):
        return str(value)
    raise NotText("is not a text")
