"""A feed into the catalogue, with models that read what is drawn: what is chosen, skipped, refused, pruned."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.domain import Item
from engine.errors import FeedUnreadable, StoreUnavailable
from engine.filters import parse_filter
from engine.seams import IngestState
from engine.vision.images import ImageLimits
from ingest.pipeline import ingest_feed
from ingest.run.dependencies import IngestDependencies
from ingest.run.summary import Progress
from tests.fixtures.catalogue import (
    ALONE,
    BACK,
    FRONT,
    FULL_FRONT,
    GROUP,
    UNCLEAR,
    UNSEEN,
    FakePipeline,
    encoded,
    picture,
    row,
    state_of,
    write_feed,
)


def items(parts: IngestDependencies, supercategory: str, *filters: str) -> list[str]:
    """Product ids of the rows that match, equal in both collections."""
    where = parse_filter(filters)
    found = []
    for space, dim in (("visual", 8), ("semantic", 6)):
        (answer,) = parts.store.search(f"{supercategory}_{space}", np.ones((1, dim), np.float32), 1000, where)
        found.append(sorted(answer.product_ids))
    assert found[0] == found[1]
    return found[0]


def item_of(parts: IngestDependencies, product_id: str, supercategory: str = "upper_wear") -> Item:
    visual, semantic = (
        parts.store.items_of(f"{supercategory}_{space}", product_id) for space in ("visual", "semantic")
    )
    assert visual == semantic
    (item,) = visual
    return item


def reasons(parts: IngestDependencies, product_id: str) -> dict[str, str]:
    entry = parts.ledger.get([product_id])[product_id]
    return {r.image: f"{r.rejection.stage}: {r.rejection.reason}" for r in entry.refusals}


def test_a_feed_becomes_a_catalogue(parts: IngestDependencies, tmp_path: Path) -> None:
    """Every product has its row in both collections, with facets and today's price, its picture stored, its entry."""
    feed = write_feed(
        tmp_path / "shop",
        [row("a", sale_price="8.00 EUR", material="Cotton / Linen", fit="Slim Fit"), row("b", color="Red")],
    )
    summary = ingest_feed(parts, feed)
    assert (summary.read, summary.indexed, summary.refused, summary.complete) == (2, 2, 0, True)
    item = item_of(parts, "a")
    assert {name: item.facets[name] for name in item.facets if name != "~look"} == {
        "brand": ("acme",), "~brand": ("acme",), "color": ("navy/white", "navy", "white"), "fit": ("slim fit",),
        "material": ("cotton/linen", "cotton", "linen"), "availability": ("in_stock",),
        "category": (
            "clothing", "tops", "shirts", "clothing > tops > shirts", "clothing > tops", "tops > shirts",
        ),
        "~colors": ("red",), "~words": ("cotton", "linen", "shirt", "top"),
    }  # fmt: skip
    assert (item.price, item.label, item.box) == (8.0, "upper_wear", (8, 20, 56, 84))
    assert items(parts, "upper_wear", "color=white") == ["a"]
    assert items(parts, "upper_wear", "category=tops") == ["a", "b"]
    stored = Image.open(io.BytesIO(parts.objects.get(item.image)))
    assert (stored.format, stored.size) == ("JPEG", (64, 96))
    entry = parts.ledger.get(["a"])["a"]
    assert (entry.state, entry.items, entry.feed, entry.reason) == (
        IngestState.INDEXED, (("upper_wear", item.item_id),), "feed.jsonl", None,
    )  # fmt: skip
    (run,) = parts.ledger.runs()
    assert run.finished is not None
    assert run.counts["indexed"] == 2


def test_a_large_picture_is_stored_small_and_its_box_fits_it(parts: IngestDependencies, tmp_path: Path) -> None:
    """No stored picture is over 1024 pixels, and the models see what is stored."""
    big = np.kron(np.asarray(Image.open(io.BytesIO(picture()))), np.ones((32, 32, 1), np.uint8))
    (tmp_path / "big.png").write_bytes(encoded(big))
    ingest_feed(parts, write_feed(tmp_path, [row("a", "big.png")]))
    stored = Image.open(io.BytesIO(parts.objects.get(item_of(parts, "a").image)))
    assert stored.size == (683, 1024)


VIEWS = {"full": FULL_FRONT, "front": FRONT, "back": BACK, "alone": ALONE, "group": GROUP, "unclear": UNCLEAR}


