"""Products on the wire: Google Merchant's field names in JSON, checked one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from api.http.documents import check_depth, read_json
from api.http.json_lines import JSON_LINES, BadLine, read_lines
from engine.domain import Availability, Product
from engine.errors import InputRejected
from engine.forms.catalogue import IntakeReceipt, ProductReceipt, RefusalForm
from engine.products.fields import ATTRIBUTE_FACETS
from engine.products.reading import Reading, product_id_of, read_product
from engine.products.sales import write_period
from engine.seams import IngestState, LedgerEntry
from engine.system.clock import Deadline
from engine.system.redaction import HIDDEN, redacted

MAX_PRODUCTS = 1_000
_LONGEST_TEXT, _LONGEST_NAME, _MOST_PARTS = 64_000, 500, 1_000
"""Characters of a text and of a name that are looked at, and entries of a list or an object."""
_HIDDEN = f"//{HIDDEN}@"
_MOST_MARKS = 1_000_000
"""Quotes, commas and brackets of the largest requests that make sense; more would be too much work to read."""


class ProductForm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product as it is kept; `PUT` takes it back as it is, and more (`product_schema.py`)."""

    id: str
    title: str
    link: str
    image_link: str
    additional_image_link: list[str] = []
    description: str = ""
    price: float | None = None
    sale_price: float | None = None
    sale_price_effective_date: str | None = None
    currency: str | None = None
    availability: Availability = Availability.IN_STOCK
    brand: str | None = None
    color: str | None = None
    gender: str | None = None
    category: str | None = None
    product_type: list[str] = []
    item_group_id: str | None = None
    size: str | None = None
    material: str | None = None
    pattern: str | None = None
    age_group: str | None = None
    attributes: dict[str, str] = {}


class ProductStateForm(msgspec.Struct, frozen=True):
    """A product and where it stands."""

    product_id: str
    state: IngestState
    reason: str | None
    feed: str
    updated: datetime
    indexed_items: int
    supercategories: list[str]
    refusals: list[RefusalForm]
    product: ProductForm


class ProductPage(msgspec.Struct, frozen=True):
    """Products in the order of their ids; `next_after` asks for the next page, null at the end."""

    products: list[ProductStateForm]
    next_after: str | None


class FoundProducts(msgspec.Struct, frozen=True):
    """Products that were asked for by id, and the ids that there are none of."""

    products: list[ProductStateForm]
    missing: list[str]


def read_products(body: bytes, media_type: str = "application/json") -> list[object]:
    """One product, a list of products, `{"products": […]}`, or a product in each line, not yet checked.

    Raises:
        RequestMalformed, RequestTooLarge: not JSON, or too much of it.
        InputRejected: none, or too many.
    """
    rows = read_lines(body, most_marks=_MOST_MARKS) if media_type in JSON_LINES else _listed(body)
    if not any(isinstance(row, dict) for row in rows):
        raise InputRejected("Send a product as a JSON object, or a list of such objects.")
    if len(rows) > MAX_PRODUCTS:
        raise InputRejected(f"The request has {len(rows):,} products; the most is {MAX_PRODUCTS:,}. Send several.")
    return rows


def _listed(body: bytes) -> list[object]:
    document = read_json(body, object, most_marks=_MOST_MARKS)
    check_depth(document)
    if isinstance(document, dict) and set(document) == {"products"}:
        document = document["products"]
    return document if isinstance(document, list) else [document]


def check_products(rows: Sequence[object], deadline: Deadline | None = None) -> tuple[list[Product], IntakeReceipt]:
    """Check each product by itself, by the rules of feeds: one bad one does not stop the rest.

    Raises:
        DeadlineExceeded: there is more to read in the rows than time for it.
    """
    accepted: dict[str, Product] = {}
    receipts: list[ProductReceipt] = []
    for row in rows:
        if deadline is not None:
            deadline.check("reading the products")
        fields = bounded(row) if isinstance(row, dict) else {}
        reading = _reading(fields, row)
        product, reasons = reading.product, [redacted(reason) for reason in reading.reasons]
        if product is not None and product.product_id in accepted:
            reasons = ["this id is in the request more than once; the first one was taken."]
        if product is None or reasons:
            receipts.append(ProductReceipt(product_id_of(fields), "rejected", reasons))
        else:
            accepted[product.product_id] = product
            pending = IngestState.PENDING.value
            receipts.append(
                ProductReceipt(product.product_id, pending, notes=[redacted(note) for note in reading.notes])
            )
    return list(accepted.values()), IntakeReceipt(len(accepted), len(rows) - len(accepted), receipts)


def _reading(fields: dict[str, object], row: object) -> Reading:
    if isinstance(row, BadLine):
        return Reading(None, (row.reason,))
    if not isinstance(row, dict):
        return Reading(None, ("a product is a JSON object with the fields of a feed.",))
    if len(row) > _MOST_PARTS:
        return Reading(None, (f"it has {len(row):,} fields; the most is {_MOST_PARTS:,}.",))
    reading = read_product(fields)
    if reading.product and any(_HIDDEN in picture for picture in reading.product.images):
        return Reading(
            None, (f"a picture's address holds {_HIDDEN!r}, which stands for a password; write the password.",)
        )
    return reading


def bounded(value: Any) -> Any:
    """A row without what no rule keeps of it anyhow: reading a text costs by its length."""
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    if isinstance(value, list):
        return [bounded(one) for one in value[:_MOST_PARTS]]
    if isinstance(value, dict):
        return {name[:_LONGEST_NAME]: bounded(one) for name, one in islice(value.items(), _MOST_PARTS)}
    return value


def product_form(product: Product) -> ProductForm:
    """The product as its shop would write it."""
    named = {name: product.attributes.get(name) for name in ATTRIBUTE_FACETS if name != "item_group_id"}
    return ProductForm(
        id=product.product_id,
        title=product.title,
        link=product.link,
        image_link=product.images[0] if product.images else "",
        additional_image_link=list(product.images[1:]),
        description=product.description,
        price=product.price,
        sale_price=product.sale_price,
        sale_price_effective_date=write_period((product.sale_start, product.sale_end)),
        currency=product.currency,
        availability=product.availability,
        brand=product.brand,
        color=product.color,
        gender=product.gender,
        category=product.category,
        product_type=[path for path in product.categories if path != product.category],
        item_group_id=product.item_group_id,
        attributes={name: value for name, value in product.attributes.items() if name not in named},
        **named,
    )


def state_form(entry: LedgerEntry) -> ProductStateForm:
    """A product and where it stands, without the passwords in its addresses."""
    return ProductStateForm(
        product_id=entry.product.product_id,
        state=entry.state,
        reason=redacted(entry.reason) if entry.reason else entry.reason,
        feed=redacted(entry.feed),
        updated=entry.updated,
        indexed_items=len(entry.items),
        supercategories=sorted({supercategory for supercategory, _ in entry.items}),
        refusals=[
            RefusalForm(redacted(r.image), r.rejection.stage, redacted(r.rejection.reason)) for r in entry.refusals
        ],
        product=product_form(replace(entry.product, images=tuple(map(redacted, entry.product.images)))),
    )
