"""How an item lies in a Milvus row, the same in a server and in Milvus Lite."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from engine.domain import Item
from engine.stores.milvus.terms import terms_of
from engine.stores.milvus.words import STAMP, packed, stamp_of

_ESCAPES = {ord("%"): "%25", 127: "%7F"} | {code: f"%{code:02X}" for code in range(32)}
VECTOR = "embedding"
TERMS = "terms"
"""A row's facets as numbers; see `milvus_terms`."""
GROUP = "variant_group"
"""A row's `item_group_id`, by which the variants of a look are found; empty without one."""
SEVERAL = "(several)"
"""In place of the group of a row that has several; such rows are looked at one by one."""
GROUP_FACET = "item_group_id"
ATTRIBUTES = ["item_id", "product_id", "supercategory", "label", "image", "box", "facets", "price"]
MAX_ID = 1024
MAX_TEXT = 8192
NO_PRICE = -1e300
"""Milvus 2.3 has no null: a row without a price carries this, below every price that a filter can ask for."""


def facet_key(name: str) -> str:
    """A facet's name as a key of the JSON field. Milvus finds no empty key and none with control characters."""
    return name.translate(_ESCAPES) or "%"


def facet_name(key: str) -> str:
    """The name that `facet_key` wrote."""
    return "" if key == "%" else unquote(key)


def to_row(
    item: Item, embedding: NDArray[np.float32], columns: Collection[str] = (), pair_hash: str = ""
) -> dict[str, Any]:
    """A row for `upsert`. Milvus 2.3 takes only objects as JSON, hence the box's key.

    JSON goes as text: pymilvus walks through every object in Python to find numpy's numbers in it.

    Args:
        columns: of the collection; of those that came later only what it has is written.
        pair_hash: of the item's embeddings in this and the paired collection; empty where that is not known.
    """
    row: dict[str, Any] = {
        "item_id": item.item_id,
        "product_id": item.product_id,
        "supercategory": item.supercategory,
        "label": item.label,
        "image": item.image,
        "box": _text({"xyxy": [float(side) for side in item.box]}),
        "facets": _text({facet_key(name): values for name, values in item.facets.items()}),
        "price": NO_PRICE if item.price is None else item.price,
    }
    later: dict[str, Any] = {}
    if STAMP in columns:
        later[STAMP] = packed(stamp_of(row), pair_hash)
    if GROUP in columns:
        groups = item.facets.get(GROUP_FACET, ())
        later[GROUP] = SEVERAL if len(groups) > 1 else next(iter(groups), "")
    if TERMS in columns:
        later[TERMS] = terms_of(item.facets)
    return row | later | {VECTOR: embedding}


def to_item(row: Mapping[str, Any]) -> Item:
    """The item of a row that `query` returned with `ATTRIBUTES`."""
    x0, y0, x1, y1 = _json(row["box"])["xyxy"]
    return Item(
        item_id=row["item_id"],
        product_id=row["product_id"],
        supercategory=row["supercategory"],
        label=row["label"],
        image=row["image"],
        box=(float(x0), float(y0), float(x1), float(y1)),
        facets=to_facets(row),
        price=None if row["price"] == NO_PRICE else float(row["price"]),
    )


COUNTED = ["product_id", "facets", "price"]
"""The fields of what is counted of a row."""


@dataclass(frozen=True, slots=True)
class CountedRow:
    """Of a row, what is counted: it implements `engine.seams.FacetRow`."""

    product_id: str
    facets: dict[str, tuple[str, ...]]
    price: float | None


def to_counted(row: Mapping[str, Any]) -> CountedRow:
    """What is counted of a row that `query` returned with `COUNTED`."""
    price = None if row["price"] == NO_PRICE else float(row["price"])
    return CountedRow(row["product_id"], to_facets(row), price)


def to_facets(row: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The facets of a row that `query` returned with `facets`."""
    return {facet_name(key): tuple(values) for key, values in _json(row["facets"]).items()}


def _text(value: Mapping[str, Any]) -> str:
    """JSON without escapes: Milvus 2.3 compares what they stand for with itself alone, an emoji say with no emoji."""
    return json.dumps(value, ensure_ascii=False)


def _json(value: Any) -> Any:
    """JSON as pymilvus gives it: decoded by some versions, bytes or text by others."""
    return json.loads(value) if isinstance(value, bytes | str) else value
