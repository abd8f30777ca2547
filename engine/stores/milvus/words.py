"""Words of rows seen lately, kept in this process: catalogues are read again and again.

Every row carries a stamp, a hash of all its words with its product, which comes with each search's answer. Words are
kept under their stamp, so that what is kept can never be out of date: other words have another stamp.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from json import dumps
from threading import Lock
from typing import Any

from cachetools import LRUCache
from msgspec import Struct, json, msgpack

from engine.domain import Item

STAMP = "stamp"
_DIGEST = 12
"""Letters of a stamp before the product's id: 9 bytes."""
_OVERHEAD = 400
"""Bytes of one entry beside its words and keys, about."""
_encode = msgpack.Encoder().encode
_decoder = msgpack.Decoder(Item)


def stamp_of(row: Mapping[str, Any]) -> str:
    """The stamp of a row: of its words, by name, and then its product's id."""
    words = dumps(row, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
    return b64encode(blake2b(words, digest_size=9).digest()).decode() + str(row["product_id"])


class _Packed(Struct):
    """A stamp as it lies in a row: an object, as 2.3 takes nothing else as JSON."""

    s: str


_unpack = json.Decoder(_Packed).decode


def packed(stamp: str) -> str:
    """A stamp as JSON: pymilvus reads text columns cell by cell, at three times the cost of the search itself."""
    return json.encode(_Packed(stamp)).decode()


def unpacked(value: Any) -> str:
    """The stamp that `packed` wrote, as text or as pymilvus decodes it."""
    return str(value["s"]) if isinstance(value, dict) else _unpack(value).s


def stamps_of(hits: Any) -> list[str]:
    """The stamps of a search's hits: from the column as it came where pymilvus shows it, else hit by hit."""
    column = next(iter(getattr(hits, "lazy_field_data", ())), None)
    if column is None or getattr(hits, "has_materialized", True):
        return [unpacked(hit["entity"][STAMP]) for hit in hits]
    cells = column.scalars.json_data.data[hits.start : hits.start + len(hits)]
    return [_unpack(cell).s for cell in cells]


def product_of(stamp: str) -> str:
    """The product in a stamp."""
    return stamp[_DIGEST:]


class Words:
    """Items by stamp, those used lately, in so many bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._kept: LRUCache[str, bytes] = LRUCache(max(1, limit_bytes), lambda kept: len(kept) + _OVERHEAD)
        self._lock = Lock()

    def known(self, stamps: Iterable[str]) -> dict[str, Item]:
        """Those that are kept, by stamp."""
        with self._lock:
            found = {stamp: kept for stamp in stamps if (kept := self._kept.get(stamp)) is not None}
        return {stamp: _decoder.decode(kept) for stamp, kept in found.items()}

    def keep(self, items: Mapping[str, Item]) -> None:
        """Remember items by stamp; one that is larger than all the room is left out."""
        packed = {stamp: _encode(item) for stamp, item in items.items()}
        with self._lock:
            for stamp, kept in packed.items():
                if len(kept) + _OVERHEAD <= self._kept.maxsize:
                    self._kept[stamp] = kept
