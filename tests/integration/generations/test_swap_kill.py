"""A change of generations killed at every stage boundary: the next run goes on, nothing is lost and nothing doubled."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.domain import CollectionSpec, Product
from engine.ledger.generations import GenerationBook
from engine.stores.generations import GenerationView, view_of
from engine.stores.lite.store import LiteStore
from ingest.generations import builder
from ingest.pipeline import ingest_feed
from ingest.scale.generation_drift import compared
from ingest.upkeep.backup import back_up, restore
from models.generations.live import LiveParts
from models.settings import Settings
from tests.fixtures.catalogue import row, write_feed
from tests.fixtures.fake_generations import Shop, opened_shop
from tests.fixtures.workers import in_child

IDS = [f"p{n:02}" for n in range(70)]
Cut = tuple[object, str, int, bool]
"""The owner of a function, its name, at which call it is cut, and whether before it or after."""
BUILD: dict[str, Cut] = {
    "before the list names it": (GenerationBook, "put_document", 1, True),
    "after the list names it": (GenerationBook, "put_document", 1, False),
    "some collections made": (GenerationView, "ensure", 4, False),
    "before the first rows": (builder, "change_rows", 1, True),
    "rows without their notes": (builder, "change_rows", 2, False),
    "a batch noted": (GenerationBook, "note", 2, False),
    "built, not checked": (GenerationBook, "put_document", 2, True),
    "checked": (GenerationBook, "put_document", 2, False),
    "before the change": (GenerationBook, "change", 1, True),
    "after the change": (GenerationBook, "change", 1, False),
    "after the turn": (LiveParts, "turn_to", 1, False),
}
DROP: dict[str, Cut] = {
    "before it leaves": (GenerationBook, "put_document", 1, True),
    "after it leaves": (GenerationBook, "put_document", 1, False),
    "some collections gone": (LiteStore, "drop", 3, False),
    "before its notes go": (GenerationBook, "forget", 1, True),
    "before the list forgets it": (GenerationBook, "put_document", 2, True),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a feed in it, to be copied."""
    folder = tmp_path_factory.mktemp("swap-kill")
    feed = write_feed(folder / "feed", [row(each) for each in IDS])
    with opened_shop(folder / "home") as shop:
        assert ingest_feed(shop.parts(), feed).indexed == len(IDS)
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "home", tmp_path / "home")
    return tmp_path / "home"


def killed(home: Path, cut: Cut, work: Callable[[Shop], object]) -> None:
    """Do it in a process that is killed there."""
    owner, name, call, before = cut
    real, calls = getattr(owner, name), [0]

    def cutting(*given: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == call and before:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*given, **more)
        if calls[0] == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def child() -> None:
        setattr(owner, name, cutting)
        with opened_shop(home) as shop:
            work(shop)

    assert in_child(child) == signal.SIGKILL, "the stage was not reached"


def write(shop: Shop) -> None:
    """One of each kind of write."""
    entries = shop.parts().ledger.get(IDS)
    shop.intake.update([(entries["p01"], replace(entries["p01"].product, price=3.0))])
    shop.intake.delete(["p02"])
    again = replace(entries["p03"].product, images=("../feed/p04.png",))
    shop.intake.submit([again, Product("new", "A shirt", "https://shop.example/new", ("../feed/p05.png",), price=1.0)])


def agreed(shop: Shop, number: int) -> None:
    """The generation has exactly the rows that a catalogue of its models would have."""
    rows = shop.rows(number)
    view = shop.parts.of(shop.swap.document().require(number))
    products = {product_id for product_id, *_ in rows.values()}
    assert products == (set(IDS) - {"p02"})
    assert len(rows) == 2 * len(products)
    for (name, _), (product_id, price, image, embedding) in rows.items():
        space = name.rpartition("_")[2]
        (other,) = [r for (n, _), r in rows.items() if n != name and r[0] == product_id]
        assert other[1:3] == (price, image)
        assert price == (3.0 if product_id == "p01" else 10.0)
        assert len(embedding) == {"tiny": {"visual": 8}, "other": {"visual": 10}}[view.pipeline.profile].get(space, 6)  # type: ignore[attr-defined]


