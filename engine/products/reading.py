"""The rule book itself: a mapping of fields → a `Product` with what was left out of it, or every reason why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from engine.domain import Availability, Product
from engine.products.availability import availability_of
from engine.products.categories import category_paths
from engine.products.fields import API_NAMES, ATTRIBUTE_FACETS, KNOWN, WRAPPERS, field_name
from engine.products.limits import (
    MAX_ATTRIBUTES,
    MAX_CATEGORIES,
    MAX_ID,
    MAX_IMAGES,
    MAX_LINK,
    MAX_NAME,
    MAX_TEXT,
    MAX_TITLE,
    MAX_VALUE,
)
from engine.products.links import is_address
from engine.products.pictures import PictureRefused, picture_references
from engine.products.prices import read_prices
from engine.products.text import address, identifier, plain, plain_lines
from engine.products.twice_encoded import once_encoded_fields
from engine.products.values import NotText, attributes_of, is_empty, is_placeholder, text_of, texts_of, without_objects

_T = TypeVar("_T")
_WORDS = ("brand", "color", "gender")
_LISTED = {"color": "/", "material": "/"}
"""How several values of one field are written in one text, as Google's format has it."""
_BROKEN = re.compile(r"[\ud800-\udfff]")
_NO_UTF_8 = "the row is not UTF-8; save the feed as UTF-8."
_ONE = ("id", "title", "link", "item_group_id")
"""Of several values the first counts."""
_EXACT = ("id", "link", "item_group_id")
"""Of these an object's name is not what is meant."""
_SHORTENED = re.compile(r"\d[.,]\d+E\+\d{1,3}", re.IGNORECASE)
"""What a spreadsheet makes of a long number: many of them become one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of one product's fields.

    Attributes:
        product: None where there are reasons.
        reasons: why it is no product, for the shop's staff.
        notes: what was changed or left out so that it is one.
    """

    product: Product | None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_product(fields: Mapping[str, object], *, paths: bool = False) -> Reading:
    """A product from fields under any of their names (`fields.field_name`).

    Args:
        fields: values as JSON has them; cells of a feed are texts.
        paths: pictures may be paths beside the feed.
    """
    named, mended = once_encoded_fields(_named(fields))
    reader = _Reader(named, notes=[f"{name}: text that was encoded as UTF-8 twice was put right" for name in mended])
    product = reader.product(paths)
    if reader.reasons or product is None:
        return Reading(None, tuple(dict.fromkeys(reader.reasons)))
    return Reading(product, (), tuple(dict.fromkeys(reader.notes)))


def product_id_of(fields: Mapping[str, object]) -> str | None:
    """A row's id, also where the rest of it is bad; None where it has no usable one."""
    try:
        written = fields.get("id") or _named(fields).get("id") if fields else None
        found = identifier(text_of(written))
    except NotText:
        return None
    return found if found and len(found) <= MAX_ID and found.isprintable() and not _BROKEN.search(found) else None


def _named(fields: Mapping[str, object]) -> dict[str, object]:
    """Fields by Google's names; what an API nests under `attributes` counts where it is not given itself."""
    named = _by_name(fields)
    _rename(named, named, WRAPPERS)
    nested = named.get("attributes")
    inner = _by_name(nested) if isinstance(nested, Mapping) else {}
    for name in [name for name in inner if name in KNOWN and name != "attributes" and is_empty(named.get(name))]:
        named[name] = inner.pop(name)
    _rename(named, named, API_NAMES)
    _rename(named, inner, API_NAMES)
    return named | {"attributes": inner} if isinstance(nested, Mapping) else named


def _by_name(fields: Mapping[str, object]) -> dict[str, object]:
    """Fields by Google's names. Of two spellings of one name, the first that says anything counts."""
    named: dict[str, object] = {}
    for written, value in fields.items():
        name = field_name(str(written))
        if is_empty(named.get(name)):
            named[name] = value
    return named


def _rename(named: dict[str, object], source: dict[str, object], names: Mapping[str, str]) -> None:
    """Take what an API calls otherwise for the field itself, where that is not given."""
    for written in names.keys() & source.keys():
        if is_empty(named.get(names[written])) and not is_empty(source.get(written)):
            named[names[written]] = source.pop(written)


