"""A bulk load beside a change of models and after one: both generations take it, none takes the other's embeddings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ModelMismatch
from engine.stores.exact import ExactStore
from ingest.bulk.job import part_feed
from ingest.bulk.load import load_parts
from ingest.bulk.part_embedder import EmbedJob, PartEmbedder, empty_ledger
from ingest.bulk.place import Place, open_place
from ingest.pipeline import ingest_feed
from ingest.run.dependencies import IngestDependencies
from models.settings import Settings
from tests.fixtures.catalogue import row, write_feed
from tests.fixtures.fake_generations import IDS, Shop

NEW = [f"new{n}" for n in range(6)]


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return write_feed(tmp_path / "more", [row(each) for each in NEW], "more.jsonl")


def embedded(parts: IngestDependencies, feed: Path, place: Path) -> Place:
    """The feed through these parts' models, as a job on other machines does it."""
    job = EmbedJob(Settings(home=feed.parent / "none"), str(place), feed.name, "prefer", str(feed.parent))
    where = open_place(job.place, job.settings)
    alone = replace(parts, ledger=empty_ledger(), store=ExactStore(), fingerprint=parts.models)
    manifest = part_feed(feed, where, job, parts.models, parts.pipeline.taxonomy)
    PartEmbedder(job, lambda _: (alone, where))({"part": list(range(manifest.parts))})
    return where


def products(shop: Shop, number: int) -> set[str]:
    return {product_id for product_id, *_ in shop.rows(number).values()}


def test_a_load_beside_a_change_reaches_both_generations(shop: Shop, feed: Path, tmp_path: Path) -> None:
    """What is loaded while the other generation is half built is in it when it comes to serve, and on the way back."""
    where = embedded(shop.parts(), feed, tmp_path / "place")
    coming = shop.swap.begin("other")
    shop.swap._collect(coming)
    shop.swap._builder(coming).bring(IDS[:10])
    assert load_parts(shop.parts, where).states == {"indexed": len(NEW)}
    assert shop.swap.run(coming).serving == 2
    assert products(shop, 1) == products(shop, 2) == {*IDS, *NEW}
    shop.intake.delete([NEW[0]])
    assert shop.swap.run(shop.swap.back()).serving == 1
    assert products(shop, 1) == {*IDS, *NEW[1:]}


def test_a_catalogue_takes_the_embeddings_of_the_models_that_serve(shop: Shop, feed: Path, tmp_path: Path) -> None:
    """After a change those of the former models are refused; today's are taken, and the feed finds nothing to do."""
    of_former = embedded(shop.parts(), feed, tmp_path / "former")
    shop.swap.run(shop.swap.begin("other"))
    assert shop.parts().fingerprint != shop.parts().models
    with pytest.raises(ModelMismatch, match="other models than this catalogue's"):
        load_parts(shop.parts, of_former)
    of_today = embedded(shop.parts(), feed, tmp_path / "today")
    assert load_parts(shop.parts, of_today).states == {"indexed": len(NEW)}
    assert load_parts(shop.parts, of_today).unchanged == len(NEW)
    assert ingest_feed(shop.parts(), feed).unchanged == len(NEW)


def test_a_load_that_a_change_overtakes_says_so(shop: Shop, feed: Path, tmp_path: Path) -> None:
    """It does not wait for ever with models that no longer serve, and writes nothing with them."""
    where, before = embedded(shop.parts(), feed, tmp_path / "place"), shop.parts()
    shop.swap.run(shop.swap.begin("other"))
    asked = iter([before])
    with pytest.raises(ModelMismatch, match="other models"):
        load_parts(lambda: next(asked, None) or shop.parts(), where)
    assert products(shop, 2) == set(IDS)
