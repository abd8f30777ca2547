"""`thatlook doctor --servers`: what is counted on holds on a good server, and what does not is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from engine.domain import Candidates, Embeddings
from engine.filters import Filter
from engine.seams import CollectionChange
from engine.stores.milvus.connection import MilvusOptions
from engine.stores.milvus.store import MilvusStore
from engine.stores.milvus.trial import Tried, try_server

pytestmark = pytest.mark.integration
PARTS = ["version", "writes", "filters", "replacements, deletes", "index", "recall", "scores", "memory", "speed"]


@pytest.fixture
def store(milvus_server: str) -> Iterator[MilvusStore]:
    opened = MilvusStore(milvus_server)
    yield opened
    opened.close()


def found_wrong(tried: list[Tried]) -> list[str]:
    return [each.part for each in tried if not each.well]


def test_all_holds_here_and_nothing_stays_behind(store: MilvusStore) -> None:
    """Every part is tried on real rows, sealed and indexed; the collection is gone afterwards."""
    before = store.collections()
    tried = list(try_server(store))
    assert [each.part for each in tried] == PARTS
    assert found_wrong(tried) == [], [each.detail for each in tried]
    assert tried[4].detail.startswith("IVF_FLAT")
    assert store.collections() == before


def test_the_defect_of_ivf_pq_is_found(milvus_server: str) -> None:
    """2.3.5 goes wrong under filters once rows are indexed so; the advice names a way out."""
    store = MilvusStore(milvus_server, options=MilvusOptions(index="IVF_PQ"))
    tried = {each.part: each for each in try_server(store)}
    store.close()
    assert tried["filters"].well
    assert not tried["recall"].well or "embeddings travel" in tried["scores"].detail


def test_a_server_that_loses_rows_or_filters_wrongly_is_told(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store whose filters do nothing, and whose deletes do not arrive."""
    real = MilvusStore.search

    def unfiltered(self: MilvusStore, name: str, queries: Embeddings, k: int, where: Any = None) -> list[Candidates]:
        return real(self, name, queries, k, Filter())

    monkeypatch.setattr(MilvusStore, "search", unfiltered)
    monkeypatch.setattr(MilvusStore, "delete_products", lambda *_: None)
    monkeypatch.setattr("engine.stores.milvus.trial.INDEXED_WITHIN_S", 0.0)
    assert {"filters", "replacements, deletes"} <= set(found_wrong(list(try_server(store))))


def test_a_memory_that_is_out_of_date_is_told(store: MilvusStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows whose hash does not follow their embeddings, as where a proxy answers with former rows."""
    monkeypatch.setattr("engine.stores.milvus.trial.INDEXED_WITHIN_S", 0.0)
    monkeypatch.setattr("engine.stores.milvus.writes.pair_hashes", lambda changes: dict.fromkeys(_ids(changes), "same"))
    assert "memory" in found_wrong(list(try_server(store)))


def _ids(changes: Sequence[CollectionChange]) -> set[str]:
    return {item.item_id for change in changes for item in change.items}
