"""One item of a Merchant feed → its fields. The namespace of an element decides, not its prefix."""

from __future__ import annotations

import html.entities
import re
from collections.abc import Mapping
from functools import lru_cache
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from ingest.feeds.columns import KNOWN, column_name
from ingest.feeds.lines import UNDECODED

_GOOGLE = "base.google.com/ns/1.0"
_ATOM = "www.w3.org/2005/atom"
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REFERENCES = re.compile(r"(?:&#(?:\d{1,7}|x[0-9a-fA-F]{1,6});)+")
_NUMBER = re.compile(r"&#(?:(\d+)|x([0-9a-fA-F]+));")
_XMLS_OWN = frozenset({"amp", "lt", "gt", "quot", "apos"})
_PREFIX = re.compile(r"</?([A-Za-z_][A-Za-z0-9_.\-]{0,60}):|\s([A-Za-z_][A-Za-z0-9_.\-]{0,60}):[A-Za-z_]")
_BOUND = re.compile(r"xmlns:([A-Za-z_][A-Za-z0-9_.\-]*)")
_MOST_PREFIXES = 200
_HOUSEKEEPING = frozenset({"guid", "pubdate", "published", "updated", "comments", "source", "author", "rights"})
"""RSS's and Atom's own elements that say nothing of a product."""
_PRICES = ("price", "sale_price")
_CURRENCY = ("currency", "currencycode", "currencyid", "pricecurrency", "unit")
_TEXTS = frozenset({"title", "description", "summary", "content"})
"""May hold HTML's elements, unescaped, whose text counts."""
_SEVERAL = frozenset(
    {"image_link", "additional_image_link", "product_type", "google_product_category", "category", "color", "size"}
    | {"material", "pattern"}
)
"""Of these an item may have several; of the other fields the first one counts."""


class BadItem(ValueError):
    """An item that is no XML; the message is for the shop's staff."""


def fields_of(item: str, namespaces: Mapping[str, str] | None = None) -> dict[str, object]:
    """The fields of one item, by Google's names; of those that may be there several times, a list.

    Args:
        item: the element's text. namespaces: those declared around it, by prefix.

    Raises:
        BadItem: it is not well-formed.
    """
    if UNDECODED.search(item):
        raise BadItem("The item has bytes that are not text in the feed's encoding; save it as UTF-8.")
    item = _REFERENCES.sub(_allowed, _NOT_XML.sub(" ", item))
    declared = {**_undeclared(item), **(namespaces or {})}
    around = "".join(f" xmlns{':' if prefix else ''}{prefix}={quoteattr(uri)}" for prefix, uri in declared.items())
    reader = _ItemReader(by_prefix=_GOOGLE not in item and not any(_is_google(uri) for uri in declared.values()))
    try:
        reader.parser.Parse(f"<feed{around}>{_NAMED.sub(_character, item)}</feed>", True)
    except expat.ExpatError as error:
        words = expat.errors.messages[error.code]
        raise BadItem(f"The item is not well-formed XML ({words} in its line {error.lineno}).") from None
    return reader.fields()


def _undeclared(item: str) -> dict[str, str]:
    """Prefixes that are used, each with a namespace that says nothing: sloppy feeds declare not all of them."""
    bound = set(_BOUND.findall(item))
    used = {one or two for one, two in _PREFIX.findall(item)} - bound - {"xml", "xmlns"}
    if len(used) > _MOST_PREFIXES:
        raise BadItem("The item is not well-formed XML (too many prefixes).")
    return {prefix: f"urn:undeclared:{prefix}" for prefix in used}


@lru_cache(maxsize=256)
def _bare(uri: str) -> str:
    return uri.casefold().removeprefix("http://").removeprefix("https://").rstrip("/#")


def _is_google(uri: str) -> bool:
    return _bare(uri) == _GOOGLE


