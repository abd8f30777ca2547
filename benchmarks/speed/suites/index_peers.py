"""Other people's indexes behind one small door: rows in, the k nearest of a query out.

Each is set up as its own documentation shows, and given nothing that ours does not have. `milvus-lite` and
`faiss-flat` come with thatlook; `usearch`, `hnswlib` and `autofaiss` (which builds clip-retrieval's index) are measured
where someone has installed them: pip install usearch hnswlib autofaiss.
"""

from __future__ import annotations

import importlib
import io
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import CollectionSpec, Embeddings, Item
from engine.errors import Unavailable
from engine.stores.lite.store import LiteStore
from engine.stores.milvus.errors import quiet

Query = NDArray[np.float32]
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Built:
    """An index that is ready.

    Attributes:
        search: one query and k → row numbers, best first.
        settings: how it was built, for the record.
    """

    search: Callable[[Query, int], list[int]]
    settings: str


@contextmanager
def thatlook_store(folder: Path, rows: Embeddings) -> Iterator[Built]:
    """Ours: the embedded store, records and derived index, rescored."""
    shutil.rmtree(folder, ignore_errors=True)
    store = LiteStore(folder)
    try:
        store.ensure(CollectionSpec("rows", rows.shape[1], "bench"))
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            items = [
                Item(str(start + i), str(start + i), "upper_wear", "shirt", "", (0, 0, 1, 1)) for i in range(len(batch))
            ]
            store.upsert("rows", items, batch)
        store.rebuild("rows")
        yield Built(
            lambda query, k: [int(i) for i in store.search("rows", query[None], k)[0].item_ids], "embedded store"
        )
    finally:
        store.close()


@contextmanager
def milvus_lite(folder: Path, rows: Embeddings) -> Iterator[Built]:
    """Milvus Lite alone, with the HNSW index of its quick start."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pymilvus = importlib.import_module("pymilvus")
    quiet()
    client = pymilvus.MilvusClient(str(folder / "rows.db"))
    try:
        index = client.prepare_index_params()
        settings = {"M": 16, "efConstruction": 200}
        index.add_index("vector", index_type="HNSW", metric_type="COSINE", params=settings)
        client.create_collection("rows", dimension=rows.shape[1], metric_type="COSINE", index_params=index)
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            client.insert("rows", [{"id": start + i, "vector": row} for i, row in enumerate(batch)])
        client.flush("rows")
        client.load_collection("rows")
        yield Built(
            lambda query, k: [hit["id"] for hit in client.search("rows", [query.tolist()], limit=k)[0]], "HNSW 16/200"
        )
    finally:
        client.close()


@contextmanager
def faiss_flat(folder: Path, rows: Embeddings) -> Iterator[Built]:  # noqa: ARG001
    """The seed's: exact L2 over everything."""
    faiss = importlib.import_module("faiss")
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    yield Built(lambda query, k: index.search(query[None], k)[1][0].tolist(), "IndexFlatL2")


@contextmanager
def usearch(folder: Path, rows: Embeddings) -> Iterator[Built]:  # noqa: ARG001
    """USearch's HNSW with its defaults."""
    library = _installed("usearch.index")
    index = library.Index(ndim=rows.shape[1], metric="cos")
    index.add(np.arange(len(rows)), rows)
    yield Built(lambda query, k: index.search(query, k).keys.tolist(), "defaults")


@contextmanager
def hnswlib(folder: Path, rows: Embeddings) -> Iterator[Built]:  # noqa: ARG001
    """hnswlib as its README has it."""
    library = _installed("hnswlib")
    index = library.Index(space="cosine", dim=rows.shape[1])
    index.init_index(max_elements=len(rows), ef_construction=200, M=16)
    index.add_items(rows, np.arange(len(rows)))
    index.set_ef(50)
    yield Built(lambda query, k: index.knn_query(query[None], k)[0][0].tolist(), "M 16, ef 50")


@contextmanager
def autofaiss(folder: Path, rows: Embeddings) -> Iterator[Built]:
    """What clip-retrieval searches: the index that autofaiss chooses for 4 GB and 10 ms."""
    library = _installed("autofaiss")
    given: dict[str, Any] = {"max_index_memory_usage": "4G", "current_memory_available": "8G", "verbose": 40}
    with redirect_stderr(io.StringIO()):  # Its progress bars.
        index, infos = library.build_index(
            embeddings=np.ascontiguousarray(rows), index_path=str(folder / "rows.index"), save_on_disk=False, **given
        )
    yield Built(
        lambda query, k: index.search(query[None], k)[1][0].tolist(), str((infos or {}).get("index_key", "auto"))
    )


def _installed(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise Unavailable(f"{name} is not installed; pip install {name} to have it measured.") from error


PEERS: Mapping[str, Callable[[Path, Embeddings], AbstractContextManager[Built]]] = {
    "thatlook": thatlook_store,
    "milvus-lite": milvus_lite,
    "faiss-flat": faiss_flat,
    "usearch": usearch,
    "hnswlib": hnswlib,
    "autofaiss": autofaiss,
}
