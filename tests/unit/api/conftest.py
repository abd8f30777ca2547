"""An app around fakes: what the handlers translate is seen in `looks.calls`, `intake` and the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.app import create_app
from api.services import Limits, Services
from engine.domain import Answer, Garment, GarmentHits, Hit, Item, Product, Rejection, Signals
from engine.errors import ObjectNotFound
from engine.seams import FeedError, ImageRefusal, IngestRun, IngestState, LedgerEntry

WHEN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"

GARMENT = Garment(
    "dress",
    "full_body",
    0.91236,
    (10.123, 20.0, 50.5, 90.25),
    np.ones((71, 41), bool),
    (np.array([[10, 20], [50.55, 20], [50, 90]], np.float32),),
)
PRODUCT = Product(
    "p 1/a",
    "Linen dress",
    "https://shop.example/p1",
    ("https://shop.example/p1.jpg", "https://shop.example/p1b.jpg"),
    price=60.0,
    sale_price=49.9,
    currency="EUR",
    brand="Acme",
    attributes={"size": "38", "sole": "rubber"},
)
ITEM = Item("i1", "p 1/a", "full_body", "dress", "products/p 1/0.png", (0, 0, 10, 10))
HIT = Hit(PRODUCT, ITEM, 0.87654321, Signals(visual=0.9, semantic=0.8), ("Looks alike.",))
ANSWER = Answer((GarmentHits(GARMENT, "full_body", (HIT,)),), {"decode": 1.5, "total": 12.25}, 100, 120)
ENTRY = LedgerEntry(
    PRODUCT,
    IngestState.INDEXED,
    "spring.jsonl",
    "r",
    "c",
    WHEN,
    items=(("full_body", "i1"),),
    refusals=(ImageRefusal("https://shop.example/p1b.jpg", Rejection("gate", "The person is seen from the back.")),),
)


@dataclass
class FakeLooks:
    """Answers with `answer`, or does what `acts` says."""

    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    acts: Callable[[], Answer] = lambda: ANSWER

    def search_image(self, *args: Any, **kwargs: Any) -> Answer:
        self.calls.append(("search_image", args, kwargs))
        return self.acts()

    def search_text(self, *args: Any, **kwargs: Any) -> Answer:
        self.calls.append(("search_text", args, kwargs))
        return self.acts()

    def similar(self, *args: Any, **kwargs: Any) -> Answer:
        self.calls.append(("similar", args, kwargs))
        return self.acts()


@dataclass
class FakeLedger:
    """Only what the API asks of a ledger."""

    entries: dict[str, LedgerEntry] = field(default_factory=lambda: {PRODUCT.product_id: ENTRY})

    def get(self, product_ids: Sequence[str]) -> dict[str, LedgerEntry]:
        return {i: self.entries[i] for i in product_ids if i in self.entries}

    def page(
        self, *, state: IngestState | None = None, after: str | None = None, limit: int = 100
    ) -> list[LedgerEntry]:
        rows = [e for i, e in sorted(self.entries.items()) if i > (after or "") and state in (None, e.state)]
        return rows[:limit]

    def counts(self) -> dict[IngestState, int]:
        return {IngestState.INDEXED: len(self.entries)}

    def refusal_counts(self) -> dict[str, int]:
        return {"The person is seen from the back.": 1}

    def runs(self, limit: int = 20) -> list[IngestRun]:
        return [IngestRun(7, "spring.jsonl", WHEN, None, 250, {"indexed": 1})][:limit]

    def errors(self, run_id: int, *, offset: int = 0, limit: int = 100) -> list[FeedError]:
        rows = [FeedError("spring.jsonl", line, f"no price in line {line}", f"p{line}") for line in range(1, 251)]
        return rows[offset : offset + limit] if run_id == 7 else []


@dataclass
class FakeObjects:
    """A dictionary of pictures."""

    pictures: dict[str, bytes] = field(default_factory=lambda: {"products/p 1/0.png": PNG, "notes.html": b"<script>"})

    def get(self, key: str) -> bytes:
        if key not in self.pictures:
            raise ObjectNotFound(f"There is no stored picture {key!r}.")
        return self.pictures[key]


@dataclass
class FakeIntake:
    """Remembers what it was given."""

    submitted: list[Product] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def submit(self, products: Sequence[Product]) -> None:
        self.submitted.extend(products)

    def delete(self, product_ids: Collection[str]) -> None:
        self.deleted.extend(product_ids)


@dataclass
class Shop:
    """The fakes behind one app."""

    looks: FakeLooks = field(default_factory=FakeLooks)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    objects: FakeObjects = field(default_factory=FakeObjects)
    intake: FakeIntake = field(default_factory=FakeIntake)
    missing: dict[str, str] = field(default_factory=dict)

    def ready(self) -> Mapping[str, str]:
        return self.missing

    def app(self, limits: Limits | None = None) -> Litestar:
        @asynccontextmanager
        async def build() -> AsyncIterator[Services]:
            yield Services(self.looks, self.ledger, self.objects, self.intake, self.ready)  # type: ignore[arg-type]

        return create_app(build, limits)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def client(shop: Shop) -> Iterator[TestClient[Litestar]]:
    with TestClient(shop.app(Limits(max_image_bytes=100_000))) as client:
        yield client
