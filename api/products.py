"""Products on the wire: Google Merchant's field names in JSON, checked one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

import msgspec

from api.documents import check_depth, read_json
from engine.domain import Availability, Product
from engine.errors import InputRejected
from engine.filters import ATTRIBUTE_FACETS
from engine.money import parse_money
from engine.redaction import redacted
from engine.seams import IngestState, Ledger, LedgerEntry

MAX_PRODUCTS = 1_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAX_ID, _MAX_TITLE, _MAX_URL, _MAX_DESCRIPTION, _MAX_VALUE = 200, 500, 2_048, 10_000, 500
_MAX_IMAGES, _MAX_ATTRIBUTES = 20, 50
_MOST_MARKS = 2_000_000
"""Quotes, commas and brackets of the largest requests that make sense; more would be too much work to read."""


class ProductForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A product as its shop writes it; prices are numbers, or texts such as "49.90 EUR"."""

    id: str
    title: str
    link: str
    image_link: str
    additional_image_link: list[str] = []
    description: str = ""
    price: float | str | None = None
    sale_price: float | str | None = None
    currency: str | None = None
    availability: Availability = Availability.IN_STOCK
    brand: str | None = None
    color: str | None = None
    gender: str | None = None
    category: str | None = None
    item_group_id: str | None = None
    size: str | None = None
    material: str | None = None
    pattern: str | None = None
    age_group: str | None = None
    attributes: dict[str, str] = {}


class ProductReceipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one product of a request: `pending` (taken on) or `rejected`, with reasons."""

    id: str | None
    state: str
    reasons: list[str] = []


class IntakeReceipt(msgspec.Struct, frozen=True):
    """What became of a request's products."""

    accepted: int
    rejected: int
    products: list[ProductReceipt]


class RefusalForm(msgspec.Struct, frozen=True):
    """Why one picture of a product is not indexed."""

    image: str
    stage: str
    reason: str


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


def read_products(body: bytes) -> list[object]:
    """One product, a list of products, or `{"products": […]}`, not yet checked.

    Raises:
        RequestMalformed, RequestTooLarge: not JSON, or too much of it.
        InputRejected: none, or too many.
    """
    document = read_json(body, object, most_marks=_MOST_MARKS)
    check_depth(document)
    if isinstance(document, dict) and set(document) == {"products"}:
        document = document["products"]
    rows = document if isinstance(document, list) else [document]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise InputRejected("Send a product as a JSON object, or a list of such objects.")
    if len(rows) > MAX_PRODUCTS:
        raise InputRejected(f"The request has {len(rows):,} products; the most is {MAX_PRODUCTS:,}. Send several.")
    return rows


def check_products(rows: Sequence[object]) -> tuple[list[Product], IntakeReceipt]:
    """Check each product by itself: one bad one does not stop the rest."""
    accepted: dict[str, Product] = {}
    receipts: list[ProductReceipt] = []
    for row in rows:
        product, reasons = _checked(row)
        if product is not None and product.product_id in accepted:
            reasons = ["this id is in the request more than once; the first one was taken"]
        if product is None or reasons:
            receipts.append(ProductReceipt(_id_of(row), "rejected", reasons))
        else:
            accepted[product.product_id] = product
            receipts.append(ProductReceipt(product.product_id, IngestState.PENDING.value))
    return list(accepted.values()), IntakeReceipt(len(accepted), len(rows) - len(accepted), receipts)


def product_of(form: ProductForm) -> Product:
    """The engine's product.

    Raises:
        ValueError: a price that is not money, or amounts in two currencies.
    """
    price, first = _money("price", form.price)
    sale_price, second = _money("sale_price", form.sale_price)
    currencies = {c.upper() for c in (form.currency, first, second) if c}
    if len(currencies) > 1:
        raise ValueError(f"price, sale_price and currency name several currencies: {', '.join(sorted(currencies))}")
    named = {name: getattr(form, name) for name in ATTRIBUTE_FACETS if name != "item_group_id"}
    return Product(
        product_id=form.id,
        title=form.title,
        link=form.link,
        images=tuple(dict.fromkeys((form.image_link, *form.additional_image_link))),
        description=form.description,
        price=price,
        sale_price=sale_price,
        currency=next(iter(currencies), None),
        availability=form.availability,
        brand=form.brand,
        color=form.color,
        gender=form.gender,
        category=form.category,
        item_group_id=form.item_group_id,
        attributes={**form.attributes, **{name: value for name, value in named.items() if value}},
    )


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
        currency=product.currency,
        availability=product.availability,
        brand=product.brand,
        color=product.color,
        gender=product.gender,
        category=product.category,
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


def entry_of(ledger: Ledger, product_id: str) -> LedgerEntry | None:
    """A product by its id: by these very characters, else by their composed form, in which feeds are read."""
    composed = normalize("NFC", product_id)
    found = ledger.get(list(dict.fromkeys((product_id, composed))))
    return found.get(product_id) or found.get(composed)


def _checked(row: object) -> tuple[Product | None, list[str]]:
    try:
        form = msgspec.convert(row, ProductForm)
        reasons = list(_faults(form))
        return (None, reasons) if reasons else (product_of(form), [])
    except (msgspec.ValidationError, ValueError) as error:
        return None, [str(error).replace(" - at `$.", " - at `")]


def _faults(form: ProductForm) -> Iterable[str]:
    if not form.id.strip() or len(form.id) > _MAX_ID or _CONTROL.search(form.id):
        yield f"id must have 1 to {_MAX_ID} printable characters"
    if not form.title.strip() or len(form.title) > _MAX_TITLE:
        yield f"title must have 1 to {_MAX_TITLE} characters"
    if len(form.description) > _MAX_DESCRIPTION:
        yield f"description must have at most {_MAX_DESCRIPTION:,} characters"
    if not _is_address(form.link, ("http", "https")):
        yield "link must be an http(s) address"
    if len(form.additional_image_link) >= _MAX_IMAGES:
        yield f"there are more than {_MAX_IMAGES} pictures"
    if not all(_is_address(image, ("http", "https", "s3")) for image in (form.image_link, *form.additional_image_link)):
        yield "image_link and additional_image_link must be http(s) or s3 addresses"
    if len(form.attributes) > _MAX_ATTRIBUTES:
        yield f"there are more than {_MAX_ATTRIBUTES} attributes"
    words: list[Any] = [form.brand, form.color, form.gender, form.category, form.item_group_id, form.currency]
    words += [form.size, form.material, form.pattern, form.age_group, *form.attributes, *form.attributes.values()]
    if any(word is not None and len(word) > _MAX_VALUE for word in words):
        yield f"a value has more than {_MAX_VALUE} characters"


def _is_address(text: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.netloc) and len(text) <= _MAX_URL and not _CONTROL.search(text)


def _money(name: str, value: float | str | None) -> tuple[float | None, str | None]:
    """An amount and its currency, if the text names one."""
    if value is None:
        return None, None
    try:
        return parse_money(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _id_of(row: object) -> str | None:
    found = row.get("id") if isinstance(row, dict) else None
    return found[:_MAX_ID] if isinstance(found, str) else None
