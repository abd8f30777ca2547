"""What drifts apart is found, at any size, and put right: by the doctor at once, by a worker's sweep in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.products.stored import picture_prefix
from engine.seams import IngestState
from ingest.pipeline import ingest_feed
from ingest.run.dependencies import IngestDependencies
from ingest.run.writer import LEAVING
from ingest.scale.chores import Chores
from ingest.scale.deep_comparison import compare
from ingest.scale.drift import LEFT_S, all_drift
from ingest.scale.put_right import PutRight
from tests.fixtures.catalogue import close_parts, row, state_of, write_feed
from tests.fixtures.postgres import fresh_database
from tests.fixtures.workers import open_worker_parts, work_until_done

NAMES = ["half", "lost", "pictureless", "said", "whole"]


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    return fresh_database(postgres_url)


@pytest.fixture
def parts(tmp_path: Path, url: str) -> Iterator[IngestDependencies]:
    """Five products, indexed by a worker."""
    made = open_worker_parts(tmp_path, url)
    made.ledger.delete(NAMES)
    feed = write_feed(tmp_path, [row(name) for name in NAMES])
    ingest_feed(replace(made, sources=replace(made.sources, root=None)), feed, queued=True)
    work_until_done(made)
    yield made
    close_parts(made)


def drifted(parts: IngestDependencies) -> None:
    """One thing of every kind goes wrong, as servers and killed programs have it."""
    parts.store.delete_products("upper_wear_semantic", ["lost"])
    (item,) = parts.store.items("upper_wear_visual", ["said#0"])
    assert item is not None
    embedding, _ = parts.store.embeddings("upper_wear_visual", ["said#0"])
    parts.store.upsert("upper_wear_visual", [replace(item, facets=item.facets | {"brand": ("Other",)})], embedding)
    parts.store.upsert(
        "outerwear_visual",
        [replace(item, item_id="nobody#0", product_id="nobody", supercategory="outerwear")],
        embedding,
    )
    parts.objects.delete(list(parts.objects.keys(picture_prefix("pictureless"))))
    parts.objects.put(f"{picture_prefix('nobody')}x.jpg", b"x", "image/jpeg")
    half = parts.ledger.get(["half"])["half"]
    long_ago = datetime.now(UTC) - timedelta(seconds=2 * LEFT_S)
    parts.ledger.put([replace(half, state=IngestState.FAILED, reason=LEAVING, updated=long_ago)])


KINDS = Counter(
    {"missing row": 1, "other words": 1, "missing picture": 1, "strange row": 1, "stray picture": 1, "left half-way": 1}
)


def test_every_kind_of_drift_is_found_and_put_right(parts: IngestDependencies) -> None:
    """Nothing is found where all is well; afterwards the catalogue is what it was, less what was being taken out."""
    before = state_of(parts)
    assert list(all_drift(parts)) == []
    drifted(parts)
    found, right = compare(parts, None)
    assert (found.kinds, right) == (KINDS, Counter())
    found, right = compare(parts, PutRight(parts, "prefer"))
    assert right == KINDS
    work_until_done(parts)
    assert list(all_drift(parts)) == []
    after = state_of(parts)
    gone = {key for key in before["rows"] if key[1] == "half#0"}
    assert after["rows"] == {key: value for key, value in before["rows"].items() if key not in gone}
    assert sorted(after["products"]) == ["lost", "pictureless", "said", "whole"]


def test_the_sweep_does_the_same_beside_the_work(parts: IngestDependencies) -> None:
    """Page by page, rows of nobody included, and it tells what it found."""
    drifted(parts)
    told: Counter[Any] = Counter()
    assert parts.work is not None
    chores = Chores(parts, parts.work, "prefer", told.update)
    for _ in range(16):
        chores.once()
    work_until_done(parts)
    assert set(KINDS) - set(told) == {"stray picture"}
    assert {drift.kind for drift in all_drift(parts)} == {"stray picture"}


def test_what_waits_without_a_job_is_queued(parts: IngestDependencies) -> None:
    """Products that a former version took on, or whose jobs were removed by hand, are indexed all the same."""
    whole = parts.ledger.get(["whole"])["whole"]
    parts.ledger.put([replace(whole, state=IngestState.PENDING, content_hash="")])
    assert parts.work is not None
    Chores(parts, parts.work, "prefer", lambda found: None).once()
    work_until_done(parts)
    assert parts.ledger.get(["whole"])["whole"].state is IngestState.INDEXED


def test_one_of_all_workers_does_the_chores(parts: IngestDependencies) -> None:
    """While one is at them the others are told so."""
    assert parts.work is not None
    with parts.work.alone("chores") as first, parts.work.alone("chores") as second, parts.work.alone("other") as third:
        assert (first, second, third) == (True, False, True)
    with parts.work.alone("chores") as again:
        assert again
