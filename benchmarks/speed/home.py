"""An embedded home of any size, made quickly, that a server can serve: for measuring `serve` and `search`.

Products are variants of the sample's: their embeddings are the catalogue's, their words and their picture those of the
sample's product that they resemble most. Pictures and ledger are written through the stores' own doors, and the rows
into the derived indexes that every search is answered from (`bench_bare.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.speed.bare import CHUNKS_TOGETHER, BareStore, bare_home, learn_home
from benchmarks.speed.catalogue import Expander
from benchmarks.speed.sample import Sample
from engine.domain import SPACES, Availability, Embeddings, Item, Product, Space
from engine.errors import ContractBroken
from engine.seams import IngestState, LedgerEntry
from engine.stores.lite.store import LiteStore
from engine.taxonomy import collection_name
from engine.vision.pipeline import VisionPipeline
from ingest.run.facets import item_facets
from models.bootstrap import open_ledger, open_objects
from models.settings import Settings
from models.studio.spec import GarmentSpec

FEED = "bench"
VERSION = "3"
SHARES = {"half": 2, "tenth": 10, "hundredth": 100, "thousandth": 1000}
"""Facets that select a share of the rows: `half=0` every second row, …, whatever the row looks like."""


def build_home(
    settings: Settings,
    pipeline: VisionPipeline,
    sample: Sample,
    n: int,
    *,
    seed: int = 0,
    say: Callable[[str], object] = print,
) -> Path:
    """Fill `settings.home` with `n` products, unless it holds just these already; returns it."""
    home, digest = settings.home, f"{VERSION}-{sample.digest}-{n}-{seed}"
    mark = home / "bench.json"
    if mark.exists() and json.loads(mark.read_text())["digest"] == digest:
        return home
    home.mkdir(parents=True, exist_ok=True)
    keys = _put_pictures(settings, sample)
    specs = pipeline.collection_specs()
    _put_products(settings, bare_home(home / "vectors", specs), Expander(sample, seed=seed), keys, n, say)
    learn_home(home / "vectors", specs, say)
    _check(home, n * len(SPACES))
    mark.write_text(json.dumps({"digest": digest, "products": n}))
    return home


def product_id_of(row: int) -> str:
    """Row `row`'s product."""
    return f"bench-{row:08d}"


def group_of(row: int) -> str:
    """Three products each are variants of one another."""
    return f"bench-group-{row // 3}"


def price_of(spec: GarmentSpec, row: int) -> float:
    """The sample's price, up to a fifth more or less."""
    return round(spec.price * (0.8 + (row % 41) / 100), 2)


def availability_of(row: int) -> Availability:
    """One in twenty is sold out."""
    return Availability.IN_STOCK if row % 20 else Availability.OUT_OF_STOCK


def product_of(spec: GarmentSpec, row: int, picture: str) -> Product:
    """Row `row` of a catalogue as a product: the sample's, with an id and a price of its own."""
    return Product(
        product_id=product_id_of(row),
        title=f"{spec.title} no. {row}",
        link=f"https://shop.example/products/{product_id_of(row)}",
        images=(picture,),
        description=spec.description,
        price=price_of(spec, row),
        currency="EUR",
        availability=availability_of(row),
        brand=spec.brand,
        color=spec.color,
        gender=spec.gender,
        category=spec.product_type,
        item_group_id=group_of(row),
        attributes={"material": spec.material, "pattern": spec.pattern},
    )


class ItemMaker:
    """Makes the rows of the paired collections; rows that resemble one product of the sample share most words."""

    def __init__(self, sample: Sample, *, supercategory: str | None = None, pictures: Sequence[str] = ()) -> None:
        """Make items for a sample's variants.

        Args:
            supercategory: of all rows; None for each product's own.
            pictures: the object keys of the sample's pictures, where there are any.
        """
        self._sample, self._supercategory, self._pictures = sample, supercategory, pictures
        self._facets: dict[int, dict[str, tuple[str, ...]]] = {}

    def items(self, anchors: Sequence[int], start: int) -> list[Item]:
        """The items of rows from `start` on, one for each of `anchors`."""
        return [self._item(row, anchor) for row, anchor in enumerate(anchors, start)]

    def _item(self, row: int, anchor: int) -> Item:
        spec, product_id = self._sample.specs[anchor], product_id_of(row)
        facets = self._facets.get(anchor) or self._facets.setdefault(anchor, item_facets(product_of(spec, 0, "")))
        return Item(
            f"{product_id}#0",
            product_id,
            self._supercategory or str(self._sample.supercategory[anchor]),
            spec.label,
            self._pictures[anchor] if self._pictures else "x.jpg",
            (0.0, 0.0, 240.0, 320.0),
            facets
            | {name: (str(row % each),) for name, each in SHARES.items()}
            | {"availability": (availability_of(row).value,), "item_group_id": (group_of(row),)},
            price_of(spec, row),
        )


def _put_pictures(settings: Settings, sample: Sample) -> list[str]:
    """Store the sample's pictures; many products share one."""
    objects = open_objects(settings)
    keys = [f"products/bench/{spec.product_id}.jpg" for spec in sample.specs]
    for key, picture in zip(keys, sample.pictures, strict=True):
        objects.put(key, picture, "image/jpeg")
    objects.close()
    return keys


def _put_products(
    settings: Settings, store: BareStore, expander: Expander, keys: list[str], n: int, say: Callable[[str], object]
) -> None:
    ledger, maker = open_ledger(settings), ItemMaker(expander.sample, pictures=keys)
    try:
        for batch in expander.batches(n, CHUNKS_TOGETHER):
            anchors = batch.anchors.tolist()
            items = maker.items(anchors, batch.start)
            _put_rows(store, items, batch.rows)
            ledger.put(_entries(expander.sample, items, anchors, batch.start, keys))
            say(f"{batch.end:,} of {n:,} products")
    finally:
        store.close()
        ledger.close()


def _entries(
    sample: Sample, items: Sequence[Item], anchors: Sequence[int], start: int, keys: Sequence[str]
) -> list[LedgerEntry]:
    now, entries = datetime.now(UTC), []
    for row, (item, anchor) in enumerate(zip(items, anchors, strict=True), start):
        product = product_of(sample.specs[anchor], row, keys[anchor])
        pairs = ((item.supercategory, item.item_id),)
        entries.append(LedgerEntry(product, IngestState.INDEXED, FEED, "bench", "bench", now, pairs))
    return entries


def _put_rows(store: BareStore, items: list[Item], rows: dict[Space, Embeddings]) -> None:
    for supercategory in sorted({item.supercategory for item in items}):
        chosen = [i for i, item in enumerate(items) if item.supercategory == supercategory]
        for space in SPACES:
            name = collection_name(supercategory, space)
            store.upsert(name, [items[i] for i in chosen], rows[space][np.array(chosen)])


def _check(home: Path, rows: int) -> None:
    """Let the store itself open what was written past it.

    Raises:
        ContractBroken: it does not take the indexes for its own.
    """
    store = LiteStore(home / "vectors")
    try:
        found = sum(state.rows for state in store.status())
    finally:
        store.close()
    if found != rows:
        raise ContractBroken(f"The store in {home} has {found:,} rows of {rows:,}.")
