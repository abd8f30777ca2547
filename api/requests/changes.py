"""Changes of products that are there: fields of theirs, without their pictures; and the tags that name a version."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from api.http.documents import check_depth, read_json
from api.http.json_lines import JSON_LINES, BadLine, read_lines
from api.problems import ChangeRejected, VersionChanged
from api.requests.products import bounded, product_form, state_form
from api.services import Services
from engine.domain import Product
from engine.errors import InputRejected, ProductNotFound, QueryRejected
from engine.forms.catalogue import ProductReceipt, UpdateReceipt
from engine.product_lookup import find_product
from engine.products.fields import field_name
from engine.products.reading import product_id_of, read_product
from engine.seams import LedgerEntry, Precondition
from engine.system.clock import Deadline
from engine.system.redaction import redacted

MAX_CHANGES = 10_000
_MOST_MARKS = 1_000_000
_PICTURES = ("image_link", "additional_image_link")
_PRICED = ("price", "sale_price")
_TRIES = 3
_STANDS_FOR_A_PICTURE = "https://picture.invalid/"
Fields = Mapping[str, Any]


def read_changes(body: bytes, media_type: str) -> list[object]:
    """Lines of JSON, or a JSON list, one change each.

    Raises:
        RequestMalformed, RequestTooLarge: nothing of it is JSON, or too much of it.
        InputRejected: none, or too many.
    """
    if media_type in JSON_LINES:
        rows = read_lines(body, most_marks=_MOST_MARKS)
    else:
        document = read_json(body, object, most_marks=_MOST_MARKS)
        check_depth(document)
        rows = document if isinstance(document, list) else [document]
    if not rows or len(rows) > MAX_CHANGES:
        raise InputRejected(f"The request has {len(rows):,} changes; send 1 to {MAX_CHANGES:,}.")
    return rows


def change_many(services: Services, rows: Sequence[object], deadline: Deadline) -> UpdateReceipt:
    """Make every change that can be made; each row is told by itself, and of equal ids the last counts."""
    receipts: list[ProductReceipt] = []
    last = {product_id_of(row): at for at, row in enumerate(rows) if isinstance(row, dict)}
    for start in range(0, len(rows), 500):
        deadline.check("changing the products")
        part = [(at, row) for at, row in enumerate(rows[start : start + 500], start)]
        receipts += _change_some(services, part, last)
    states = [receipt.state for receipt in receipts]
    updated, unchanged = states.count("updated"), states.count("unchanged")
    return UpdateReceipt(updated, unchanged, len(states) - updated - unchanged, receipts)


def _change_some(
    services: Services, rows: Sequence[tuple[int, object]], last: Mapping[str | None, int]
) -> list[ProductReceipt]:
    ids = [product_id_of(row) if isinstance(row, dict) else None for _, row in rows]
    known = services.ledger.get([product_id for product_id in ids if product_id])
    told: list[ProductReceipt] = []
    changes: dict[str, tuple[LedgerEntry, Product]] = {}
    for (at, row), product_id in zip(rows, ids, strict=True):
        entry = known.get(product_id or "")
        if isinstance(row, BadLine):
            told.append(ProductReceipt(None, "rejected", [row.reason]))
        elif product_id is None or not isinstance(row, dict):
            told.append(ProductReceipt(None, "rejected", ["a change is an object with the product's 'id'."]))
        elif entry is None:
            told.append(ProductReceipt(product_id, "not_found", ["there is no such product in this catalogue."]))
        elif last[product_id] != at:
            told.append(ProductReceipt(product_id, "rejected", ["a later line changes the same product."]))
        else:
            told.append(_planned(entry, row, changes))
    written = services.intake.update(list(changes.values())) if changes else frozenset()
    lost = ["somebody else changed it at the same moment; send the change again."]
    return [
        ProductReceipt(receipt.id, "rejected", lost) if receipt.id in changes and receipt.id not in written else receipt
        for receipt in told
    ]


def _planned(entry: LedgerEntry, row: Fields, changes: dict[str, tuple[LedgerEntry, Product]]) -> ProductReceipt:
    product_id = entry.product.product_id
    try:
        product, notes = changed(entry, {name: value for name, value in row.items() if name != "id"})
    except ChangeRejected as error:
        return ProductReceipt(product_id, "rejected", error.reasons)
    if product == entry.product:
        return ProductReceipt(product_id, "unchanged", notes=notes)
    changes[product_id] = entry, product
    return ProductReceipt(product_id, "updated", notes=notes)


def change_one(services: Services, product_id: str, body: bytes, if_match: str | None) -> LedgerEntry:
    """Change one product; returns it as it then is.

    Raises:
        ProductNotFound: there is none.
        VersionChanged: it is not the version that the caller knows.
        ChangeRejected: it would be no product.
    """
    fields = read_json(body, dict[str, Any])
    check_depth(fields)
    for _ in range(_TRIES):
        entry = found(services, product_id)
        check_version(entry, if_match)
        if "id" in fields and fields["id"] != entry.product.product_id:
            raise ChangeRejected(["a product keeps its id; write a new one with PUT /v1/products."])
        product, _ = changed(entry, {name: value for name, value in fields.items() if name != "id"})
        if product == entry.product or services.intake.update([(entry, product)]):
            return found(services, product_id)
    raise VersionChanged("Others change this product all the time; try again.")


def changed(entry: LedgerEntry, fields: Fields) -> tuple[Product, list[str]]:
    """A product with some fields of another value, none where it is null (RFC 7396), by the rules of feeds.

    Raises:
        ChangeRejected: pictures, or what would be no product.
    """
    named = {field_name(name): value for name, value in bounded(dict(fields)).items()}
    if pictures := [name for name in _PICTURES if name in named]:
        raise ChangeRejected([f"{pictures[0]} cannot be changed here; write the product with PUT /v1/products."])
    old: dict[str, Any] = msgspec.to_builtins(product_form(entry.product))
    if any(isinstance(named.get(name), str | dict) for name in _PRICED) and "currency" not in named:
        old |= {"currency": None}
        old |= {name: f"{old[name]} {entry.product.currency or ''}" for name in _PRICED if old.get(name) is not None}
    if isinstance(given := named.get("attributes"), dict):
        named["attributes"] = {**old.get("attributes", {}), **given}
        named["attributes"] = {name: value for name, value in named["attributes"].items() if value is not None}
    merged = {name: value for name, value in {**old, **named}.items() if value is not None}
    reading = read_product({**merged, "image_link": _STANDS_FOR_A_PICTURE, "additional_image_link": []})
    if reading.product is None:
        raise ChangeRejected([redacted(reason) for reason in reading.reasons])
    return replace(reading.product, images=entry.product.images), [redacted(note) for note in reading.notes]


def found(services: Services, product_id: str) -> LedgerEntry:
    """A product of the catalogue.

    Raises:
        ProductNotFound: there is none.
    """
    entry = find_product(services.ledger, product_id)
    if entry is None:
        raise _not_there(product_id)
    return entry


def _not_there(product_id: str) -> ProductNotFound:
    return ProductNotFound(f"There is no product {product_id!r} in this catalogue.")


def tag_of(entry: LedgerEntry) -> str:
    """The ETag of a product as it is told."""
    return f'"{hashlib.sha256(msgspec.json.encode(state_form(entry))).hexdigest()[:32]}"'


def has_tag(header: str | None, tag: str) -> bool:
    """Whether a header of tags names this one."""
    tags = [each.strip().removeprefix("W/") for each in (header or "").split(",")]
    return tag in tags or "*" in tags


def check_version(entry: LedgerEntry, if_match: str | None) -> None:
    """Go on only with the version that the caller knows.

    Raises:
        VersionChanged: it is another by now.
    """
    if if_match is not None and not has_tag(if_match, tag_of(entry)):
        raise VersionChanged("The product has changed since; read it again, and send its new ETag as If-Match.")


def expected_by(
    products: Sequence[Product], if_match: str | None, if_none_match: str | None = None
) -> Precondition | None:
    """What a writer expects of the one product that is written, to be asked while it is written.

    It raises VersionChanged where there is another version, or one already, and ProductNotFound where there is none.

    Raises:
        QueryRejected: such a condition for several products.
    """
    if if_match is None and if_none_match is None:
        return None
    if len(products) != 1:
        raise QueryRejected("If-Match and If-None-Match are for one product at a time.")
    product_id = products[0].product_id

    def check(entry: LedgerEntry | None) -> None:
        if if_match is not None:
            if entry is None:
                raise _not_there(product_id)
            check_version(entry, if_match)
        if if_none_match is not None and entry is not None:
            raise VersionChanged(f"There is a product {product_id!r} already; leave If-None-Match out to replace it.")

    return check
