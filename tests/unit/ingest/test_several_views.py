"""Products of which several pictures are indexed: several rows, one hit, and nothing left of them when they go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.retrieval.search import Calibrations, QueryVectors, Searcher
from engine.seams import Calibration, IngestState
from ingest.pipeline import ingest_feed
from ingest.repair import mend
from ingest.run import stages
from ingest.run.dependencies import IngestDependencies, content_hash
from ingest.run.writer import Writer
from models.examination import examine_entries
from tests.fixtures.catalogue import (
    ALONE,
    BACK,
    FULL_FRONT,
    GROUP,
    UNSEEN,
    FakePipeline,
    close_parts,
    encoded,
    open_fake_parts,
    picture,
    row,
    state_of,
    write_feed,
)

VIEWS = {"front": FULL_FRONT, "back": BACK, "alone": ALONE, "group": GROUP, "unseen": UNSEEN}
EVEN = Calibration(0.5, 0.1)


@pytest.fixture(params=["exact", "lite"])
def parts(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[IngestDependencies]:
    """A catalogue in which up to three pictures of a product are indexed."""
    made = open_fake_parts(tmp_path / "home", FakePipeline(), lite=request.param == "lite")
    yield replace(made, views=3)
    close_parts(made)


def shop(folder: Path, *more: dict[str, object]) -> Path:
    """Three shirts in all views, each picture with a colour of its own, the back's before the front's."""
    folder.mkdir(exist_ok=True)
    rows = []
    for n, product in enumerate(("a", "b", "c")):
        names = [f"{product}-{view}.png" for view in ("unseen", "group", "back", "front", "alone")]
        for name in names:
            view = name.rpartition("-")[2].removesuffix(".png")
            color = (40 * n + 30, 10 * VIEWS[view] % 250, 99)
            (folder / name).write_bytes(picture(VIEWS[view], color=color))
        rows.append(row(product, *names))
    return write_feed(folder, [*rows, *more])


def rows_of(parts: IngestDependencies, product_id: str) -> list[str]:
    """The product's rows, the same in both collections."""
    found = [parts.store.items_of(f"upper_wear_{space}", product_id) for space in ("visual", "semantic")]
    assert found[0] == found[1]
    return [item.item_id for item in found[0]]


def test_every_side_is_indexed_the_best_first(parts: IngestDependencies, tmp_path: Path) -> None:
    """Front, the shirt alone, and its back; not the group, nor where nothing is seen, and these are told why."""
    ingest_feed(parts, shop(tmp_path / "shop"))
    entry = parts.ledger.get(["a"])["a"]
    assert entry.items == tuple(("upper_wear", f"a#{n}") for n in range(3))
    assert rows_of(parts, "a") == ["a#0", "a#1", "a#2"]
    images = [item.image for item in parts.store.items_of("upper_wear_semantic", "a")]
    assert sorted(images) == sorted(key for key in parts.objects.keys() if "/a/" in key or key in images)  # noqa: SIM118
    assert len(set(images)) == 3
    assert [refusal.image for refusal in entry.refusals] == ["a-unseen.png", "a-group.png"]
    assert not list(examine_entries(parts.ledger, parts.store, parts.objects))


def test_a_product_is_one_hit_by_whichever_side_is_most_alike(parts: IngestDependencies, tmp_path: Path) -> None:
    """Asked with its back's own embeddings it comes first, once, as that row; and three of three products come."""
    ingest_feed(parts, shop(tmp_path / "shop"))
    searcher = Searcher(parts.store, parts.ledger, Calibrations(EVEN, EVEN, EVEN))
    for item in parts.store.items_of("upper_wear_semantic", "b"):
        visual, semantic = (
            parts.store.embeddings(f"upper_wear_{s}", [item.item_id])[0][0] for s in ("visual", "semantic")
        )
        hits = searcher.search(QueryVectors(visual, semantic), ["upper_wear"], 3)
        assert (hits[0].product.product_id, hits[0].item.item_id) == ("b", item.item_id)
        assert sorted(hit.product.product_id for hit in hits) == ["a", "b", "c"]


def test_words_change_all_rows_without_a_model(parts: IngestDependencies, tmp_path: Path) -> None:
    """A new price reaches each row; nothing is looked at again."""
    feed = shop(tmp_path / "shop")
    ingest_feed(parts, feed)
    looked = parts.pipeline.scenes  # type: ignore[attr-defined]
    feed.write_text(feed.read_text().replace("10.00 EUR", "7.00 EUR"))
    ingest_feed(parts, feed)
    assert parts.pipeline.scenes == looked  # type: ignore[attr-defined]
    assert {item.price for item in parts.store.items_of("upper_wear_visual", "c")} == {7.0}
    assert len(rows_of(parts, "c")) == 3


