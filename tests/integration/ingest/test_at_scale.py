"""The same code on real servers: Milvus, PostgreSQL and S3 together answer as the embedded home does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import click
import numpy as np
import pytest
import sqlalchemy
from click.testing import CliRunner

from engine.domain import Answer
from engine.filters import parse_filter
from engine.objects.s3_settings import S3Settings
from engine.service import TextQuery
from engine.vision.images import encode_jpeg
from ingest import commands
from ingest.bootstrap import ingest_dependencies
from ingest.pipeline import ingest_feed
from ingest.scale import queue_commands, worker_commands
from ingest.scale.deep_comparison import compare
from ingest.scale.drift import all_drift
from ingest.scale.put_right import PutRight
from ingest.scale.queued_intake import QueuedIntake
from models.bootstrap import open_parts
from models.settings import Settings, read_settings
from models.studio.output.feed import write_catalogue
from tests.fixtures.tiny_models import write_tiny_profile

PRODUCTS = 24
VIEWS = 3
"""Pictures of a product that are indexed at most: rows, hits and deletions of several are tried with it."""


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    write_tiny_profile(tmp_path / "home" / "models" / "tiny")
    return read_settings({"home": tmp_path / "home", "profile": "tiny", "views": VIEWS})


@pytest.fixture
def served(embedded: Settings, milvus_server: str, postgres_url: str, s3_settings: S3Settings) -> Iterator[Settings]:
    """The settings of a cluster, with a database of its own; its collections are dropped in the end."""
    admin = sqlalchemy.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS at_scale")
        connection.exec_driver_sql("CREATE DATABASE at_scale")
    admin.dispose()
    settings = read_settings(
        {
            "home": embedded.home,
            "profile": "tiny",
            "views": VIEWS,
            "milvus_uri": milvus_server,
            "ledger_url": postgres_url.rsplit("/", 1)[0] + "/at_scale",
            "s3_endpoint": s3_settings.endpoint,
            "s3_access_key": s3_settings.access_key,
            "s3_secret_key": s3_settings.secret_key,
            "s3_bucket": f"at-scale-{token_hex(4)}",
            "s3_secure": False,
        }
    )
    assert settings.is_shared
    yield settings
    with open_parts(settings) as parts:
        for spec in parts.pipeline.collection_specs():
            parts.store.drop(spec.name)


def answers(settings: Settings, feed: Path) -> list[Answer]:
    """Ingest, then ask with a photo, with a filter, and in words."""
    pixels = np.full((160, 120, 3), (200, 40, 60), np.uint8)
    photo = encode_jpeg(pixels, max_side=160)
    with open_parts(settings) as parts:
        summary = ingest_feed(ingest_dependencies(parts), feed)
        assert (summary.read, summary.failed) == (PRODUCTS, 0)
        assert max(len(entry.items) for entry in parts.ledger.page(limit=PRODUCTS)) > 1
        for garment in (found := parts.thatlook.search_image(photo, k=8)).garments:
            assert garment.hits
            assert parts.objects.get(garment.hits[0].item.image).startswith(b"\xff\xd8")
        cheap = parts.thatlook.search_image(photo, k=8, where=parse_filter(["price<=50", "color!=black"]))
        return [found, cheap, parts.thatlook.search_text(TextQuery(("red",)), k=8)]


def told(answer: Answer) -> list[list[tuple[str, float]]]:
    return [
        sorted((hit.product.product_id, round(hit.score, 4)) for hit in garment.hits) for garment in answer.garments
    ]


def test_servers_answer_as_the_embedded_home(embedded: Settings, served: Settings, tmp_path: Path) -> None:
    """Products and scores are equal, query by query; a second process may open the servers beside the first."""
    feed = write_catalogue(tmp_path / "shop", PRODUCTS, seed=5, size=(120, 160))
    here, there = answers(embedded, feed), answers(served, feed)
    assert [told(answer) for answer in there] == [told(answer) for answer in here]
    with open_parts(served) as first, open_parts(served) as second:
        assert first.ledger.counts() == second.ledger.counts()


def test_the_commands_on_servers(served: Settings, tmp_path: Path) -> None:
    """A feed is queued, a worker does it, all agrees; what Milvus lost is found and put right; all is deleted."""
    feed = write_catalogue(tmp_path / "shop", 8, seed=6, size=(120, 160))
    assert asked(served, commands.ingest, str(feed))["queued"] == 8
    assert {lane["lane"]: lane["queued"] for lane in asked(served, queue_commands.queue)["lanes"]} == {"feed": 1}
    told = CliRunner().invoke(worker_commands.worker, ["--once"], obj=given(served), catch_exceptions=False)
    assert (told.exit_code, "8 products settled" in told.stderr) == (0, True)
    again = asked(served, commands.ingest, str(feed), "--wait")
    assert (again["products"]["unchanged"], again["queued"], again["taken"]) == (8, 0, 8)
    with open_parts(served) as parts:
        work = ingest_dependencies(parts)
        assert list(all_drift(work)) == []
        ids = sorted(parts.ledger.ids())
        supercategory, item_id = parts.ledger.get(ids[:1])[ids[0]].items[0]
        parts.store.delete_products(f"{supercategory}_visual", ids[:1])
        found, _ = compare(work, PutRight(work, "prefer"))
        assert found.kinds == {"missing row": len(parts.ledger.get(ids[:1])[ids[0]].items)}
        assert parts.store.items(f"{supercategory}_visual", [item_id]) != [None]
        assert list(all_drift(work)) == []
        QueuedIntake(work).delete(ids)
        assert (list(parts.ledger.ids()), list(parts.objects.keys("products/"))) == ([], [])
        assert {parts.store.count(name) for name in parts.store.collections()} == {0}


def asked(settings: Settings, command: click.Command, *arguments: str) -> dict[str, Any]:
    told = CliRunner().invoke(command, [*arguments, "--json"], obj=given(settings), catch_exceptions=False)
    assert told.exit_code == 0, told.stderr
    return dict(json.loads(told.stdout))


def given(settings: Settings) -> dict[str, Any]:
    """The settings as the command line hands them on."""
    return {name: getattr(settings, name) for name in settings.model_fields_set}
