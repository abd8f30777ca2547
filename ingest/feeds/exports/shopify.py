"""Shopify's product export → one row for each variant, with the pictures of its product.

A product is several rows of one handle: the first tells of the product and its first variant, others of further
variants, of a further picture, or both. Both header dialects are read: `Handle`, `Image Src`, `Variant Price` and
`URL handle`, `Product image URL`, `Price`.

Source: https://help.shopify.com/en/manual/products/import-export/using-csv.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from ingest.feeds.columns import column_name
from ingest.feeds.delimited import Table
from ingest.feeds.exports.shop_export import Record, header_key, option_field, price_fields, records, shop_url
from ingest.feeds.rows import Feed, Row

_NAMES = {
    "url handle": "handle", "body (html)": "description", "body html": "description", "vendor": "brand",
    "product category": "category_path", "standard product type": "category_path", "standardized product type":
    "category_path", "google shopping / google product category": "google_category", "type": "product_type",
    "custom product type": "product_type", "published on online store": "published", "variant sku": "sku",
    "variant barcode": "barcode", "variant price": "price", "variant compare at price": "compare-at price",
    "compare at price": "compare-at price", "variant inventory tracker": "inventory tracker",
    "variant inventory qty": "inventory quantity", "variant inventory policy": "continue selling when out of stock",
    "image src": "image", "product image url": "image", "image url": "image", "variant image url": "variant image",
    "google shopping / gender": "gender", "google shopping / age group": "age_group",
    "google shopping / mpn": "mpn",
}  # fmt: skip
"""Columns of both dialects whose own name is not the key that is used here."""
_SIGNS = frozenset(
    {"body (html)", "variant price", "variant sku", "option1 name", "option1 value", "image src", "variant image",
     "product image url", "variant image url", "published on online store", "variant inventory qty", "vendor"}
)  # fmt: skip
_METAFIELD = re.compile(r"(.*\S)\s*\(product\.metafields\.([\w-]+)\.([\w-]+)\)")
_METAFIELDS = {
    "color-pattern": "color", "size": "size", "fabric": "material", "target-gender": "gender", "age-group": "age_group",
}  # fmt: skip
_OF_VARIANT = ("sku", "barcode", "price", "option1 value", "option2 value", "option3 value", "inventory quantity")
_HIDDEN = {"draft": "is a draft", "archived": "is archived", "unlisted": "is not listed"}
_NO = ("false", "no", "0", "f", "n")
_DEFAULT = ("title", "default title")
_MOST_ROWS = 5_000


def is_shopify(header: Sequence[str]) -> bool:
    """Whether a header is one of Shopify's."""
    keys = {header_key(cell) for cell in header}
    return bool(keys & {"handle", "url handle"}) and "title" in keys and len(keys & _SIGNS) >= 2


def shopify_names(cell: str) -> bool:
    """Whether a cell of a header is one of Shopify's names."""
    key = header_key(cell)
    return key in _NAMES or key in _SIGNS or key in ("handle", "title", "sku")


def read_shopify(table: Table, feed: Feed) -> Iterator[Row]:
    """Every variant as a row.

    Raises:
        FeedUnreadable: the shop's address was not said, and there is no column `link`.
    """
    keys = [_key(cell) for cell in table.header]
    base = "" if "link" in keys else shop_url(feed, "Shopify")
    taken: set[str] = set()
    for group in _groups(records(table.rows, keys)):
        yield from [group] if isinstance(group, Row) else variants_of(group, base, taken)


def _key(cell: str) -> str:
    key = header_key(cell)
    if meta := _METAFIELD.fullmatch(cell.strip()):
        return f"meta:{_METAFIELDS.get(meta[3], meta[1]) if meta[2] == 'shopify' else meta[1]}"
    return "link" if column_name(cell) == "link" else _NAMES.get(key, key)


def _groups(found: Iterator[Record]) -> Iterator[list[Record] | Row]:
    """Rows of one handle that stand together; rows that belong nowhere with what is wrong with them."""
    seen: dict[str, int] = {}
    group: list[Record] = []
    for record in found:
        handle = record["handle"]
        if record.problem:
            yield Row(record.line, {}, record.problem)
        elif not handle:
            yield Row(record.line, {}, "The row has no handle, so it belongs to no product.")
        elif group and handle == group[0]["handle"] and len(group) < _MOST_ROWS:
            group.append(record)
        elif handle in seen and not record["title"]:
            told = f"The rows of {handle[:80]!r} do not stand together, the first is in line {seen[handle]}"
            yield Row(record.line, {}, f"{told}; sort the file by handle.")
        else:
            if group:
                yield group
            seen.setdefault(handle, record.line)
            group = [record]
    if group:
        yield group


