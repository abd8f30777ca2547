"""The embedded store's search by itself: paired indexes of one supercategory over a catalogue of any size."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.bare import CHUNKS_TOGETHER, WRITING, BareStore, learn
from benchmarks.speed.catalogue import Expander
from benchmarks.speed.home import ItemMaker
from engine.domain import SPACES, Space
from engine.stores.ivfpq.index import DerivedIndex
from engine.stores.ivfpq.plan import IvfpqPlan, default_plan
from engine.taxonomy import collection_name

VERSION = "3"


@dataclass(frozen=True, slots=True)
class Built:
    """What building one paired index took; `write_s` for rows and words, `index_s` for learning and adding codes."""

    rows: int
    write_s: float
    index_s: float
    disk_bytes: int
    codes_bytes: int


def open_bare(folder: Path, expander: Expander, plan: IvfpqPlan | None = None) -> BareStore:
    """What `build_bare` made."""
    return BareStore(
        {
            collection_name(supercategory_of(expander), space): DerivedIndex(
                folder / space, expander.sample.rows[space].shape[1], plan or default_plan()
            )
            for space in SPACES
        }
    )


def build_bare(folder: Path, expander: Expander, n: int, *, say: Callable[[str], object] = print) -> dict[Space, Built]:
    """Write both collections with `n` rows into `folder`, unless they lie there already."""
    mark, digest = folder / "built.json", _digest(expander, n)
    if mark.exists() and (known := json.loads(mark.read_text()))["digest"] == digest:
        return {space: Built(**known[space]) for space in SPACES}
    shutil.rmtree(folder, ignore_errors=True)
    store = open_bare(folder, expander, WRITING)
    written = _write(store, expander, n, say)
    store.close()

    def learned(space: Space) -> Built:
        say(f"building the {space} index over {n:,} rows")
        start = time.perf_counter()
        index = learn(folder / space, expander.sample.rows[space].shape[1])
        seconds = time.perf_counter() - start
        size = index.status(space).size_bytes
        index.close()
        codes = sum(path.stat().st_size for path in (folder / space).glob("*/ivfpq.faiss"))
        return Built(n, written[space], seconds, size, codes)

    with ThreadPoolExecutor(len(SPACES)) as pool:  # FAISS computes outside of Python's lock.
        built = dict(zip(SPACES, pool.map(learned, SPACES), strict=True))
    mark.write_text(json.dumps({"digest": digest, **{s: _plain(b) for s, b in built.items()}}))
    return built


def _write(store: BareStore, expander: Expander, n: int, say: Callable[[str], object]) -> dict[Space, float]:
    seconds: dict[Space, float] = dict.fromkeys(SPACES, 0.0)
    supercategory = supercategory_of(expander)
    maker = ItemMaker(expander.sample, supercategory=supercategory)
    for batch in expander.batches(n, CHUNKS_TOGETHER):
        items = maker.items(batch.anchors.tolist(), batch.start)
        for space in SPACES:
            begun = time.perf_counter()
            store.upsert(collection_name(supercategory, space), items, batch.rows[space])
            seconds[space] += time.perf_counter() - begun
        say(f"{batch.end:,} of {n:,} rows")
    return seconds


def supercategory_of(expander: Expander) -> str:
    """What the rows are filed under."""
    return expander.supercategory or "everything"


def _digest(expander: Expander, n: int) -> str:
    return f"{VERSION}-{expander.sample.digest}-{expander.supercategory}-{expander.seed}-{n}"


def _plain(built: Built) -> dict[str, float]:
    return {name: getattr(built, name) for name in Built.__slots__}
