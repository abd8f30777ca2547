"""Single products from the API: durable at once, indexed behind, never lost to a race."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.domain import Product
from engine.errors import StoreUnavailable
from engine.seams import IngestState, LedgerEntry
from ingest import intake as intake_module
from ingest.images.sources import SourceRules
from ingest.intake import Intake, running_intake
from ingest.run.dependencies import IngestDependencies
from tests.fixtures.catalogue import FakePipeline, picture


@pytest.fixture
def parts(tmp_path: Path, parts: IngestDependencies) -> IngestDependencies:
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(picture())
    return replace(parts, sources=SourceRules(root=tmp_path))


def product(product_id: str, **more: object) -> Product:
    return Product(product_id, "Shirt", "https://shop.example/", (f"{product_id[0]}.png",), price=10.0, **more)  # type: ignore[arg-type]


def state(parts: IngestDependencies, product_id: str) -> IngestState | None:
    entry = parts.ledger.get([product_id]).get(product_id)
    return entry.state if entry else None


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


def test_products_are_known_at_once_and_indexed_behind(parts: IngestDependencies) -> None:
    """`submit` leaves them pending in the ledger; the background thread indexes them."""
    waiting = Intake(parts)
    waiting.submit([product("a"), product("b"), replace(product("a"), title="Later")])
    assert (state(parts, "a"), state(parts, "b")) == (IngestState.PENDING, IngestState.PENDING)
    assert parts.ledger.products(["a"])["a"].title == "Later"
    with running_intake(parts) as intake:  # A restart takes up what was pending.
        wait_for(lambda: parts.ledger.counts()[IngestState.INDEXED] == 2)
        intake.submit([product("c"), product("missing"), product("x")])
        wait_for(lambda: parts.ledger.counts()[IngestState.PENDING] == 0)
    assert (state(parts, "c"), state(parts, "x")) == (IngestState.INDEXED, IngestState.FAILED)
    assert parts.store.count("upper_wear_visual") == parts.store.count("upper_wear_semantic") == 3


def test_a_new_price_asks_no_model(parts: IngestDependencies) -> None:
    """A product sent again with other words keeps its embeddings."""
    intake = Intake(parts)
    intake.submit([product("a")])
    assert intake.work_once() == 1
    pipeline = parts.pipeline
    assert isinstance(pipeline, FakePipeline)
    looks = pipeline.scenes
    intake.submit([replace(product("a"), price=7.0)])
    assert intake.work_once() == 1
    assert pipeline.scenes == looks
    assert parts.store.items_of("upper_wear_visual", "a")[0].price == 7.0
    assert state(parts, "a") is IngestState.INDEXED
    assert intake.work_once() == 0


def test_deleting_takes_everything(parts: IngestDependencies) -> None:
    """Gone from both collections, the pictures and the ledger when the call returns; unknown ids are no error."""
    intake = Intake(parts)
    intake.submit([product("a"), product("b")])
    intake.work_once()
    intake.delete(["a", "none"])
    assert state(parts, "a") is None
    assert parts.store.count("upper_wear_visual") == parts.store.count("upper_wear_semantic") == 1
    assert len(list(parts.objects.keys())) == 1


class OtherVersion(Exception):
    """What a writer's expectation raises in these tests."""


def test_what_a_writer_expects_is_asked_of_the_very_entry_that_is_replaced(parts: IngestDependencies) -> None:
    """Somebody who is quicker, after the first look and before the write, is seen and keeps what they wrote."""
    intake = Intake(parts)
    intake.submit([product("a")])
    seen: list[str] = []

    def first_title(entry: LedgerEntry | None) -> None:
        assert entry is not None
        seen.append(entry.product.title)
        if entry.product.title != "Shirt":
            raise OtherVersion
        intake.submit([replace(product("a"), title="Quicker")])

    with pytest.raises(OtherVersion):
        intake.submit([replace(product("a"), title="Slower")], first_title)
    assert seen == ["Shirt", "Quicker"]
    assert parts.ledger.products(["a"])["a"].title == "Quicker"


