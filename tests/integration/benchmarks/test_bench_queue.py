"""`thatlook bench scale --case 'queue-*'` on real servers: it measures, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed.run import BenchSettings, load_cases
from benchmarks.speed.suites import scale
from engine.domain import CollectionSpec
from engine.errors import ModelUnavailable
from engine.objects.s3_settings import S3Settings
from models.bootstrap import open_ledger, open_objects, open_store
from models.settings import read_settings
from tests.fixtures.cluster import cluster_settings, emptied_milvus


def test_the_queue_is_measured(
    tmp_path: Path, milvus_server: str, postgres_url: str, s3_settings: S3Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rates of one writer, and of one worker and two, each product looked at once; a catalogue is left alone."""
    cases = load_cases("scale", "tiny", ["queue-*"])
    settings = BenchSettings("scale", "tiny", cases, tmp_path, say=lambda _: None)
    assert list(scale.run(settings)) == []  # No servers are named.
    for name, value in cluster_settings(milvus_server, postgres_url, s3_settings).items():
        monkeypatch.setenv(name, value)
    with emptied_milvus(milvus_server):
        writes, workers = scale.run(settings)
        assert writes.figures["rows_per_s"] == pytest.approx(2 * writes.figures["products_per_s"])
        assert (writes.figures["deleted"], workers.figures["looks_per_product"]) == (32, 1)
        assert workers.figures["times_one"] > 0
        given = read_settings()
        ledger, store, objects = open_ledger(given), open_store(given), open_objects(given)
        assert (list(ledger.ids()), store.collections(), list(objects.keys("products/"))) == ([], [], [])
        objects.close()
        store.ensure(CollectionSpec("upper_wear_visual", 4, "f"))
        with pytest.raises(ModelUnavailable, match="hold a catalogue"):
            list(scale.run(settings))
        store.close()
        ledger.close()
