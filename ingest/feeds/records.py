"""One row of a feed → a `Product`, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from engine.domain import Availability, Product
from engine.filters import ATTRIBUTE_FACETS
from engine.money import parse_money
from ingest.feeds.columns import KNOWN, column_name
from ingest.feeds.lines import UNDECODED

MAX_ID, MAX_TITLE, MAX_LINK, MAX_TEXT, MAX_VALUE, MAX_IMAGES = 200, 500, 2_048, 10_000, 500, 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_LETTERS = re.compile(r"[^a-z]+")
_BEFORE_ADDRESS = re.compile(r",(?=\s*(?:https?|s3)://)", re.IGNORECASE)
"""Commas separate pictures, but may also be part of an address (image servers write sizes so)."""
_LISTED = {"color": "/", "material": "/", "size": "/"}
"""How several values of one row are written in one text, as Google's format has it."""
_STOCK = {
    "instock": Availability.IN_STOCK, "available": Availability.IN_STOCK, "limitedavailability": Availability.IN_STOCK,
    "outofstock": Availability.OUT_OF_STOCK, "soldout": Availability.OUT_OF_STOCK,
    "discontinued": Availability.OUT_OF_STOCK, "preorder": Availability.PREORDER, "presale": Availability.PREORDER,
    "backorder": Availability.BACKORDER,
}  # fmt: skip


class BadRow(ValueError):
    """A row that cannot become a product; the message is for the shop's staff."""


def product_id_of(fields: Mapping[str, object]) -> str | None:
    """The row's id, also where the rest of it is bad."""
    text = _text(fields.get("id"))
    return text if text and len(text) <= MAX_ID and not _CONTROL.search(text) and not UNDECODED.search(text) else None


def to_product(fields: Mapping[str, object]) -> Product:
    """A product from a row whose columns carry Google's names.

    Raises:
        BadRow: something is missing or cannot be understood.
    """
    words = {name: _text(value, _LISTED.get(name, ", ")) for name, value in fields.items() if name in KNOWN}
    _check_words(words)
    price, currency = _money("price", fields.get("price"))
    sale_price, sale_currency = _money("sale_price", fields.get("sale_price"))
    named = {c for c in (currency, sale_currency, words.get("currency", "").upper() or None) if c}
    if len(named) > 1:
        raise BadRow(f"price and sale_price are in different currencies ({', '.join(sorted(named))}).")
    return Product(
        product_id=words["id"],
        title=words["title"],
        link=words["link"],
        images=_images(fields),
        description=words.get("description", "")[:MAX_TEXT],
        price=price,
        sale_price=sale_price,
        currency=next(iter(named), None),
        availability=_availability(words.get("availability", "")),
        brand=words.get("brand") or None,
        color=words.get("color") or None,
        gender=words.get("gender") or None,
        category=words.get("product_type") or words.get("google_product_category") or None,
        item_group_id=words.get("item_group_id") or None,
        attributes=_attributes(fields, words),
    )


def _check_words(words: Mapping[str, str]) -> None:
    for name in ("id", "title", "link"):
        if not words.get(name):
            raise BadRow(f"{name} is empty; every product needs one.")
    for name, most in (("id", MAX_ID), ("title", MAX_TITLE), ("link", MAX_LINK)):
        if len(words[name]) > most:
            raise BadRow(f"{name} has {len(words[name])} characters; the most is {most}.")
    if _CONTROL.search(words["id"]) or _CONTROL.search(words["link"]):
        raise BadRow("id and link must not have control characters.")
    if any(UNDECODED.search(text) for text in words.values()):
        raise BadRow("the row is not UTF-8; save the feed as UTF-8.")
    if not _is_address(words["link"]):
        raise BadRow(f"link {words['link'][:80]!r} is not an http(s) address.")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme.casefold() in ("http", "https") and bool(parts.netloc)


def _money(name: str, value: object) -> tuple[float | None, str | None]:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None, None
    if isinstance(value, Mapping) and {"value", "currency"} <= set(value):  # the Content API's form
        value = f"{value['value']} {value['currency']}"
    try:
        return parse_money(value)
    except ValueError as error:
        raise BadRow(f"{name}: {error}.") from None


def _availability(text: str) -> Availability:
    if not text:
        return Availability.IN_STOCK
    key = _NOT_LETTERS.sub("", text.casefold().rpartition("/")[2])
    if key not in _STOCK:
        known = ", ".join(a.value for a in Availability)
        raise BadRow(f"availability {text[:40]!r} is none of {known}.")
    return _STOCK[key]


def _images(fields: Mapping[str, object]) -> tuple[str, ...]:
    """References, the main one first, each once."""
    wanted = [*_references(fields.get("image_link")), *_references(fields.get("additional_image_link"), split=True)]
    found = tuple(dict.fromkeys(wanted))
    if not found:
        raise BadRow("image_link is empty; a product without a picture cannot be found by one.")
    if any(len(image) > MAX_LINK or _CONTROL.search(image) or UNDECODED.search(image) for image in found):
        raise BadRow(f"an image reference has control characters, or more than {MAX_LINK} of them.")
    return found[:MAX_IMAGES]


def _references(value: object, *, split: bool = False) -> list[str]:
    if isinstance(value, list | tuple):
        return [text for one in value for text in _references(one)]
    pieces = _BEFORE_ADDRESS.split(_text(value)) if split else [_text(value)]
    parts = [part for piece in pieces for part in ([piece] if not split or "://" in piece else piece.split(","))]
    return [part.strip() for part in parts if part.strip()]


def _attributes(fields: Mapping[str, object], words: Mapping[str, str]) -> dict[str, str]:
    """The named attributes and every further column, under their own names."""
    found = {name: words[name] for name in ATTRIBUTE_FACETS if name != "item_group_id" and words.get(name)}
    nested = fields.get("attributes")
    rest: Iterable[tuple[str, object]] = [(k, v) for k, v in fields.items() if k not in KNOWN]
    if isinstance(nested, Mapping):
        rest = [*rest, *((column_name(str(k)), v) for k, v in nested.items())]
    elif words.get("attributes"):
        found["attributes"] = words["attributes"][:MAX_VALUE]
    for name, value in rest:
        key, text = _clean(name).removeprefix("attributes.").strip(), _text(value)
        if key and text and not UNDECODED.search(text + key):
            found.setdefault(key[:100], text[:MAX_VALUE])
    return found


def _text(value: object, join: str = ", ") -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return join.join(filter(None, (_text(one, join) for one in value)))
    if isinstance(value, Mapping):
        return "; ".join(f"{_text(k)}: {_text(v)}" for k, v in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _clean(str(value))


def _clean(text: str) -> str:
    return text.replace("\x00", "").strip().strip("\ufeff")
