"""Yandex's YML, an XML of offers: its elements → Google's fields.

Source: https://yandex.com/support/partnermarket/offers.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

from engine.products.text import plain

ROOT, OFFER, CATEGORIES = "yml_catalog", "offer", "categories"
_NAMES = {"url": "link", "picture": "image_link", "vendor": "brand", "group_id": "item_group_id"}
_PARAMETERS = {
    "цвет": "color", "размер": "size", "пол": "gender", "материал": "material", "состав": "material", "узор": "pattern",
    "принт": "pattern", "рисунок": "pattern", "возраст": "age_group",
}  # fmt: skip
"""What shops call Google's fields in `<param name="…">`, beside Google's own names."""
_LEFT_OUT = frozenset(
    {"available", "bid", "categoryid", "cbid", "count", "cpa", "currencyid", "delivery", "disabled", "fee", "model"}
    | {"local_delivery_cost", "manufacturer_warranty", "name", "oldprice", "pickup", "sales_notes", "stock_quantity"}
    | {"store", "type", "typeprefix"}
)
"""Elements that say nothing of the product, or nothing more."""
_VENDOR_MODEL = ("typeprefix", "vendor", "model")
_DEEPEST = 20
_CATEGORY = re.compile(r"<category\b([^<>]*)>([^<]*)</category\s{0,9}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b([\w:]{1,40})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)')""")
_NO = ("false", "no", "0")
_AMOUNT = re.compile(r"[^\d.,]")


def category_paths(text: str) -> dict[str, str]:
    """The paths of categories by their ids, of the text of the element that holds them all."""
    found: dict[str, tuple[str, str]] = {}
    for attributes, name in _CATEGORY.findall(_without_sections(text)):
        about = {key.casefold(): (one or two).strip() for key, one, two in _ATTRIBUTE.findall(attributes)}
        found[about.get("id", "")] = plain(name, markup=True).replace(">", " "), about.get("parentid", "")
    return {key: _path(key, found) for key in found}


def _without_sections(text: str) -> str:
    """The text of CDATA sections as XML would write it without them."""
    first, *sections = text.split("<![CDATA[")
    parts = (section.partition("]]>") for section in sections)
    return first + "".join(escape(inside) + behind for inside, _, behind in parts)


def _path(key: str, found: Mapping[str, tuple[str, str]]) -> str:
    """The names from the outermost category on; of categories that lie in each other, each once."""
    names: dict[str, str] = {}
    while key in found and key not in names and len(names) < _DEEPEST:
        names[key], key = found[key]
    return " > ".join(filter(None, reversed(names.values())))


def offer_fields(fields: Mapping[str, object], categories: Mapping[str, str]) -> dict[str, object]:
    """An offer's fields by Google's names.

    Args:
        fields: its elements and attributes by their own names.
        categories: paths by category ids.
    """
    said = {name.casefold(): value for name, value in fields.items()}
    kept = {
        _NAMES.get(name.casefold()) or _PARAMETERS.get(name.casefold(), name): value
        for name, value in fields.items()
        if name.casefold() not in _LEFT_OUT
    }
    paths = [categories[key] for key in _texts(said.get("categoryid")) if key in categories]
    return kept | {"title": _title(said), "product_type": paths} | _prices(said) | {"availability": _availability(said)}


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)] if value else []


def _first(said: Mapping[str, object], name: str) -> str:
    return next(iter(_texts(said.get(name))), "").strip()


def _title(said: Mapping[str, object]) -> str:
    """The name; of an offer of the type `vendor.model` kind, brand and model together."""
    return _first(said, "name") or " ".join(filter(None, (_first(said, part) for part in _VENDOR_MODEL)))


def _prices(said: Mapping[str, object]) -> dict[str, object]:
    now, before = _first(said, "price"), _first(said, "oldprice")
    currency = _first(said, "currencyid").upper().replace("RUR", "RUB")
    if (_number(before) or 0) > (_number(now) or 0) > 0:
        return {"price": before, "sale_price": now, "currency": currency}
    return {"price": now, "currency": currency}


def _number(text: str) -> float | None:
    try:
        return float(_AMOUNT.sub("", text).replace(",", "."))
    except ValueError:
        return None


def _availability(said: Mapping[str, object]) -> str:
    """What is not available can be ordered, as the format has it; what is hidden or counted as 0 cannot."""
    if _first(said, "disabled").casefold() == "true" or "0" in (_first(said, "count"), _first(said, "stock_quantity")):
        return "out_of_stock"
    return "backorder" if _first(said, "available").casefold() in _NO else "in_stock"
