"""The models of an embedded home changed: built, checked, changed to, gone back from, dropped."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from engine.domain import SPACES, Answer, Product
from engine.errors import ModelMismatch, QueryRejected
from engine.seams import IngestState
from ingest.generations.commands import swap_command
from ingest.generations.swap import SwapRefused
from models.settings import Settings
from tests.fixtures.catalogue import row as feed_row
from tests.fixtures.catalogue import write_feed
from tests.fixtures.generations import Catalogue, a_feed, embedded_by, home_of, indexed, opened, rows_of, shot
from tests.fixtures.tiny_models import write_tiny_profile

IDS = [f"p{n:02}" for n in range(12)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return home_of(tmp_path / "home")


def product(product_id: str, folder: Path, **more: object) -> Product:
    (folder / f"{product_id}.png").write_bytes(shot(product_id))
    return Product(product_id, "A shirt", "https://shop.example/p", (f"{product_id}.png",), price=10.0, **more)  # type: ignore[arg-type]


def best(answer: Answer) -> str:
    return next(g for g in answer.garments if g.supercategory == "upper_wear").hits[0].product.product_id


def assert_made_by(home: Catalogue, number: int, profile: str) -> None:
    """Every row of a generation has the embeddings that the profile's models make of its stored picture."""
    assert home.swap.document().require(number).profile == profile
    for product_id, row in rows_of(home, number).items():
        for space, embedding in embedded_by(home, number, row["words"][2]).items():
            assert row[space].shape == embedding.shape
            assert float(row[space] @ embedding) > 0.999, (product_id, space)  # A stored picture is a JPEG.


def test_another_profile_comes_to_serve(tmp_path: Path, settings: Settings) -> None:
    """Rows, ids, words and pictures are the same, the embeddings are the new models'; the feed is as it was."""
    feed = a_feed(tmp_path / "feed", IDS)
    with opened(settings) as home:
        home.ingest(feed)
        before = {entry.product.product_id: entry for entry in home.parts().ledger.page(limit=100)}
        assert best(home.search(shot("p03"))) == "p03"
        coming = home.swap.begin("other")
        assert (coming.number, home.swap.document().serving) == (2, 1)
        after = home.swap.run(coming)
        assert (after.serving, home.live.current.generation) == (2, 2)
        assert after.require(2).notes == ("12 rows of 12 products", "ann_recall@10 1.0000")
        assert best(home.search(shot("p03"))) == "p03"
        assert {e.product.product_id: e for e in home.parts().ledger.page(limit=100)} == before
        assert_made_by(home, 2, "other")
        assert_made_by(home, 1, "tiny")
        assert home.ingest(feed).unchanged == len(IDS)
    with opened(settings) as home:  # The setting still names the former profile.
        assert (home.live.current.generation, home.live.current.settings.profile) == (2, "other")
        assert best(home.search(shot("p05"))) == "p05"
        assert home.ingest(feed).unchanged == len(IDS)


def test_every_picture_of_a_product_is_embedded_anew(tmp_path: Path) -> None:
    """Two pictures, two rows: both keep their ids and pictures, and have the new models' embeddings of these."""
    folder = tmp_path / "feed"
    a_feed(folder, ["one", "two"])
    feed = write_feed(folder, [feed_row("one", "one.png", "two.png")])
    with opened(home_of(tmp_path / "home", views=2)) as home:
        home.ingest(feed)
        entry = home.parts().ledger.get(["one"])["one"]
        assert [item_id for _, item_id in entry.items] == ["one#0", "one#1"]
        home.swap.run(home.swap.begin("other"))
        assert home.live.current.ledger.get(["one"])["one"].items == entry.items
        store = home.live.current.store
        items = store.items("upper_wear_semantic", ["one#0", "one#1"])
        assert len({item.image for item in items if item}) == 2
        for item in items:
            assert item is not None
            for space, embedding in embedded_by(home, 2, item.image).items():
                (stored,), _ = store.embeddings(f"upper_wear_{space}", [item.item_id])
                assert float(stored @ embedding) > 0.999
        assert home.ingest(feed).unchanged == 1


def test_writes_during_the_build_land_in_both(tmp_path: Path, settings: Settings) -> None:
    """New products, new pictures, new words and removals that come while it is built, and after it was."""
    feed = a_feed(tmp_path / "feed", IDS)
    with opened(settings) as home:
        home.ingest(feed)
        coming = home.swap.begin("other")
        home.swap._collect(coming)
        home.swap.build(coming)
        write(home, tmp_path)
        after = home.swap.run(coming)
        assert after.serving == 2
        expected(home, 2, "other")
        expected(home, 1, "tiny")


def write(home: Catalogue, folder: Path) -> None:
    """One of each kind of write."""
    entries = home.parts().ledger.get(IDS)
    home.intake.update([(entries["p01"], product_with(entries["p01"].product, price=3.0))])
    home.intake.delete(["p02"])
    home.intake.submit([product("new", folder), product("p04", folder)])
    (folder / "p05.png").write_bytes(shot("another"))
    home.intake.submit([product_with(entries["p05"].product, images=("p05.png",))])
    home.intake.work_once()
    home.ingest(a_feed(folder / "second", ["fed"], "second.jsonl"))


def product_with(old: Product, **values: object) -> Product:
    return replace(old, **values)  # type: ignore[arg-type]


