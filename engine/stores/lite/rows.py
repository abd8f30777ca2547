"""How an item lies in a row of Milvus Lite: as in a server's, with the write's stamp, and with a checksum of it all."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import Item
from engine.errors import HomeDamaged
from engine.stores.milvus.rows import ATTRIBUTES, VECTOR, to_item, to_row

FIELDS = [*ATTRIBUTES, "stamp", VECTOR]
_TEXTS = ("item_id", "product_id", "supercategory", "label", "image")


def text(value: str) -> str:
    """Text that Lite can keep: halves of characters, as odd file names have, become question marks."""
    return value.encode("utf-8", "replace").decode("utf-8")


def row_of(item: Item, embedding: NDArray[np.float32], stamp: int) -> dict[str, Any]:
    """An item as a row. The checksum lies in the box's JSON, which former versions read as well."""
    row = to_row(item, np.ascontiguousarray(embedding, np.float32)) | {"stamp": stamp}
    row |= {name: text(row[name]) for name in (*_TEXTS, "facets")}
    box = json.loads(row["box"])
    return row | {"box": json.dumps(box | {"check": _checksum(row)}), VECTOR: row[VECTOR].tolist()}


def read_row(row: Mapping[str, Any], collection: str) -> tuple[Item, int, NDArray[np.float32]]:
    """A row's item, stamp and embedding.

    Raises:
        HomeDamaged: it is not what was written. (Rows of former versions have no checksum.)
    """
    try:
        embedding = np.array(row[VECTOR], np.float32)
        check = _json(row["box"]).get("check")
        if check is not None and check != _checksum(row):
            raise ValueError
        return to_item(row), int(row["stamp"]), embedding
    except (ValueError, TypeError, KeyError, AttributeError):
        raise HomeDamaged(
            f"A stored row of {collection} is damaged. Run `thatlook doctor --repair`, or restore a backup."
        ) from None


def _checksum(row: Mapping[str, Any]) -> int:
    """CRC-32 of everything in a row, the same before and after it was kept."""
    facets = row["facets"] if isinstance(row["facets"], str) else json.dumps(row["facets"], ensure_ascii=False)
    texts = [*(row[name] for name in _TEXTS), facets, repr(float(row["price"])), str(int(row["stamp"]))]
    said = json.dumps([_json(row["box"])["xyxy"], *texts], ensure_ascii=True)
    return zlib.crc32(np.asarray(row[VECTOR], "<f4").tobytes(), zlib.crc32(said.encode()))


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, bytes | str) else value
