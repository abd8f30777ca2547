"""WooCommerce's product export → one row for each product that can be bought: simple ones, and each variation.

A variation names its parent (`id:12`, or the parent's SKU) and has from it what it lacks itself: pictures, categories,
description. A variable product is a row of its own only where none of its variations is in the file.

Source: https://woocommerce.com/document/product-csv-importer-exporter/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.errors import FeedUnreadable
from ingest.feeds.columns import column_name
from ingest.feeds.delimited import Table
from ingest.feeds.exports.shop_export import Record, header_key, option_field, price_fields, records, shop_url
from ingest.feeds.rows import Feed, Row

HELD = 300_000_000
"""Characters of variable products and of variations without their parent that are kept until the end."""
_SIGNS = frozenset(
    {"type", "sku", "published", "visibility in catalog", "short description", "in stock?", "regular price", "images",
     "sale price", "parent", "attribute 1 name", "attribute 1 value(s)", "is featured?", "backorders allowed?"}
)  # fmt: skip
_ATTRIBUTE = re.compile(r"attribute (\d{1,4}) name")
_COMMA = re.compile(r"(?<!\\),")
_NO = ("0", "-1", "false", "no")
_DATES = ("date sale price starts", "date sale price ends")


def is_woocommerce(header: Sequence[str]) -> bool:
    """Whether a header is WooCommerce's."""
    keys = {header_key(cell) for cell in header}
    return bool(keys & {"id", "sku"}) and "name" in keys and len(keys & _SIGNS) >= 4


def woocommerce_names(cell: str) -> bool:
    """Whether a cell of a header is one of WooCommerce's names."""
    return header_key(cell) in _SIGNS or header_key(cell) == "name"


def read_woocommerce(table: Table, feed: Feed) -> Iterator[Row]:
    """Every product that can be bought as a row; variations whose parent stands behind them, at the end.

    Raises:
        FeedUnreadable: the shop's address was not said; the file has more variations than can be held.
    """
    keys = ["link" if column_name(cell) in ("link", "permalink") else header_key(cell) for cell in table.header]
    export = _Export(feed, "" if "link" in keys else shop_url(feed, "WooCommerce"))
    for record in records(table.rows, keys):
        if record.problem:
            yield Row(record.line, {"id": record["id"]}, record.problem)
        elif why := _hidden(record):
            yield Row(record.line, {}, f"The product {record['id'] or record['sku']!r} {why} in the shop.")
        else:
            yield from export.take(record)
    yield from export.rest()


def _hidden(record: Record) -> str:
    if record["published"].casefold() in _NO:
        return "is a draft" if record["published"] == "-1" else "is not published"
    return "is hidden" if record["visibility in catalog"].casefold() == "hidden" else ""


class _Export:
    """Holds what variations need: their parents, and those that came before theirs."""

    def __init__(self, feed: Feed, base: str) -> None:
        self._feed = feed
        self._base = base
        self._parents: dict[str, Record] = {}
        self._waiting: list[Record] = []
        self._with_variations: set[int] = set()
        self._held = 0

    def take(self, record: Record) -> Iterator[Row]:
        """A product's row, unless it must wait."""
        kind = {word.strip() for word in record["type"].casefold().split(",")}
        if "variable" in kind:
            self._hold(record)
            for name in filter(None, (f"id:{record['id']}" if record["id"] else "", record["sku"])):
                self._parents.setdefault(name, record)
        elif "variation" not in kind:
            yield Row(record.line, self._fields(record, None))
        elif (parent := self._parents.get(record["parent"])) is not None:
            yield self._variation(record, parent)
        else:
            self._hold(record)
            self._waiting.append(record)

    def rest(self) -> Iterator[Row]:
        """Variations that waited, and variable products without any."""
        for record in self._waiting:
            parent = self._parents.get(record["parent"])
            if parent is None:
                told = f"Its parent {record['parent'][:80]!r} is not in the export, or not published"
                yield Row(record.line, {"id": record["id"]}, f"{told}; export the parents as well.")
            else:
                yield self._variation(record, parent)
        for parent in {record.line: record for record in self._parents.values()}.values():
            if parent.line not in self._with_variations:
                yield Row(parent.line, self._fields(parent, None))

    def _hold(self, record: Record) -> None:
        self._held += sum(map(len, record.cells.values()))
        if self._held > HELD:
            raise FeedUnreadable(
                f"The feed {self._feed.name} has too many variations for one file; export it in parts."
            )

    def _variation(self, record: Record, parent: Record) -> Row:
        self._with_variations.add(parent.line)
        return Row(record.line, self._fields(record, parent))

    def _fields(self, record: Record, parent: Record | None) -> dict[str, object]:
        def told(key: str) -> str:
            return record[key] or (parent[key] if parent else "")

        images = _listed(record["images"]) or _listed(told("images"))
        identifier, page = (
            record["id"] or record["sku"],
            record["id"] if parent is None else parent["id"] or record["id"],
        )
        fields: dict[str, object] = {
            "id": identifier,
            "title": record["name"] or told("name"),
            "description": told("description") or told("short description"),
            "link": record["link"] or (parent["link"] if parent else "") or self._link(page, record),
            "image_link": images[0] if images else "",
            "additional_image_link": images[1:],
            "product_type": _listed(told("categories")),
            "brand": told("brands") or told("brand"),
            "availability": _availability(record),
            "item_group_id": (parent["id"] or parent["sku"]) if parent else "",
            "sku": record["sku"],
            "gtin": record["gtin, upc, ean, or isbn"],
            "tags": told("tags"),
        }
        regular, sale = record["regular price"], record["sale price"]
        fields |= price_fields(sale or regular, regular if sale else "")
        starts, ends = (record[key] for key in _DATES)
        if sale and (starts or ends):
            fields["sale_price_effective_date"] = f"{starts}/{ends}"
        return fields | _attributes(record, parent)

    def _link(self, page: str, record: Record) -> str:
        """WordPress leads from a product's number to its page."""
        return (
            record["external url"]
            if "external" in record["type"].casefold()
            else f"{self._base}/?p={page}"
            if page
            else ""
        )


def _availability(record: Record) -> str:
    stock = record["in stock?"].casefold()
    if stock == "backorder":
        return "backorder"
    return "out_of_stock" if stock in _NO else "in_stock"


def _attributes(record: Record, parent: Record | None) -> dict[str, object]:
    """Attributes by name; a variation's own over its parent's, of which only those with one value say something."""
    found: dict[str, object] = {}
    for one, own in ((parent, False), (record, True)):
        for key in one.cells if one else ():
            if one and (numbered := _ATTRIBUTE.fullmatch(key)):
                name = option_field(one[key])
                value = one[f"attribute {numbered[1]} value(s)"] or one[f"attribute {numbered[1]} value"]
                if value and (own or len(_listed(value)) == 1 or name not in ("color", "size")):
                    found[name] = _listed(value) if name in ("color", "size") else ", ".join(_listed(value))
    return found


def _listed(text: str) -> list[str]:
    """Values between commas; `\\,` is a comma inside one."""
    return [part.replace("\\,", ",").strip() for part in _COMMA.split(text) if part.strip()]