@pytest.mark.parametrize(
    ("shown", "prefer", "strict"),
    [
        (["back", "front", "full"], "full", "full"),
        (["alone", "front", "back"], "front", None),
        (["back", "alone"], "alone", None),
        (["unclear", "alone"], "alone", None),
        (["unclear", "back"], "unclear", None),
        (["back"], None, None),
        (["group", "back"], None, None),
    ],
)
@pytest.mark.parametrize("policy", ["prefer", "strict"])
def test_the_policies_choose_the_view(
    parts: IngestDependencies, tmp_path: Path, shown: list[str], prefer: str | None, strict: str | None, policy: str
) -> None:
    """`strict` takes full-front alone, `prefer` the best there is; back views and groups never; all others are told."""
    for name in shown:
        (tmp_path / f"{name}.png").write_bytes(picture(VIEWS[name], color=(VIEWS[name], 9, 9)))
    summary = ingest_feed(parts, write_feed(tmp_path, [row("a", *[f"{n}.png" for n in shown])]), policy)  # type: ignore[arg-type]
    chosen = prefer if policy == "prefer" else strict
    told = reasons(parts, "a")
    assert list(told) == [f"{name}.png" for name in shown if name != chosen]
    assert all(reason.startswith("gate: ") for reason in told.values())
    if "back" in shown:
        assert told["back.png"] == "gate: The person is seen from the back."
    entry = parts.ledger.get(["a"])["a"]
    if chosen is None:
        assert (entry.state, entry.items, summary.refused) == (IngestState.REFUSED, (), 1)
        assert entry.reason == told[f"{shown[0]}.png"].removeprefix("gate: ")
        assert list(parts.objects.keys()) == []
    else:
        stored = np.asarray(Image.open(io.BytesIO(parts.objects.get(item_of(parts, "a").image))))
        assert abs(int(stored[50, 30, 0]) - VIEWS[chosen]) < 6
    assert summary.images_refused == parts.ledger.refusal_counts()


def test_another_policy_looks_again(parts: IngestDependencies, pipeline: FakePipeline, tmp_path: Path) -> None:
    """What `prefer` took, `strict` refuses, and its row goes; and back again."""
    (tmp_path / "a.png").write_bytes(picture(ALONE))
    feed = write_feed(tmp_path, [row("a")])
    assert ingest_feed(parts, feed, "prefer").indexed == 1
    assert ingest_feed(parts, feed, "strict").refused == 1
    assert items(parts, "upper_wear") == []
    assert list(parts.objects.keys()) == []
    assert ingest_feed(parts, feed, "prefer").indexed == 1
    assert items(parts, "upper_wear") == ["a"]
    assert pipeline.scenes == 3


@pytest.mark.parametrize(
    ("category", "title", "seen", "indexed_as"),
    [
        ("Women > Dresses", "Red", "dress", ("full_body", "dress")),
        ("Women > Jackets", "Red", "upper_wear", ("outerwear", "outerwear")),  # the shop's word wins over a near miss
        ("", "Denim jacket", "outerwear", ("outerwear", "outerwear")),
        ("Women", "Lovely", "lower_wear", ("lower_wear", "lower_wear")),  # unknown: the most prominent garment
        ("Shoes", "Sneaker", "upper_wear", None),  # worn by somebody of whom no shoe is seen
    ],
)
def test_the_garment_is_the_one_that_the_shop_sells(
    parts: IngestDependencies, tmp_path: Path, category: str, title: str, seen: str, indexed_as: tuple[str, str] | None
) -> None:
    """The shop's class decides where the segmenter may err, and refuses what cannot be it."""
    (tmp_path / "a.png").write_bytes(picture(FULL_FRONT, seen))
    ingest_feed(parts, write_feed(tmp_path, [row("a", product_type=category, title=title)]))
    if indexed_as is None:
        assert reasons(parts, "a") == {"a.png": "segment: No foot_wear was found in the picture."}
    else:
        assert item_of(parts, "a", indexed_as[0]).label == indexed_as[1]


def test_a_product_alone_is_what_the_shop_says(parts: IngestDependencies, tmp_path: Path) -> None:
    """Without a person, whatever the segmenter takes it for, the picture is of the product."""
    (tmp_path / "a.png").write_bytes(picture(ALONE, "upper_wear"))
    ingest_feed(parts, write_feed(tmp_path, [row("a", product_type="Shoes", title="Sneaker")]))
    assert item_of(parts, "a", "foot_wear").label == "foot_wear"