def variants_of(group: list[Record], base: str, taken: set[str]) -> Iterator[Row]:
    """The rows of one product's variants; why it is none where the shop does not show it.

    Args:
        base: the shop's address. taken: the ids of those before.
    """
    first = group[0]
    if why := _hidden(first):
        yield Row(first.line, {}, f"The product {first['handle'][:80]!r} {why} in the shop.")
        return
    variants = [first, *(record for record in group[1:] if any(record[key] for key in _OF_VARIANT))]
    own = {record["variant image"] for record in variants} - {""}
    images = [record["image"] for record in sorted(group, key=_position) if record["image"]]
    common = _common(first, base) | ({"item_group_id": first["handle"]} if len(variants) > 1 else {})
    for variant in variants:
        fields = common | _variant(variant, first)
        shared = [image for image in images if image not in own] or images
        pictures = [variant["variant image"]] if variant["variant image"] and len(own) > 1 else []
        pictures = pictures or [*filter(None, [variant["variant image"]]), *shared]
        fields |= {"image_link": pictures[0] if pictures else "", "additional_image_link": pictures[1:]}
        yield Row(variant.line, fields | {"id": _id(variant, first, len(variants), taken)})


def _hidden(first: Record) -> str:
    if first["status"].casefold() in _HIDDEN:
        return _HIDDEN[first["status"].casefold()]
    return "is not published" if first["published"].casefold() in _NO else ""


def _position(record: Record) -> tuple[int, int]:
    position = record["image position"]
    return (int(position) if position.isdecimal() and len(position) < 9 else 10**9, record.line)


def _common(first: Record, base: str) -> dict[str, object]:
    fields: dict[str, object] = {
        "title": first["title"],
        "description": first["description"],
        "link": first["link"] or f"{base}/products/{quote(first['handle'])}",
        "brand": first["brand"],
        "product_type": first["product_type"],
        "google_product_category": first["google_category"] or first["category_path"],
        "gender": first["gender"],
        "age_group": first["age_group"],
        "tags": first["tags"],
    }
    for key, value in first.cells.items():
        if key.startswith("meta:"):
            name = key.removeprefix("meta:")
            fields[name] = fields.get(name) or value
    return fields


def _variant(variant: Record, first: Record) -> dict[str, object]:
    price, before = variant["price"] or first["price"], variant["compare-at price"]
    fields = price_fields(price, before if _more(before, price) else "")
    fields |= {"availability": _availability(variant), "sku": variant["sku"], "gtin": variant["barcode"].lstrip("'")}
    for number in (1, 2, 3):
        name = first[f"option{number} name"] or variant[f"option{number} name"]
        value = variant[f"option{number} value"] or (first[f"option{number} value"] if variant is first else "")
        linked = (first[f"option{number} linked to"] or variant[f"option{number} linked to"]).rpartition(".")[2]
        if name and value and (name.casefold(), value.casefold()) != _DEFAULT:
            fields[_METAFIELDS.get(linked) or option_field(name)] = value
    return fields


def _more(before: str, price: str) -> bool:
    """Whether the price before is the higher one; as both are written in one way, digits decide."""
    try:
        return float(before.replace(",", ".")) > float(price.replace(",", "."))
    except ValueError:
        return False


def _availability(variant: Record) -> str:
    """Out of stock where stock is counted, none is left, and the shop does not sell on."""
    quantity = variant["inventory quantity"].lstrip("'")
    counted = variant["inventory tracker"] and re.fullmatch(r"[-+]?\d{1,9}(?:\.0+)?", quantity)
    sells_on = variant["continue selling when out of stock"].casefold() in ("continue", "true", "yes", "1")
    return "out_of_stock" if counted and float(quantity) <= 0 and not sells_on else "in_stock"


def _id(variant: Record, first: Record, variants: int, taken: set[str]) -> str:
    """The SKU; where there is none, or another variant has it, the handle with what the variant's options are."""
    values = [variant[f"option{number} value"] for number in (1, 2, 3)]
    named = "/".join([first["handle"], *(value for value in values if value)])
    found = variant["sku"] or (named if variants > 1 else first["handle"])
    found = named if found in taken else found
    taken.add(found)
    return found
