"""The same code on real servers: Milvus, PostgreSQL and S3 together answer as the embedded home does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy

from engine.domain import Answer
from engine.filters import parse_filter
from engine.images import encode_jpeg
from engine.objects.s3_settings import S3Settings
from engine.service import TextQuery
from ingest.bootstrap import ingest_dependencies
from ingest.pipeline import ingest_feed
from models.bootstrap import Settings, open_parts, read_settings
from models.studio.feed import write_catalogue
from tests.fixtures.tiny_models import write_tiny_profile

PRODUCTS = 24


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    write_tiny_profile(tmp_path / "home" / "models" / "tiny")
    return read_settings({"home": tmp_path / "home", "profile": "tiny"})


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
            "milvus_uri": milvus_server,
            "ledger_url": postgres_url.rsplit("/", 1)[0] + "/at_scale",
            "s3_endpoint": s3_settings.endpoint,
            "s3_access_key": s3_settings.access_key,
            "s3_secret_key": s3_settings.secret_key,
            "s3_bucket": "at-scale",
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