def test_a_product_leaves_only_as_whoever_deletes_it_knows_it(parts: IngestDependencies) -> None:
    """Another version stays, with its rows and its state; an expectation that holds is asked once."""
    intake = Intake(parts)
    intake.submit([product("a")])
    intake.work_once()

    def refuse(_: LedgerEntry | None) -> None:
        raise OtherVersion

    with pytest.raises(OtherVersion):
        intake.delete(["a"], refuse)
    assert (state(parts, "a"), parts.store.count("upper_wear_visual")) == (IngestState.INDEXED, 1)
    asked: list[LedgerEntry | None] = []
    intake.delete(["a", "none"], asked.append)
    assert ([entry.product.product_id for entry in asked if entry], len(asked)) == (["a"], 1)
    assert (state(parts, "a"), parts.store.count("upper_wear_visual")) == (None, 0)


class Meanwhile(FakePipeline):
    """Does something in the middle of the first look at a product."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act: list[Callable[[], None]] = [act]

    def embed(self, crops):  # type: ignore[no-untyped-def]
        while self._act:
            self._act.pop()()
        return super().embed(crops)


def test_a_newer_submission_wins_over_the_one_in_hand(parts: IngestDependencies) -> None:
    """A product that is sent again while it is being indexed ends with the later words."""
    later = Intake(parts)
    slow = Intake(replace(parts, pipeline=Meanwhile(lambda: later.submit([replace(product("a"), title="Later")]))))
    later.submit([product("a")])
    assert slow.work_once() == 0
    assert state(parts, "a") is IngestState.PENDING
    assert slow.work_once() == 1
    assert parts.ledger.products(["a"])["a"].title == "Later"
    assert parts.store.count("upper_wear_visual") == 1


def test_a_product_that_is_deleted_meanwhile_stays_deleted(parts: IngestDependencies) -> None:
    """It does not come back when the batch in hand is written."""
    other = Intake(parts)
    slow = Intake(replace(parts, pipeline=Meanwhile(lambda: other.delete(["a"]))))
    slow.submit([product("a"), product("b")])
    slow.work_once()
    assert (state(parts, "a"), state(parts, "b")) == (None, IngestState.INDEXED)
    assert parts.store.count("upper_wear_visual") == 1


def test_work_goes_on_after_the_store_was_away(parts: IngestDependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pending products wait, and are indexed when the store answers again."""
    monkeypatch.setattr(intake_module, "RETRY_S", 0.01)
    real, failures = parts.store.upsert, [1, 2, 3]

    def sometimes(*arguments: object) -> None:
        if failures:
            failures.pop()
            raise StoreUnavailable("The store is away.")
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(parts.store, "upsert", sometimes)
    with running_intake(parts) as intake:
        intake.submit([product("a")])
        wait_for(lambda: state(parts, "a") is IngestState.INDEXED)
    assert failures == []


def test_paths_from_the_api_are_refused(parts: IngestDependencies) -> None:
    """Without a feed's folder a path names nothing."""
    intake = Intake(replace(parts, sources=SourceRules()))
    intake.submit([product("a")])
    intake.work_once()
    entry = parts.ledger.get(["a"])["a"]
    assert (entry.state, "give an http" in (entry.reason or "")) == (IngestState.FAILED, True)


def test_stopping_is_prompt_and_leaves_the_rest_pending(parts: IngestDependencies) -> None:
    """`close` returns, and what was not begun is still in the book."""
    intake = Intake(parts)
    intake.start()
    intake.start()
    intake.close()
    intake.close()
    intake.submit([product("a")])
    assert state(parts, "a") is IngestState.PENDING


def test_stopping_in_the_middle_leaves_products_pending(parts: IngestDependencies) -> None:
    """A product whose pictures did not come because of the stop is not called failed."""
    intake = Intake(replace(parts, sources=SourceRules(allow_private_hosts=True, backoff_s=30.0)))
    intake.submit([replace(product("a"), images=("http://127.0.0.1:9/a.png",))])
    intake.start()
    time.sleep(0.2)
    begun = time.monotonic()
    intake.close()
    assert time.monotonic() - begun < 10
    assert state(parts, "a") is IngestState.PENDING
