"""Words of rows seen lately, kept in this process: catalogues are read again and again.

Every row carries a stamp, a hash of all its words with its product, which comes with each search's answer. Words are
kept under their stamp, so that what is kept can never be out of date: other words have another stamp.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import lru_cache
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
_DECODED = 16_384
"""Items that are kept ready as well: a photo reads hundreds, and mostly the same."""
_READ = 32_768
"""Stamps that are kept read: searches bring the same ones again, and reading them costs as much as bringing them."""
_encode = msgpack.Encoder().encode
_decoded = lru_cache(_DECODED)(msgpack.Decoder(Item).decode)


def stamp_of(row: Mapping[str, Any]) -> str:
    """The stamp of a row: of its words, by name, and then its product's id."""
    words = dumps(row, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
    return b64encode(blake2b(words, digest_size=9).digest()).decode() + str(row["product_id"])


class _Packed(Struct, omit_defaults=True, gc=False):
    """A stamp as it lies in a row: an object, as 2.3 takes nothing else as JSON."""

    s: str
    v: str = ""


_unpack = json.Decoder(_Packed).decode


def packed(stamp: str, pair_hash: str = "") -> str:
    """A stamp, and the hash of the item's embeddings, as JSON: pymilvus reads text columns cell by cell, at three times
    the cost of the search itself.
    """
    return json.encode(_Packed(stamp, pair_hash)).decode()


def unpacked(value: Any) -> str:
    """The stamp that `packed` wrote, as text or as pymilvus decodes it."""
    return _unpacked(value).s


def pair_hash_of(value: Any) -> str:
    """The hash of the item's embeddings that `packed` wrote; empty in rows of former versions."""
    return _unpacked(value).v


def read_cells(cells: Iterable[bytes]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The products, stamps and pair hashes of a column as it came."""
    read = [_read_cell(cell) for cell in cells]
    return tuple(zip(*read, strict=True)) if read else ((), (), ())  # type: ignore[return-value]


def _unpacked(value: Any) -> _Packed:
    return _Packed(str(value["s"]), str(value.get("v", ""))) if isinstance(value, dict) else _unpack(value)


def product_of(stamp: str) -> str:
    """The product in a stamp."""
    return stamp[_DIGEST:]


@lru_cache(_READ)
def _read_cell(cell: bytes) -> tuple[str, str, str]:
    read = _unpack(cell)
    return product_of(read.s), read.s, read.v


class Words:
    """Items by stamp, those used lately, in so many bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._kept: LRUCache[str, bytes] = LRUCache(max(1, limit_bytes), lambda kept: len(kept) + _OVERHEAD)
        self._lock = Lock()

    def known(self, stamps: Iterable[str]) -> dict[str, Item]:
        """Those that are kept, by stamp."""
        with self._lock:
            found = {stamp: kept for stamp in stamps if (kept := self._kept.get(stamp)) is not None}
        return {stamp: _decoded(kept) for stamp, kept in found.items()}

    def keep(self, items: Mapping[str, Item]) -> None:
        """Remember items by stamp; one that is larger than all the room is left out."""
        packed = {stamp: _encode(item) for stamp, item in items.items()}
        with self._lock:
            for stamp, kept in packed.items():
                if len(kept) + _OVERHEAD <= self._kept.maxsize:
                    self._kept[stamp] = kept