def test_a_product_that_no_model_sees_is_cut_from_its_background(parts: IngestDependencies, tmp_path: Path) -> None:
    """On a background that differs from it its outline is found; else the whole picture stands for it."""
    plain = np.full((96, 64, 3), 250, np.uint8)
    plain[:4, :4] = (UNSEEN, 0, 0)
    plain[30:60, 20:50] = (10, 120, 10)
    for name in ("plain.png", "card.png"):
        (tmp_path / name).write_bytes(encoded(plain))
    noisy = np.random.default_rng(3).integers(0, 255, (96, 64, 3), np.uint8)
    noisy[:4, :4] = (UNSEEN, 0, 0)
    (tmp_path / "noisy.png").write_bytes(encoded(noisy))
    ingest_feed(
        parts,
        write_feed(tmp_path, [row("a", "plain.png"), row("b", "noisy.png"), row("c", "plain.png", "noisy.png"),
                              row("d", "card.png", product_type="Gifts", title="A card")]),
    )  # fmt: skip
    assert item_of(parts, "a").box == (20, 30, 50, 60)
    assert item_of(parts, "b").box == (0, 0, 64, 96)
    assert item_of(parts, "c").box == (20, 30, 50, 60)
    assert "neither category nor title" in reasons(parts, "d")["card.png"]


def test_an_unchanged_feed_asks_no_model(parts: IngestDependencies, pipeline: FakePipeline, tmp_path: Path) -> None:
    """The second run does nothing, refused products included."""
    (tmp_path / "back.png").write_bytes(picture(BACK))
    feed = write_feed(tmp_path, [row("a"), row("b"), row("c", "back.png"), row("d", "none.png")])
    (tmp_path / "none.png").unlink()
    first = ingest_feed(parts, feed)
    before, looks, crops = state_of(parts), pipeline.scenes, pipeline.crops
    second = ingest_feed(parts, feed)
    assert (first.indexed, first.refused, first.failed) == (2, 1, 1)
    assert (second.unchanged, second.indexed, second.updated, second.refused) == (4, 0, 0, 0)
    assert (pipeline.scenes, pipeline.crops) == (looks, crops)
    assert state_of(parts) == before


def test_a_new_price_embeds_nothing(parts: IngestDependencies, pipeline: FakePipeline, tmp_path: Path) -> None:
    """Words and price reach the rows with the embeddings that are there."""
    ingest_feed(parts, write_feed(tmp_path, [row("a"), row("b")]))
    looks, crops = pipeline.scenes, pipeline.crops
    embeddings, _ = parts.store.embeddings("upper_wear_visual", ["a#0"])
    summary = ingest_feed(parts, write_feed(tmp_path, [row("a", price="99 EUR", color="Red", title="New"), row("b")]))
    assert (summary.updated, summary.unchanged, summary.indexed) == (1, 1, 0)
    assert (pipeline.scenes, pipeline.crops) == (looks, crops)
    item = item_of(parts, "a")
    assert (item.price, item.facets["color"]) == (99.0, ("red",))
    assert items(parts, "upper_wear", "price>=50") == ["a"]
    assert np.array_equal(parts.store.embeddings("upper_wear_visual", ["a#0"])[0], embeddings)
    assert parts.ledger.products(["a"])["a"].title == "New"
    assert parts.objects.exists(item.image)


def test_rows_that_the_store_lost_are_made_anew(
    parts: IngestDependencies, pipeline: FakePipeline, tmp_path: Path
) -> None:
    """When only words changed but the embeddings are gone, the product is looked at again."""
    ingest_feed(parts, write_feed(tmp_path, [row("a")]))
    parts.store.delete_products("upper_wear_semantic", ["a"])
    summary = ingest_feed(parts, write_feed(tmp_path, [row("a", price="99 EUR")]))
    assert (summary.indexed, summary.updated) == (1, 0)
    assert item_of(parts, "a").price == 99.0


def test_a_new_picture_replaces_the_old_one(parts: IngestDependencies, tmp_path: Path) -> None:
    """Under the same name but with other bytes: new embedding, new stored picture, the old one gone."""
    feed = write_feed(tmp_path, [row("a")])
    ingest_feed(parts, feed)
    before = state_of(parts)
    (tmp_path / "a.png").write_bytes(picture(color=(1, 2, 3)) + b"longer")
    assert ingest_feed(parts, feed).indexed == 1
    after = state_of(parts)
    assert after["rows"] != before["rows"]
    assert len(after["images"]) == 1
    assert after["images"].keys() != before["images"].keys()


def test_a_product_that_changes_its_kind_leaves_its_old_collection(parts: IngestDependencies, tmp_path: Path) -> None:
    """No row stays behind where it was."""
    ingest_feed(parts, write_feed(tmp_path, [row("a"), row("b")]))
    ingest_feed(parts, write_feed(tmp_path, [row("a", product_type="Jackets"), row("b")]))
    assert items(parts, "outerwear") == ["a"]
    assert items(parts, "upper_wear") == ["b"]