class _ItemReader:
    """Collects the elements right below the item.

    Google's own (`g:title`, whatever the prefix) go before the feed's (`title` of RSS or Atom). Those of other
    namespaces (`media:title`) say nothing of a product's known fields, unless nothing else names its id.
    """

    def __init__(self, *, by_prefix: bool) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.namespace_prefixes = True
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self._by_prefix = by_prefix
        self._depth = 0
        self._item_uri = ""
        self._own: dict[str, str] = {}
        self._text: list[str] = []
        self._part: list[str] = []
        self._parts: dict[str, str] = {}
        self._attributes: dict[str, str] = {}
        self._found: dict[str, dict[str, list[str]]] = {"google": {}, "feed": {}, "other": {}}

    def fields(self) -> dict[str, object]:
        """What was collected."""
        google, feed, other = self._found.values()
        merged = {**feed, **google}
        if "id" in merged:
            other = {name: values for name, values in other.items() if name not in KNOWN}
        for name in ("summary", "content"):
            if words := merged.pop(name, None):
                merged.setdefault("description", words)
        several: dict[str, object] = {}
        for name, values in ({**other, **merged}).items():
            distinct = list(dict.fromkeys(values))
            single = len(distinct) == 1 or (name in KNOWN and name not in _SEVERAL)
            several[name] = distinct[0] if single else distinct
        return {column_name(name): value for name, value in self._own.items() if value} | several

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 2:
            self._item_uri = _split(tag)[0]
            self._own = {name: value.strip() for name, value in attributes.items() if " " not in name}
        elif self._depth == 3:
            self._text, self._parts, self._attributes = [], {}, attributes
        self._part = []

    def _characters(self, data: str) -> None:
        if self._depth > 2:
            self._text.append(data)
            self._part.append(data)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        uri, name, prefix = _split(tag)
        if self._depth == 3:
            self._parts[name] = "".join(self._part).strip()
        elif self._depth == 2:
            self._field(self._tier(uri, prefix), name, uri)

    def _tier(self, uri: str, prefix: str) -> str:
        if _is_google(uri) or (self._by_prefix and prefix == "g"):
            return "google"
        return "feed" if uri in ("", self._item_uri) or _bare(uri) == _ATOM else "other"

    def _field(self, tier: str, name: str, uri: str) -> None:
        if name == "product_detail" and tier == "google":
            self._put(tier, self._parts.get("attribute_name", ""), self._parts.get("attribute_value", ""))
            return
        if name == "param" and tier == "feed":
            value = f"{''.join(self._text).strip()} {self._attributes.get('unit', '')}".strip()
            self._put(tier, self._attributes.get("name", "").strip(), value)
            return
        if self._parts and column_name(name) in _PRICES:
            self._put(tier, name, _amount(self._parts))
            return
        if self._parts and name not in _TEXTS:
            return  # Shipping, tax and the like, which have parts.
        if tier == "feed" and name.casefold() in _HOUSEKEEPING:
            return
        value = "".join(self._text).strip()
        if column_name(name) in _PRICES and value[-1:].isdigit():
            value = f"{value} {_said(self._attributes, _CURRENCY)}".strip()
        if name == "link" and tier != "google" and _bare(uri) == _ATOM:
            value, tier = self._atom_link(value), tier if uri == self._item_uri else "other"
        elif not value and name.endswith("link"):
            value = self._attributes.get("href", "").strip()
        self._put(tier, name, value)

    def _atom_link(self, text: str) -> str:
        """Where Atom's link leads to, if it is the product's page: not the feed itself, a picture or a next page."""
        rel = self._attributes.get("rel", "alternate").strip().casefold()
        return (self._attributes.get("href", "").strip() or text) if rel == "alternate" else ""

    def _put(self, tier: str, name: str, value: str) -> None:
        if name and value:
            self._found[tier].setdefault(column_name(name), []).append(value)


def _amount(parts: Mapping[str, str]) -> str:
    """A price whose amount and currency are elements of their own."""
    return f"{_said(parts, ('value', 'amount', 'price'))} {_said(parts, _CURRENCY)}".strip()


def _said(named: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name, value in named.items() if name.casefold().replace("_", "") in names and value), "")


def _split(tag: str) -> tuple[str, str, str]:
    """Namespace, name and prefix of an element as expat tells it; "" where there is none."""
    parts = tag.split(" ")
    if len(parts) == 1:
        return "", parts[0], ""
    return parts[0], parts[1], parts[2] if len(parts) > 2 else ""


def _allowed(references: re.Match[str]) -> str:
    """Numbered characters without those that XML forbids; halves of one (an emoji in UTF-16) are put together."""
    codes = [int(ten or hexadecimal, 10 if ten else 16) for ten, hexadecimal in _NUMBER.findall(references[0])]
    if not any(code < 32 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF or code & 0xFFFE == 0xFFFE for code in codes):
        return references[0]
    text = "".join(chr(code) for code in codes if code < 0x110000)
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    return "".join(f"&#{ord(one)};" for one in _NOT_XML.sub("", whole))


def _character(entity: re.Match[str]) -> str:
    """HTML's named characters, which shops write and XML does not know, as numbers."""
    name = entity[1]
    meant = None if name in _XMLS_OWN else html.entities.html5.get(f"{name};")
    return "".join(f"&#{ord(c)};" for c in meant) if meant else entity[0]
