"""What has drifted apart: the ledger, the rows in the vector store and the stored pictures, compared at any size.

Everything is read page by page. What changes while it is looked at is asked about again before it is called drift.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.domain import SPACES, Item, Product
from engine.products.stored import picture_prefix
from engine.seams import IngestState, Ledger, LedgerEntry, ObjectStore, VectorStore
from engine.taxonomy import collection_name
from ingest.run.dependencies import IngestDependencies
from ingest.run.facets import item_facets
from ingest.run.row_changes import at_once
from ingest.scale.rows_made_good import is_leaving
from models.agreement import Embedded

Kind = Literal["missing row", "other words", "missing picture", "strange row", "stray picture", "left half-way"]
PAGE = 500
ROWS = 1000
LEFT_S = 600.0
"""Taking a product out takes seconds; after so long whoever did it was killed."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as the ledger says.

    Attributes:
        name: the product, or a stray picture's key.
        where: a collection, or empty.
    """

    kind: Kind
    name: str
    where: str = ""


@runtime_checkable
class Listed(Protocol):
    """A vector store whose rows can be read from one id on."""

    def rows_after(self, name: str, item_id: str, most: int) -> list[tuple[str, str]]:
        """(item_id, product_id) of rows, by item_id."""
        ...


def all_drift(parts: IngestDependencies) -> Iterator[Drift]:
    """Everything that has drifted apart, in one pass over all that is kept."""
    after: str | None = None
    while entries := parts.ledger.page(after=after, limit=PAGE):
        yield from of_entries(parts, entries)
        after = entries[-1].product.product_id
    for name in parts.store.collections():
        for rows in rows_of(parts.store, name):
            yield from of_rows(parts.ledger, name, rows)
    yield from of_pictures(parts.ledger, parts.objects)


def of_entries(parts: IngestDependencies, entries: Sequence[LedgerEntry]) -> list[Drift]:
    """What entries name and is not there, or not in their words."""
    indexed = [entry for entry in entries if entry.state is IngestState.INDEXED]
    found = [*_of_rows_named(parts, indexed), *(Drift("left half-way", _id(e)) for e in entries if _is_left(e))]
    return list(_still(parts.ledger, {_id(entry): entry for entry in entries}, found))


def of_rows(ledger: Ledger, name: str, product_ids: Collection[str]) -> list[Drift]:
    """Rows of a collection that no product names."""
    supercategory = name.rpartition("_")[0]

    def strange(ids: Sequence[str]) -> list[str]:
        known = ledger.get(ids)
        return [i for i in ids if i not in known or supercategory not in {pair[0] for pair in known[i].items}]

    first = strange(sorted(product_ids))
    return [Drift("strange row", i, name) for i in (strange(first) if first else [])]


def of_pictures(ledger: Ledger, objects: ObjectStore) -> Iterator[Drift]:
    """Stored pictures of products that the ledger does not know. Holds eight bytes for each product."""
    strays: Iterable[str] = objects.keys("products/")
    for _ in range(2):  # A product may come while its picture is listed: the ledger knows it before that.
        known = np.fromiter((_number(picture_prefix(i)) for i in ledger.ids()), np.uint64)
        known.sort()
        strays = [key for key in strays if not _is_among(known, _number(key.rpartition("/")[0] + "/"))]
        if not strays:
            return
    yield from (Drift("stray picture", key) for key in strays)


def rows_of(store: VectorStore, name: str) -> Iterator[set[str]]:
    """The products that a collection has rows of, some at a time."""
    if isinstance(store, Listed):
        after = ""
        while rows := store.rows_after(name, after, ROWS):
            yield {product_id for _, product_id in rows}
            after = rows[-1][0]
    elif isinstance(store, Embedded):
        yield set(store.product_ids(name))


def _of_rows_named(parts: IngestDependencies, entries: Sequence[LedgerEntry]) -> Iterator[Drift]:
    by_name: dict[str, list[tuple[LedgerEntry, str]]] = {}
    for entry in entries:
        for supercategory, item_id in entry.items:
            by_name.setdefault(supercategory, []).append((entry, item_id))
    pictures: list[tuple[str, str]] = []
    for supercategory, named in by_name.items():
        ids = [item_id for _, item_id in named]
        for space in SPACES:
            where = collection_name(supercategory, space)
            for (entry, _), item in zip(named, parts.store.items(where, ids), strict=True):
                if item is None:
                    yield Drift("missing row", _id(entry), where)
                elif not _says(item, entry.product):
                    yield Drift("other words", _id(entry), where)
                elif space == SPACES[0]:
                    pictures.append((_id(entry), item.image))
    there = at_once(parts.objects.exists, [key for _, key in pictures])
    yield from (Drift("missing picture", i) for (i, _), is_there in zip(pictures, there, strict=True) if not is_there)


def _says(item: Item, product: Product) -> bool:
    """Whether a row says what the shop says; its price may be of a sale that is just beginning or ending."""
    wanted: Mapping[str, tuple[str, ...]] = item_facets(product)
    prices = (product.price, product.sale_price)
    return all(item.facets.get(name) == values for name, values in wanted.items()) and item.price in prices


def _is_left(entry: LedgerEntry) -> bool:
    """Whether a product was being taken out, and whoever did so is not at it any more."""
    return is_leaving(entry) and (datetime.now(UTC) - entry.updated).total_seconds() > LEFT_S


def _still(ledger: Ledger, read: Mapping[str, LedgerEntry], found: Sequence[Drift]) -> Iterator[Drift]:
    """Drift of products that nobody has changed since they were read."""
    now = ledger.get(list({drift.name for drift in found}))
    for drift in found:
        if (entry := now.get(drift.name)) and entry.updated == read[drift.name].updated:
            yield drift


def _number(prefix: str) -> int:
    return int.from_bytes(hashlib.blake2b(prefix.encode(), digest_size=8).digest(), "big")


def _is_among(known: NDArray[np.uint64], number: int) -> bool:
    at = int(np.searchsorted(known, np.uint64(number)))
    return at < len(known) and int(known[at]) == number


def _id(entry: LedgerEntry) -> str:
    return entry.product.product_id