def test_a_product_that_loses_its_pictures_loses_its_row(parts: IngestDependencies, tmp_path: Path) -> None:
    """Its file is gone: refused with the reason, nothing left of it in store and folder."""
    feed = write_feed(tmp_path, [row("a"), row("b")])
    ingest_feed(parts, feed)
    (tmp_path / "a.png").unlink()
    assert ingest_feed(parts, feed).failed == 1
    assert items(parts, "upper_wear") == ["b"]
    assert reasons(parts, "a") == {"a.png": "fetch: The picture file does not exist."}
    assert len(list(parts.objects.keys())) == 1


@pytest.mark.parametrize(
    ("data", "stage"),
    [(b"", "decode"), (picture()[:150], "decode"), (b"<html>", "decode"),
     (encoded(np.zeros((9, 9, 3), np.uint8)), "decode"),
     (encoded(np.zeros((500, 500, 3), np.uint8)), "decode")],
)  # fmt: skip
def test_a_bad_picture_is_that_products_matter(
    parts: IngestDependencies, tmp_path: Path, data: bytes, stage: str
) -> None:
    """Empty, cut short, no picture, tiny, or a bomb: refused with its reason, and the run goes on."""
    parts = replace(parts, limits=ImageLimits(max_pixels=100_000))
    (tmp_path / "bad.png").write_bytes(data)
    summary = ingest_feed(parts, write_feed(tmp_path, [row("a"), row("bad"), row("z")]))
    assert (summary.indexed, summary.refused) == (2, 1)
    assert reasons(parts, "bad")["bad.png"].startswith(f"{stage}: The ")


def test_a_failing_model_costs_one_product(parts: IngestDependencies, pipeline: FakePipeline, tmp_path: Path) -> None:
    """A defect on one picture is told, the rest goes on, and the next run tries again."""
    pipeline.fail_on = BACK
    (tmp_path / "bad.png").write_bytes(picture(BACK))
    feed = write_feed(tmp_path, [row("a"), row("bad"), row("z")])
    assert (ingest_feed(parts, feed).indexed, parts.ledger.get(["bad"])["bad"].state) == (2, IngestState.FAILED)
    pipeline.fail_on = None
    assert ingest_feed(parts, feed).refused == 1


def test_paths_stay_in_the_feeds_folder(parts: IngestDependencies, tmp_path: Path) -> None:
    """A feed cannot read the machine's other files, not by `..`, not by an absolute path, not through a link."""
    (tmp_path / "secret.png").write_bytes(picture())
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    images = [
        "../secret.png",
        str(tmp_path / "secret.png"),
        "link.png",
        f"file://{tmp_path}/secret.png",
        "ftp://x/y.png",
    ]
    rows = [row(f"p{i}", image) for i, image in enumerate(images)]
    feed = folder / "feed.jsonl"
    feed.write_text("".join(json.dumps(one) + "\n" for one in rows))
    assert ingest_feed(parts, feed).failed == len(images)
    told = [reasons(parts, f"p{i}")[image] for i, image in enumerate(images)]
    assert all("out of the feed's folder" in reason for reason in told[:4])
    assert "neither a path nor an http(s) or s3 address" in told[4]
    outside = replace(parts, sources=replace(parts.sources, allow_outside=True))
    assert ingest_feed(outside, feed).indexed == 4


def test_bad_rows_are_in_the_book(parts: IngestDependencies, tmp_path: Path) -> None:
    """Each with its line, in the run's errors."""
    feed = write_feed(tmp_path, [row("a"), row("b", price="?"), row("a"), row("c")])
    summary = ingest_feed(parts, feed)
    assert (summary.read, summary.bad_rows) == (2, 2)
    assert [(e.line, e.product_id) for e in parts.ledger.errors(summary.run_id)] == [(2, "b"), (3, "a")]
    assert summary.errors == tuple(parts.ledger.errors(summary.run_id))


def test_pruning_takes_out_what_left_the_feed(parts: IngestDependencies, tmp_path: Path) -> None:
    """Rows, pictures and entry go; a product whose row is merely bad stays, and so does another feed's."""
    ingest_feed(parts, write_feed(tmp_path, [row("other")], "other.jsonl"))
    ingest_feed(parts, write_feed(tmp_path, [row(i) for i in "abcd"]))
    feed = write_feed(tmp_path, [row("a"), row("b", price="?"), row("c")])
    assert ingest_feed(parts, feed).pruned == 0
    assert ingest_feed(parts, feed, prune=True).pruned == 1
    assert list(parts.ledger.ids()) == ["a", "b", "c", "other"]
    assert items(parts, "upper_wear") == ["a", "b", "c", "other"]
    assert len(list(parts.objects.keys())) == 4