def test_nothing_is_left_of_what_goes(parts: IngestDependencies, tmp_path: Path) -> None:
    """Deleted, pruned, or with fewer pictures: rows and stored pictures go with it."""
    feed = shop(tmp_path / "shop")
    ingest_feed(parts, feed)
    assert Writer(parts).remove(["a"]) == 1
    assert not rows_of(parts, "a")
    write_feed(tmp_path / "shop", [row("b", "b-front.png")])
    ingest_feed(parts, feed, prune=True)
    assert rows_of(parts, "b") == ["b#0"]
    assert not rows_of(parts, "c")
    assert len(list(parts.objects.keys())) == 1
    assert parts.store.count("upper_wear_semantic") == parts.store.count("upper_wear_visual") == 1


def test_another_setting_is_taken_up_by_the_next_run(parts: IngestDependencies, tmp_path: Path) -> None:
    """To one picture and back to three: as if it had never been otherwise."""
    feed = shop(tmp_path / "shop")
    ingest_feed(parts, feed)
    three = state_of(parts)
    ingest_feed(replace(parts, views=1), feed)
    assert rows_of(parts, "a") == ["a#0"]
    assert len(list(parts.objects.keys())) == 3
    assert parts.ledger.get(["a"])["a"].state is IngestState.INDEXED
    ingest_feed(parts, feed)
    assert state_of(parts) == three


def test_a_lost_row_is_found_and_made_good(
    parts: IngestDependencies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows lost in one collection: told by the examination, embedded again from the stored pictures."""
    monkeypatch.setattr(stages, "encode_jpeg", lambda pixels, max_side: encoded(pixels))  # What is drawn survives.
    ingest_feed(parts, shop(tmp_path / "shop"))
    before = {item.image for item in parts.store.items_of("upper_wear_visual", "b")}
    parts.store.delete_products("upper_wear_visual", ["b"])
    told = [said for _, said in examine_entries(parts.ledger, parts.store, parts.objects)]
    assert told == ["product b has no visual row"] * 3
    mend(parts, remove_strange=False)
    assert not list(examine_entries(parts.ledger, parts.store, parts.objects))
    assert {item.image for item in parts.store.items_of("upper_wear_visual", "b")} == before


def test_catalogues_of_one_picture_stay_as_they_are(parts: IngestDependencies, tmp_path: Path) -> None:
    """The default names what it was made of as before; only another number of pictures has another name."""
    one, stamps = replace(parts, views=1), [("a.png", "1")]
    assert content_hash(one, "prefer", "shirt", stamps) != content_hash(parts, "prefer", "shirt", stamps)
    feed = shop(tmp_path / "shop")
    ingest_feed(one, feed)
    assert rows_of(one, "a") == ["a#0"]
    looked = one.pipeline.scenes  # type: ignore[attr-defined]
    assert ingest_feed(one, feed).unchanged == 3
    assert one.pipeline.scenes == looked  # type: ignore[attr-defined]


def test_under_the_strict_policy_the_front_stands_alone(parts: IngestDependencies, tmp_path: Path) -> None:
    """Full-front pictures only are what it promises."""
    ingest_feed(parts, shop(tmp_path / "shop"), "strict")
    assert rows_of(parts, "a") == ["a#0"]


def test_the_same_picture_twice_is_one_row(parts: IngestDependencies, tmp_path: Path) -> None:
    """A shop that names a picture twice gets no second row of it."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("one.png", "two.png"):
        (folder / name).write_bytes(picture(color=(9, 9, 200)))
    ingest_feed(parts, write_feed(folder, [row("twice", "one.png", "two.png")]))
    assert rows_of(parts, "twice") == ["twice#0"]


def test_embeddings_are_of_their_own_pictures(parts: IngestDependencies, tmp_path: Path) -> None:
    """Batched with other products, each row has the embedding that its picture alone would get."""
    ingest_feed(parts, shop(tmp_path / "shop"))
    together = {i: parts.store.embeddings("upper_wear_visual", [i])[0][0] for p in "abc" for i in rows_of(parts, p)}
    stacked = np.stack(list(together.values()))
    assert len(np.unique(stacked.round(4), axis=0)) == 9