@dataclass(slots=True)
class _Reader:
    """Reads field after field, and collects what is wrong instead of stopping at it."""

    fields: Mapping[str, object]
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def product(self, paths: bool) -> Product | None:
        """The product, as far as its fields allow."""
        product_id, title, link = self._id(), self._title(), self._link()
        prices = read_prices(self.fields)
        self.reasons += prices.reasons
        self.notes += prices.notes
        own = self._paths("category", "product_type")
        categories = tuple(dict.fromkeys((*own, *self._paths("google_product_category", google=True))))
        if len(categories) > MAX_CATEGORIES:
            self.notes.append(f"of more than {MAX_CATEGORIES} categories the first were kept")
        images = self._try(lambda: self._images(paths, link)) or ()
        words = {name: self._word(name) for name in _WORDS}
        group = self._group()
        availability = self._availability()
        attributes = self._attributes()
        if self.reasons:
            return None
        return Product(
            product_id=product_id,
            title=title,
            link=link,
            images=images,
            description=self._description(),
            price=prices.price,
            sale_price=prices.sale_price,
            currency=prices.currency,
            availability=availability,
            brand=words["brand"],
            color=words["color"],
            gender=words["gender"],
            category=categories[0] if categories else None,
            item_group_id=group,
            attributes=attributes,
            categories=categories[:MAX_CATEGORIES],
            sale_start=prices.sale_start,
            sale_end=prices.sale_end,
        )

    def _id(self) -> str:
        text = self._short("id", identifier(self._text("id")), MAX_ID)
        if not text.isprintable():
            self.reasons.append("id must not have control or invisible characters.")
        if _SHORTENED.fullmatch(text):
            self.reasons.append(f"id {text} is a number that a spreadsheet shortened; make its column text.")
        return text

    def _title(self) -> str:
        return self._short("title", plain(self._text("title"), markup=True), MAX_TITLE)

    def _short(self, name: str, text: str, most: int) -> str:
        """A text that every product needs, of a length that is not cut."""
        if not text and is_empty(self.fields.get(name)):
            self.reasons.append(f"{name} is empty; every product needs one.")
        elif not text and not any(reason.startswith((name, _NO_UTF_8)) for reason in self.reasons):
            self.reasons.append(f"{name} holds no text; every product needs one.")
        elif is_placeholder(text):
            self.reasons.append(f"{name} is {text!r}, which says nothing; every product needs one.")
        elif len(text) > most:
            self.reasons.append(f"{name} has {len(text)} characters; the most is {most}.")
        return text

    def _link(self) -> str:
        text = address(self._text("link"))
        text = f"https:{text}" if text.startswith("//") else text.replace(" ", "%20")
        if self._short("link", text, MAX_LINK) and not is_address(text):
            self.reasons.append(f"link {text[:80]!r} is not an http(s) address.")
        return text

    def _group(self) -> str | None:
        text = identifier(self._text("item_group_id"))
        if _SHORTENED.fullmatch(text):
            self.notes.append("item_group_id was left out, since a spreadsheet shortened it")
            return None
        if text == "0" or is_placeholder(text):
            return None
        if len(text) > MAX_ID:
            self.reasons.append(f"item_group_id has {len(text)} characters; the most is {MAX_ID}.")
        return text or None

    def _description(self) -> str:
        text = plain_lines(self._text("description")[: 4 * MAX_TEXT], markup=True)
        return self._cut("description", text, MAX_TEXT)

    def _word(self, name: str) -> str | None:
        text = plain(self._text(name), markup=True)
        return None if is_placeholder(text) else self._cut(name, text, MAX_VALUE) or None

    def _cut(self, name: str, text: str, most: int) -> str:
        if len(text) > most:
            self.notes.append(f"{name} was cut at {most:,} characters")
        return text[:most].rstrip()

    def _text(self, name: str) -> str:
        """A field as text; one that is broken is a reason."""
        value = self.fields.get(name)
        if name in _ONE and isinstance(value, list | tuple):
            value = next((one for one in value if not is_empty(one)), None)
        if name in _ONE and isinstance(value, bool):
            self.reasons.append(f"{name} is {value}, not a text.")
            return ""
        if name not in _EXACT:
            value = without_objects(value)
        try:
            text = text_of(value, _LISTED.get(name, ", "))
        except NotText as error:
            self.reasons.append(f"{name} {error}.")
            return ""
        if _BROKEN.search(text):
            self.reasons.append(_NO_UTF_8)
            return ""
        return text

    def _availability(self) -> Availability:
        text = plain(self._text("availability"))
        if not text or (is_placeholder(text) and not availability_of(text)):
            return Availability.IN_STOCK
        if (meant := availability_of(text)) is None:
            known = ", ".join(each.value for each in Availability)
            self.reasons.append(f"availability {text[:40]!r} is none of {known}.")
        return meant or Availability.IN_STOCK

    def _paths(self, *names: str, google: bool = False) -> tuple[str, ...]:
        texts = (plain(text, markup=True)[:MAX_LINK] for name in names for text in self._texts(name))
        return tuple(path[:MAX_VALUE].rstrip(" >") for path in category_paths(texts, google=google))

    def _texts(self, name: str) -> list[str]:
        found = self._try(lambda: texts_of(without_objects(self.fields.get(name))), name) or []
        if any(_BROKEN.search(text) for text in found):
            self.reasons.append(_NO_UTF_8)
            return []
        return found

    def _images(self, paths: bool, link: str) -> tuple[str, ...]:
        main, more = self.fields.get("image_link"), self.fields.get("additional_image_link")
        found, notes = picture_references(main, more, paths=paths, secure=not link.startswith("http://"))
        self.notes += notes
        if len(found) > MAX_IMAGES:
            self.notes.append(f"of {len(found)} pictures the first {MAX_IMAGES} were kept")
        return found[:MAX_IMAGES]

    def _attributes(self) -> dict[str, str]:
        """The named attributes and every further field, under their own names."""
        found = {name: word for name in ATTRIBUTE_FACETS if name != "item_group_id" and (word := self._word(name))}
        for name, value in attributes_of(self.fields):
            key = plain(name)[:MAX_NAME].strip()
            text = plain(value[: 4 * MAX_TEXT], markup=True)[:MAX_VALUE].strip()
            if key and text and not _BROKEN.search(key + text):
                found.setdefault(key, text)
        if len(found) > MAX_ATTRIBUTES:
            self.notes.append(f"of {len(found)} attributes the first {MAX_ATTRIBUTES} were kept")
        return dict(list(found.items())[:MAX_ATTRIBUTES])

    def _try(self, read: Callable[[], _T], name: str | None = None) -> _T | None:
        try:
            return read()
        except (ValueError, NotText, PictureRefused) as error:
            self.reasons.append(f"{name}: {error}." if name else f"{error}.")
            return None
