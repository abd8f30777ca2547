"""A catalogue as a feed: JSON lines, CSV or Google Merchant's XML. `thatlook ingest` takes each back unchanged."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from xml.sax.saxutils import escape

from engine.domain import Product
from engine.export.catalogue import pages, written
from engine.products.fields import ATTRIBUTE_FACETS
from engine.products.sales import write_period
from engine.seams import IngestState, Ledger

_OWN = tuple(name for name in ATTRIBUTE_FACETS if name != "item_group_id")
"""Attributes with a field of their own: size, material, pattern, age_group."""
_COLUMNS = (
    "id", "title", "description", "link", "image_link", "additional_image_link", "price", "sale_price",
    "sale_price_effective_date", "currency", "availability", "brand", "color", "gender", "category", "product_type",
    "item_group_id", *_OWN,
)  # fmt: skip
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OPENING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">\n<channel>\n'
    "<title>Products</title>\n"
)
_CLOSING = "</channel>\n</rss>\n"

Fields = dict[str, str | float | list[str] | dict[str, str]]


def fields_of(product: Product) -> Fields:
    """A product under Google Merchant's names, what it lacks left out."""
    product = written(product)
    named = {name: product.attributes[name] for name in _OWN if name in product.attributes}
    values: Mapping[str, str | float | list[str] | dict[str, str] | None] = {
        "id": product.product_id,
        "title": product.title,
        "description": product.description,
        "link": product.link,
        "image_link": product.images[0] if product.images else "",
        "additional_image_link": list(product.images[1:]),
        "price": product.price,
        "sale_price": product.sale_price,
        "sale_price_effective_date": write_period((product.sale_start, product.sale_end)),
        "currency": product.currency,
        "availability": product.availability.value,
        "brand": product.brand,
        "color": product.color,
        "gender": product.gender,
        "category": product.category,
        "product_type": [path for path in product.categories if path != product.category],
        "item_group_id": product.item_group_id,
        **named,
        "attributes": {name: value for name, value in product.attributes.items() if name not in _OWN},
    }
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def json_lines(ledger: Ledger, state: IngestState | None = None) -> Iterator[bytes]:
    """A JSON object in each line."""
    for page in pages(ledger, state):
        rows = (json.dumps(fields_of(entry.product), ensure_ascii=False, separators=(",", ":")) for entry in page)
        yield "".join(f"{row}\n" for row in rows).encode("utf-8", "replace")


def comma_separated(ledger: Ledger, state: IngestState | None = None) -> Iterator[bytes]:
    """CSV with a column for each attribute that any product has: the catalogue is read twice."""
    own = dict.fromkeys(
        name for page in pages(ledger, state) for entry in page for name in entry.product.attributes if name not in _OWN
    )
    yield _csv_rows([[*_COLUMNS, *own]])
    for page in pages(ledger, state):
        yield _csv_rows([_cells(entry.product, own) for entry in page])


def merchant_xml(ledger: Ledger, state: IngestState | None = None) -> Iterator[bytes]:
    """RSS 2.0 with Google's elements; further attributes as `g:product_detail`."""
    yield _OPENING.encode()
    for page in pages(ledger, state):
        yield "".join(_item(entry.product) for entry in page).encode("utf-8", "replace")
    yield _CLOSING.encode()


FeedWriter = Callable[[Ledger, IngestState | None], Iterator[bytes]]
FEEDS: Mapping[str, FeedWriter] = MappingProxyType({"jsonl": json_lines, "csv": comma_separated, "xml": merchant_xml})


def _cells(product: Product, own: Mapping[str, None]) -> list[str]:
    fields = fields_of(product)
    attributes = fields.pop("attributes", {})
    further = attributes if isinstance(attributes, dict) else {}
    return [_cell(name, fields.get(name, "")) for name in _COLUMNS] + [further.get(name, "") for name in own]


def _cell(name: str, value: object) -> str:
    if isinstance(value, list):
        return ("," if name.endswith("link") else ";").join(value)
    return _amount(value) if isinstance(value, float) else str(value)


def _csv_rows(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([[_plain_cell(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8", "replace")


def _plain_cell(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; readers of feeds take the mark away again."""
    if cell[:1] == "'" or cell.startswith('="'):
        return '="' + cell.replace('"', '""') + '"'
    return f"'{cell}" if cell[:1] in tuple("=+-@\t\r") else cell


def _item(product: Product) -> str:
    fields = _as_google(fields_of(product))
    lines = [line for name, value in fields.items() for line in _elements(name, value)]
    return "<item>\n" + "".join(f"{line}\n" for line in lines) + "</item>\n"


def _as_google(fields: Fields) -> Fields:
    """With the currency in the prices, and the shop's categories as product types, as Google wants them."""
    currency, category, others = (fields.pop(name, None) for name in ("currency", "category", "product_type"))
    for name in ("price", "sale_price"):
        if currency and isinstance(amount := fields.get(name), float):
            fields[name] = f"{_amount(amount)} {currency}"
    if currency and "price" not in fields and "sale_price" not in fields:
        fields["currency"] = currency
    types = [*([category] if isinstance(category, str) else []), *(others if isinstance(others, list) else [])]
    return fields | ({"product_type": types} if types else {})


def _elements(name: str, value: object) -> list[str]:
    if isinstance(value, dict):
        return [
            f"<g:product_detail><g:attribute_name>{_xml(key)}</g:attribute_name>"
            f"<g:attribute_value>{_xml(text)}</g:attribute_value></g:product_detail>"
            for key, text in value.items()
        ]
    texts = value if isinstance(value, list) else [_amount(value) if isinstance(value, float) else str(value)]
    return [f"<g:{name}>{_xml(text)}</g:{name}>" for text in texts]


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _amount(value: float) -> str:
    """A price that is read as the number it is: three digits behind a mark would be thousands."""
    text = f"{value:.2f}"
    return text if float(text) == value else f"{value:.10f}".rstrip("0").ljust(len(f"{int(value)}") + 5, "0")
