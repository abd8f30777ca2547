"""The rule book at work in a feed: sales that begin and end, kinds told, guessed or refused, names of files."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from engine.filters import parse_filter
from engine.seams import IngestState
from ingest.images.paths import found_path
from ingest.intake import Intake
from ingest.pipeline import ingest_feed
from ingest.progress import summary_json
from ingest.run.dependencies import IngestDependencies
from ingest.upkeep.sales import Sales
from tests.fixtures.catalogue import FakePipeline, picture, row, write_feed

BEFORE, DURING, AFTER = (datetime(2026, month, 15, tzinfo=UTC) for month in (10, 11, 12))
SALE = {
    "price": "49.90 EUR",
    "sale_price": "19.90 EUR",
    "sale_price_effective_date": "2026-11-01T00:00+0100/2026-11-30T23:59+0100",
}


def found(parts: IngestDependencies, *filters: str, supercategory: str = "upper_wear") -> list[str]:
    query = np.ones((1, 8), np.float32)
    (answer,) = parts.store.search(f"{supercategory}_visual", query, 100, parse_filter(filters))
    return sorted(answer.product_ids)


def test_the_stored_price_follows_the_sale(parts: IngestDependencies, pipeline: FakePipeline, tmp_path: Path) -> None:
    """A run after a sale has begun, or ended, renews the price that filters see, without looking at a picture."""
    feed = write_feed(tmp_path / "shop", [row("a", **SALE), row("b", price="49.90 EUR")])
    assert ingest_feed(replace(parts, now=lambda: BEFORE), feed).indexed == 2
    assert found(parts, "price<=20") == []
    looked = pipeline.scenes
    assert ingest_feed(replace(parts, now=lambda: BEFORE), feed).unchanged == 2
    during = ingest_feed(replace(parts, now=lambda: DURING), feed)
    assert (during.updated, during.unchanged, found(parts, "price<=20")) == (1, 1, ["a"])
    assert ingest_feed(replace(parts, now=lambda: AFTER), feed).updated == 1
    assert (found(parts, "price<=20"), found(parts, "price<=50"), pipeline.scenes) == ([], ["a", "b"], looked)


def test_a_sale_begins_while_a_server_runs(parts: IngestDependencies, pipeline: FakePipeline, tmp_path: Path) -> None:
    """Whoever indexes the API's products renews the prices of all, feeds' too, at the moment and not before."""
    clock = [BEFORE]
    parts = replace(parts, now=lambda: clock[0])
    feed = write_feed(tmp_path / "shop", [row("a", **SALE), row("b", price="49.90 EUR")])
    ingest_feed(parts, feed)
    looked, intake = pipeline.scenes, Intake(parts)
    waits = Sales(parts).wait_s()
    intake.work_once()
    assert (found(parts, "price<=20"), waits) == ([], 600)
    clock[0] = datetime(2026, 10, 31, 22, 59, 30, tzinfo=UTC)
    assert Sales(parts).wait_s() == 30
    for moment, cheap in ((DURING, ["a"]), (datetime(2026, 11, 30, 22, 59, tzinfo=UTC), ["a"]), (AFTER, [])):
        clock[0] = moment
        intake.work_once()
        assert found(parts, "price<=20") == cheap
        assert ingest_feed(parts, feed).unchanged == 2
    assert (pipeline.scenes, Sales(parts).wait_s()) == (looked, 600)


def test_googles_ids_choose_the_garment(parts: IngestDependencies, tmp_path: Path) -> None:
    """A number, a word in another language or a title does what a path in English does; each path is a filter."""
    numbered = {"product_type": "Home > New In", "google_product_category": "204", "title": "Model 3000"}
    german = {"product_type": "Damen > Röcke", "title": "Rock Anna"}
    (tmp_path / "trousers.png").write_bytes(picture(label="lower_wear"))
    feed = write_feed(tmp_path, [row("id", "trousers.png", **numbered), row("de", "trousers.png", **german)])
    summary = ingest_feed(parts, feed)
    assert (summary.indexed, summary.guessed) == (2, 0)
    assert found(parts, supercategory="lower_wear") == ["de", "id"]
    for category in ("new in", "pants", "Apparel & Accessories > Clothing", "Home>New In", "204"):
        assert found(parts, f"category={category}", supercategory="lower_wear") == ["id"]


def test_what_only_the_picture_told_is_named(parts: IngestDependencies, tmp_path: Path) -> None:
    """In the summary, in JSON and with the product; a run that has nothing to do tells it again."""
    mute = {"product_type": "Sale", "title": "Model 3000"}
    feed = write_feed(tmp_path / "shop", [row("a", **mute), row("b")])
    summary = ingest_feed(parts, feed)
    assert summary_json(summary)["guessed"] == {"count": 1, "ids": ["a"]}
    entry = parts.ledger.get(["a"])["a"]
    assert (entry.state, "picture alone" in (entry.reason or "")) == (IngestState.INDEXED, True)
    again = ingest_feed(parts, feed)
    assert (again.unchanged, again.guessed_ids) == (2, ("a",))
    assert parts.ledger.runs()[0].counts["guessed"] == 1


def test_what_is_no_garment_is_refused(parts: IngestDependencies, pipeline: FakePipeline, tmp_path: Path) -> None:
    """Gloves are not found as shoes, nor a belt as the trousers in its picture; nobody looks at the picture."""
    gloves = {"product_type": "Damen > Handschuhe", "title": "Model 3000"}
    laces = {"google_product_category": "1856", "product_type": "", "title": "For boots"}
    feed = write_feed(tmp_path / "shop", [row("gloves", **gloves), row("laces", **laces)])
    summary = ingest_feed(parts, feed)
    assert (summary.refused, pipeline.scenes) == (2, 0)
    assert set(summary.products_refused) == {
        "Its category or title says that it is not a garment but: gloves.",
        "Its category or title says that it is not a garment but: shoe accessory.",
    }
    renamed = write_feed(tmp_path / "shop", [row("gloves"), row("laces")])
    assert ingest_feed(parts, renamed).indexed == 2
    assert ingest_feed(parts, write_feed(tmp_path / "shop", [row("gloves", **gloves), row("laces")])).refused == 1
    assert found(parts) == ["laces"]


def test_what_was_changed_in_good_rows_is_counted(parts: IngestDependencies, tmp_path: Path) -> None:
    """A sale that is none and a cut description are told, not silent."""
    rows = [row("a", price="10 EUR", sale_price="12 EUR"), row("b", description="x" * 10_001), row("c")]
    assert summary_json(ingest_feed(parts, write_feed(tmp_path / "shop", rows)))["changed"] == {
        "sale_price is 0 or not below the price, so it is no sale": 1,
        "description was cut at 10,000 characters": 1,
    }


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_brands_and_file_names_in_either_form_of_unicode(parts: IngestDependencies, tmp_path: Path, form: str) -> None:
    """A brand is one brand, and a path finds its picture, whichever of both a Mac or an editor wrote."""
    folder = tmp_path / "shop" / unicodedata.normalize("NFD", "Kleidér")
    folder.mkdir(parents=True)
    (folder / unicodedata.normalize("NFC", "é.png")).write_bytes(picture())
    written = unicodedata.normalize(form, "Kleidér/é.png")
    rows = [
        row(unicodedata.normalize(one, f"é-{one}"), written, brand=unicodedata.normalize(one, "Chloé"))
        for one in ("NFC", "NFD")
    ]
    feed = tmp_path / "shop" / "feed.jsonl"
    feed.write_text("".join(json.dumps(one) + "\n" for one in rows))
    assert ingest_feed(parts, feed).indexed == 2
    for asked in ("NFC", "NFD"):
        assert found(parts, f"brand={unicodedata.normalize(asked, 'Chloé')}") == ["é-NFC", "é-NFD"]


def test_paths_as_other_systems_write_them(tmp_path: Path) -> None:
    """Backslashes, percent signs and a name that is really written so."""
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "ü%20.png").write_bytes(b"")
    for written in ("a b/ü%20.png", "a%20b/%C3%BC%2520.png", "a b\\ü%20.png"):
        assert found_path(tmp_path, written) == tmp_path / "a b" / "ü%20.png"
    assert found_path(tmp_path, "none.png") == tmp_path / "none.png"
