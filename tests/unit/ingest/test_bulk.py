"""A feed in parts, outcomes as Parquet, and what a load leaves alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import FeedUnreadable, ModelMismatch, QueryRejected
from ingest.bulk.job import part_feed
from ingest.bulk.load import LoadSummary, load_parts
from ingest.bulk.outcomes import decode_outcomes, encode_outcomes
from ingest.bulk.part_embedder import EmbedJob, PartEmbedder, empty_ledger
from ingest.bulk.place import Manifest, Place, open_place
from ingest.pipeline import ingest_feed
from ingest.run.dependencies import IngestDependencies
from models.settings import Settings
from tests.fixtures.catalogue import (
    BACK,
    FakePipeline,
    close_parts,
    open_fake_parts,
    picture,
    row,
    state_of,
    write_feed,
)


def job_of(feed: Path, place: Path) -> EmbedJob:
    return EmbedJob(Settings(home=feed.parent / "none"), str(place), feed.name, "prefer", str(feed.parent))


def embedded(parts: IngestDependencies, feed: Path, place: Path) -> tuple[Place, Manifest]:
    """All parts of a feed, done in this process."""
    job = job_of(feed, place)
    where = open_place(job.place, job.settings)
    manifest = part_feed(feed, where, job, "fake", parts.pipeline.taxonomy)
    actor = PartEmbedder(job, lambda _: (replace(parts, ledger=empty_ledger()), where))
    counts = actor({"part": list(range(manifest.parts))})["counts"]
    assert sum(sum(json.loads(each).values()) for each in counts) == manifest.products
    return where, manifest


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "back.png").write_bytes(picture(BACK))
    rows = [row("a"), row("b", color="Red"), row("back", "back.png"), row("bag", title="Bag", product_type="Bags"), {}]
    return write_feed(tmp_path / "shop", [*rows[:-1], row("", "a.png")])


def test_outcomes_come_back_as_they_were(parts: IngestDependencies, feed: Path, tmp_path: Path) -> None:
    """Words, garments, embeddings to the bit, refusals with their reasons."""
    where, manifest = embedded(parts, feed, tmp_path / "place")
    data = where.read("rows/000000.parquet")
    outcomes = decode_outcomes(data, manifest.feed, parts.pipeline.taxonomy, lambda _: {})
    assert [o.state for o in outcomes] == ["indexed", "indexed", "refused", "refused"]
    assert outcomes[0].rows[0].embeddings["visual"].shape == (8,)
    assert outcomes[2].refusals[0].rejection.stage == "gate"
    assert "not a garment but: bag" in (outcomes[3].reason or "")
    once = encode_outcomes(outcomes)
    assert encode_outcomes(decode_outcomes(once, manifest.feed, parts.pipeline.taxonomy, lambda _: {})) == once


def test_a_load_makes_what_an_ingest_makes(parts: IngestDependencies, feed: Path, tmp_path: Path) -> None:
    """By value, pictures included; a second load, and an ingest after it, find nothing to do."""
    where, _ = embedded(parts, feed, tmp_path / "place")
    first = load_parts(lambda: parts, where)
    assert (first.states, first.unchanged, first.newer) == ({"indexed": 2, "refused": 2}, 0, 0)
    plain = open_fake_parts(tmp_path / "plain")
    try:
        ingest_feed(plain, feed)
        assert state_of(parts) == state_of(plain)
    finally:
        close_parts(plain)
    assert load_parts(lambda: parts, where).unchanged == 4
    assert ingest_feed(parts, feed).unchanged == 4


def test_what_was_changed_after_the_feed_was_read_is_left_alone(
    parts: IngestDependencies, feed: Path, tmp_path: Path
) -> None:
    """The newer words win; older ones of an earlier feed do not."""
    ingest_feed(parts, write_feed(tmp_path / "shop", [row("b", price="1.00 EUR")], "older.jsonl"), name=feed.name)
    where, _ = embedded(parts, feed, tmp_path / "place")
    ingest_feed(parts, write_feed(tmp_path / "shop", [row("a", price="2.00 EUR")], "newer.jsonl"), name=feed.name)
    summary = load_parts(lambda: parts, where)
    assert isinstance(summary, LoadSummary)
    assert (summary.newer, summary.states) == (1, {"indexed": 1, "refused": 2})
    prices = {i: parts.ledger.get([i])[i].product.price for i in "ab"}
    assert prices == {"a": 2.0, "b": 10.0}


def test_another_job_s_place_and_unfinished_jobs_are_refused(
    parts: IngestDependencies, feed: Path, tmp_path: Path
) -> None:
    """With what to do; nothing is written."""
    where = open_place(str(tmp_path / "place"), Settings(home=tmp_path))
    with pytest.raises(QueryRejected, match="No embedding job"):
        load_parts(lambda: parts, where)
    part_feed(feed, where, job_of(feed, tmp_path / "place"), "fake", parts.pipeline.taxonomy)
    with pytest.raises(QueryRejected, match="1 of 1 parts are not embedded"):
        load_parts(lambda: parts, where)
    with pytest.raises(QueryRejected, match="Another job's parts"):
        part_feed(feed, where, job_of(feed, tmp_path / "place"), "other models", parts.pipeline.taxonomy)
    embedded(parts, feed, tmp_path / "place")
    with pytest.raises(ModelMismatch, match="other models"):
        load_parts(lambda: replace(parts, fingerprint="another"), where)
    where.write("manifest.json", b"{}")
    with pytest.raises(QueryRejected, match="no embedding job's"):
        where.manifest()
    assert list(parts.ledger.ids()) == []


def test_a_feed_without_a_good_row_begins_nothing(tmp_path: Path) -> None:
    """As an ingest refuses it."""
    feed, place = write_feed(tmp_path / "shop", [row("", "a.png")]), tmp_path / "place"
    where = open_place(str(place), Settings(home=tmp_path))
    with pytest.raises(FeedUnreadable, match="no good row"):
        part_feed(feed, where, job_of(feed, place), "fake", FakePipeline().taxonomy)
    assert where.manifest() is None