@pytest.mark.parametrize("cut", BUILD.values(), ids=BUILD.keys())
def test_a_change_that_is_killed_goes_on(home: Path, cut: Cut) -> None:
    """The home opens, serves what served or what was changed to, takes writes, and the same command ends it."""
    killed(home, cut, lambda shop: shop.swap.run(shop.swap.begin("other")))
    with opened_shop(home) as shop:
        serving = shop.swap.document().serving
        assert serving in (1, 2)
        assert len(shop.rows(serving)) == 2 * len(IDS)
        entries = shop.parts().ledger.get(["p01"])
        shop.intake.update([(entries["p01"], replace(entries["p01"].product, price=3.0))])
        shop.intake.delete(["p02"])
        if serving == 1:
            assert shop.swap.run(shop.swap.begin("other")).serving == 2
            agreed(shop, 1)
        agreed(shop, 2)
        assert shop.swap.run(shop.swap.back()).serving == 1
        agreed(shop, 1)


@pytest.mark.parametrize("cut", DROP.values(), ids=DROP.keys())
def test_a_drop_that_is_killed_goes_on(home: Path, cut: Cut) -> None:
    """What was being taken away is taken away by the next command; what serves is not touched."""
    with opened_shop(home) as shop:
        shop.swap.run(shop.swap.begin("other"))
        served = shop.rows(2)
    killed(home, cut, lambda shop: shop.swap.drop_former())
    with opened_shop(home) as shop:
        shop.swap.finish_drops()
        if shop.swap.document().kept is not None:
            shop.swap.drop_former()
        assert shop.rows(2) == served
        assert shop.rows(1) == {}
        assert [each.number for each in shop.swap.document().known] == [2]
        assert not shop.swap.book.page(1)


@pytest.mark.parametrize("cut", [BUILD["rows without their notes"], BUILD["checked"]], ids=["half built", "checked"])
def test_what_was_cut_off_can_be_taken_away(home: Path, cut: Cut) -> None:
    """Nothing of it is left."""
    killed(home, cut, lambda shop: shop.swap.run(shop.swap.begin("other")))
    with opened_shop(home) as shop:
        shop.swap.cancel()
        assert shop.rows(2) == {}
        assert not shop.swap.book.page(2)
        assert (shop.swap.document().serving, shop.swap.document().next) == (1, None)
        assert len(shop.rows(1)) == 2 * len(IDS)


def test_the_doctor_looks_at_former_generations(home: Path) -> None:
    """Lost rows, strange ones and collections of no generation are found and put right; going back has them all."""
    settings = Settings(home=home, profile="tiny")
    with opened_shop(home) as shop:
        shop.swap.run(shop.swap.begin("other"))
        store = view_of(shop.live.current.store, 1)
        store.delete_products("upper_wear_visual", ["p05", "p06"])
        (item,) = store.items_of("upper_wear_semantic", "p07")
        strange = replace(item, item_id="x#0", product_id="x")
        store.upsert("upper_wear_semantic", [strange], np.ones((1, 6), np.float32))
        view_of(store, 7).ensure(CollectionSpec("upper_wear_visual", 3, "f"))
    found, others = compared(settings, repair=False)
    assert (found, others) == (
        [
            "1 collections are of no generation, such as upper_wear_visual_g7",
            "generation 1 lacks rows of 2 products",
            "generation 1 has 1 products' rows that are not noted",
        ],
        1,
    )
    compared(settings, repair=True)
    assert compared(settings, repair=False) == ([], 1)
    with opened_shop(home) as shop:
        assert shop.swap.run(shop.swap.back()).serving == 1
        assert len(shop.rows(1)) == 2 * len(IDS)


def test_a_backup_has_what_was_being_built(home: Path, tmp_path: Path) -> None:
    """A copy made in the middle of a change opens as the home does, and goes on with it."""
    with opened_shop(home) as shop:
        coming = shop.swap.begin("other")
        shop.swap._collect(coming)
        shop.swap._builder(coming).bring(IDS[:40])
        back_up(home, tmp_path / "backup", shop.intake.writer.paused)
    restore(tmp_path / "backup", tmp_path / "again")
    with opened_shop(tmp_path / "again") as shop:
        assert len(shop.swap.book.differing(2)) == len(IDS) - 40
        assert shop.swap.run(shop.swap.begin()).serving == 2
        assert len(shop.rows(2)) == len(shop.rows(1)) == 2 * len(IDS)