def expected(home: Catalogue, number: int, profile: str) -> None:
    rows = rows_of(home, number)
    assert set(rows) == (set(IDS) - {"p02"}) | {"new", "fed"}
    assert rows["p01"]["words"][1] == 3.0
    assert_made_by(home, number, profile)


def test_going_back_takes_the_writes_since_along(tmp_path: Path, settings: Settings) -> None:
    """What was written under the new models is in the former ones' rows when they serve again; and forth once more."""
    feed = a_feed(tmp_path / "feed", IDS)
    with opened(settings) as home:
        home.ingest(feed)
        with pytest.raises(SwapRefused, match="nothing to go back to"):
            home.swap.back()
        home.swap.run(home.swap.begin("other"))
        write(home, tmp_path)
        assert home.swap.run(home.swap.back()).serving == 1
        expected(home, 1, "tiny")
        assert home.live.current.settings.profile == "tiny"
        assert best(home.search(shot("new"))) == "new"
        home.intake.delete(["new"])
        assert home.swap.run(home.swap.back()).serving == 2
        assert set(rows_of(home, 2)) == indexed(home)
        assert "new" not in indexed(home)


def test_a_generation_is_dropped_on_command(tmp_path: Path, settings: Settings) -> None:
    """Its collections and notes go; its number is never given again; the one that serves cannot be dropped."""
    with opened(settings) as home:
        home.ingest(a_feed(tmp_path / "feed", IDS))
        home.swap.run(home.swap.begin("other"))
        with pytest.raises(SwapRefused, match="serves"):
            home.swap.drop(2)
        home.swap.drop(1)
        store = home.live.current.store.store  # type: ignore[attr-defined]
        assert {name[-3:] for name in store.collections()} == {"_g2"}
        assert [each.number for each in home.swap.document().known] == [2]
        with pytest.raises(QueryRejected, match="without the cursor"):
            home.live.held(1)
        assert best(home.search(shot("p03"))) == "p03"
        assert home.swap.begin("tiny").number == 3
    with opened(settings) as home:
        assert home.swap.run(home.swap.begin()).serving == 3
        assert_made_by(home, 3, "tiny")


def test_one_that_is_built_can_be_taken_away(tmp_path: Path, settings: Settings) -> None:
    """Nothing of it is left, and the one that serves has gone on all the time."""
    with opened(settings) as home:
        home.ingest(a_feed(tmp_path / "feed", IDS))
        coming = home.swap.begin("other")
        home.swap._collect(coming)
        home.swap.build(coming)
        with pytest.raises(SwapRefused, match="is being built with the models of other"):
            home.swap.begin("tiny")
        home.swap.cancel()
        store = home.live.current.store.store  # type: ignore[attr-defined]
        assert not any(name.endswith("_g2") for name in store.collections())
        assert home.swap.document().next is None
        assert home.swap.begin("other").number == 3


def test_the_same_models_copy_what_was_embedded(tmp_path: Path, settings: Settings) -> None:
    """Another schema or index needs no look at any picture: rows are copied, and equal."""
    with opened(settings) as home:
        home.ingest(a_feed(tmp_path / "feed", IDS))
        for path in (settings.home / "images").rglob("*.jpg"):
            path.unlink()
        home.swap.run(home.swap.begin())
        first, second = rows_of(home, 1), rows_of(home, 2)
        for product_id, row in first.items():
            assert row["words"] == second[product_id]["words"]
            assert all(np.array_equal(row[space], second[product_id][space]) for space in SPACES)


def test_models_that_see_too_little_do_not_come_to_serve(tmp_path: Path, settings: Settings) -> None:
    """Products whose pictures are gone would be lost: that is told, and the catalogue stays as it is."""
    with opened(settings) as home:
        home.ingest(a_feed(tmp_path / "feed", IDS))
        for path in sorted((settings.home / "images").rglob("*.jpg"))[:2]:
            path.unlink()
        with pytest.raises(SwapRefused, match="of the indexed products would be lost"):
            home.swap.run(home.swap.begin("other"))
        assert home.swap.document().serving == 1
        assert home.parts().ledger.counts()[IngestState.INDEXED] == len(IDS)
        assert best(home.search(shot("p03"))) == "p03"


def test_models_that_were_replaced_under_their_name_are_no_dead_end(tmp_path: Path, settings: Settings) -> None:
    """A release with other weights under the same name: the command embeds the stored pictures anew."""
    with opened(settings) as home:
        home.ingest(a_feed(tmp_path / "feed", IDS))
    shutil.rmtree(settings.home / "models" / "tiny")
    write_tiny_profile(settings.home / "models" / "tiny", other=True)
    with pytest.raises(ModelMismatch, match="thatlook index swap"), opened(settings):
        pass
    given = {"home": settings.home, "profile": "tiny", "threads": 1}
    told = CliRunner().invoke(swap_command, ["--json"], obj=given, catch_exceptions=False)
    assert (told.exit_code, json.loads(told.stdout)["serving"]) == (0, 2)
    with opened(settings) as home:
        assert best(home.search(shot("p03"))) == "p03"
        assert_made_by(home, 2, "tiny")
    refused = CliRunner().invoke(swap_command, ["--rollback"], obj=given)
    assert isinstance(refused.exception, ModelMismatch)
    assert "put them back" in str(refused.exception)
