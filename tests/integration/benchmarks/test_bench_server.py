"""`thatlook bench scale --case 'server-*'` on a real Milvus server: both stores, the same photos, nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed import milvus_process
from benchmarks.speed.run import BenchSettings, load_cases
from benchmarks.speed.suites import scale
from engine.stores.milvus.store import MilvusStore
from tests.fixtures.cluster import emptied_milvus


def test_the_server_is_measured_beside_the_embedded_store(
    tmp_path: Path, milvus_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists of hits are the same ones; where no server can be started, that is said and nothing measured."""
    said: list[str] = []
    settings = BenchSettings("scale", "tiny", load_cases("scale", "tiny", ["server-*"]), tmp_path, say=said.append)
    monkeypatch.setattr(milvus_process, "find_spec", lambda _: None)
    assert list(scale.run(settings)) == []
    assert "server-tiny is left out: The package milvus" in said[-1]
    monkeypatch.setenv("THATLOOK_MILVUS_URI", milvus_server)
    with emptied_milvus(milvus_server):
        (result,) = scale.run(settings)
        store = MilvusStore(milvus_server)
        assert store.collections() == []
        store.close()
    assert (result.n, result.figures["same_lists"], result.figures["filter_1pct_same_lists"]) == (3, 1, 1)
    assert min(result.figures[name] for name in ("times_embedded", "four_clients_per_s", "write_s")) > 0