def test_pruning_is_careful(parts: IngestDependencies, tmp_path: Path) -> None:
    """More than half, a limit, a feed without a good row: nothing is taken out, and it is said why."""
    ingest_feed(parts, write_feed(tmp_path, [row(i) for i in "abcde"]))
    feed = write_feed(tmp_path, [row("a"), row("b")])
    summary = ingest_feed(parts, feed, prune=True)
    assert (summary.pruned, "3 of 5" in (summary.note or "")) == (0, True)
    assert "not read to its end" in (ingest_feed(parts, feed, prune=True, limit=1).note or "")
    bad = write_feed(tmp_path, [row("a", price="?")])
    assert "no good row" in (ingest_feed(parts, bad, prune_all=True).note or "")
    assert ingest_feed(parts, write_feed(tmp_path, [row("a"), row("b")]), prune_all=True).pruned == 3
    assert items(parts, "upper_wear") == ["a", "b"]


def test_a_feed_of_the_same_name_elsewhere_is_not_pruned_by_it(parts: IngestDependencies, tmp_path: Path) -> None:
    """Two shops may both say feed.jsonl: pruning then wants a name."""
    ingest_feed(parts, write_feed(tmp_path / "one", [row("a")]))
    other = write_feed(tmp_path / "two", [row("b"), row("c")])
    ingest_feed(parts, other)
    with pytest.raises(FeedUnreadable, match=r"--name feed\.jsonl"):
        ingest_feed(parts, other, prune=True)
    assert ingest_feed(parts, other, prune=True, name="feed.jsonl").pruned == 1
    assert list(parts.ledger.ids()) == ["b", "c"]


def test_a_damaged_feed_keeps_what_came(parts: IngestDependencies, tmp_path: Path) -> None:
    """Products before the damage are indexed, the damage is told, nothing is pruned, the run was cut off."""
    folder = tmp_path / "shop"
    ingest_feed(parts, write_feed(folder, [row("old")], "feed.jsonl.gz"))
    rows = [row(f"p{i}", "same.png", description=hashlib.sha512(str(i).encode()).hexdigest()) for i in range(300)]
    packed = gzip.compress(write_feed(folder, rows).read_bytes())
    (folder / "feed.jsonl.gz").write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(FeedUnreadable, match=r"cut short.*Its first \d+ products were ingested"):
        ingest_feed(parts, folder / "feed.jsonl.gz", prune=True)
    assert parts.ledger.counts()[IngestState.INDEXED] > 20
    assert "old" in list(parts.ledger.ids())
    (run,) = parts.ledger.runs(1)
    assert run.finished is not None
    assert run.counts["cut_off"] == 1


def test_an_unreadable_feed_begins_no_run(parts: IngestDependencies, tmp_path: Path) -> None:
    """The error is the feed's; the ledger's runs are of feeds that were read."""
    with pytest.raises(FeedUnreadable, match="There is no feed"):
        ingest_feed(parts, tmp_path / "none.jsonl")
    assert parts.ledger.runs() == []


def test_a_limit_ends_the_run(parts: IngestDependencies, tmp_path: Path) -> None:
    """So many good rows are taken, and the summary says that it is not all."""
    summary = ingest_feed(parts, write_feed(tmp_path, [row(f"p{i}") for i in range(5)]), limit=2)
    assert (summary.read, summary.indexed, summary.complete) == (2, 2, False)
    assert list(parts.ledger.ids()) == ["p0", "p1"]


def test_a_store_that_does_not_answer_ends_the_run(
    parts: IngestDependencies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails with the store's error, and the next one makes it good."""
    feed = write_feed(tmp_path, [row(f"p{i}") for i in range(5)])

    def no_store(*_: object) -> None:
        raise StoreUnavailable("The store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(parts.store, "upsert", no_store)
        with pytest.raises(StoreUnavailable):
            ingest_feed(parts, feed)
    assert parts.ledger.counts()[IngestState.INDEXED] == 0
    assert ingest_feed(parts, feed).indexed == 5


def test_progress_is_told(parts: IngestDependencies, tmp_path: Path) -> None:
    """Lines done of the lines there are, and what became of the products."""
    told: list[Progress] = []
    ingest_feed(parts, write_feed(tmp_path, [row(f"p{i}") for i in range(70)]), progress=told.append)
    assert (told[-1].done, told[-1].total, told[-1].counts["indexed"]) == (70, 70, 70)
