"""The embedded store and `kill -9`: no acknowledged row is lost, no phantom stays, nothing has to be repaired."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.domain import Item
from engine.errors import HomeDamaged, HomeInUse
from engine.seams import VectorStore
from engine.stores.exact import ExactStore
from engine.stores.lite.store import LiteStore
from tests.contract.vector_store_cases import an_item, assert_same_answers, assert_same_rows, near, unit
from tests.integration.stores.lite_writer import EAGER, SPEC, operate

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
IDS = [f"item-{n}" for n in range(300)]


def write_until_killed(folder: Path, first: int, seconds: float) -> int:
    """Let the writer write for a while, kill it, and give the last operation it acknowledged."""
    command = [sys.executable, "-m", "tests.integration.stores.lite_writer", str(folder), str(first)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == str(first)
        time.sleep(seconds)
        process.kill()
        said = process.stdout.read().split("\n")
    whole = [int(line) for line in said[:-1]]
    return whole[-1] if whole else first


def state(store: VectorStore) -> list[tuple[Item | None, bytes]]:
    rows = store.embeddings(SPEC.name, IDS)[0]
    return [(item, row.tobytes()) for item, row in zip(store.items(SPEC.name, IDS), rows, strict=True)]


def oracle_after(last: int) -> ExactStore:
    oracle = ExactStore()
    oracle.ensure(SPEC)
    for number in range(last + 1):
        operate(oracle, number)
    return oracle


def test_kill_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """Killed again and again, in the midst of writes and rebuilds: each time all that was acknowledged is there.

    The write under way when the process died may be there or not.
    """
    folder, first = tmp_path / "store", 0
    rng = np.random.default_rng(0)
    for _ in range(6):
        last = write_until_killed(folder, first, float(rng.uniform(0.05, 1.2)))
        store = LiteStore(folder, plan=EAGER)
        try:
            done = next((n for n in (last, last + 1) if state(store) == state(oracle_after(n))), None)
            assert done is not None, f"after operation {last} the store holds something else"
            oracle = oracle_after(done)
            assert store.count(SPEC.name) == oracle.count(SPEC.name)
            queries = near(rng, unit(rng.normal(size=(9, SPEC.dim))), 5)
            for query in queries:
                assert_same_answers(store, oracle, SPEC.name, query[None], 300)
        finally:
            store.close()
        first = done + 1


@pytest.fixture
def closed(tmp_path: Path) -> tuple[Path, ExactStore]:
    """A folder with ten operations in it, and the oracle of it."""
    folder = tmp_path / "store"
    store = LiteStore(folder, plan=EAGER)
    store.ensure(SPEC)
    for number in range(10):
        operate(store, number)
    store.rebuild(SPEC.name)
    store.close()
    return folder, oracle_after(9)


def index_folder(folder: Path) -> Path:
    collection = folder / "index" / SPEC.name
    return collection / (collection / "current").read_text()


def torn(folder: Path) -> None:
    journal = index_folder(folder) / "journal.bin"
    with journal.open("ab") as file:
        file.write(b"\x01\x02 the beginning of a frame that never came to its end" * 3)


def shortened(folder: Path) -> None:
    (index_folder(folder) / "columns.npz").unlink()
    journal = index_folder(folder) / "journal.bin"
    with journal.open("r+b") as file:
        file.truncate(journal.stat().st_size - 7)


def damaged(folder: Path) -> None:
    for name in ("columns.npz", "ivfpq.faiss"):
        (index_folder(folder) / name).write_bytes(b"not what it was")


def gone(folder: Path) -> None:
    shutil.rmtree(folder / "index")


def machine_went_down(folder: Path) -> None:
    (folder / "index" / SPEC.name / "open").write_text("another run of the machine")
    vectors = index_folder(folder) / "vectors.f32"
    vectors.write_bytes(bytes(vectors.stat().st_size))


@pytest.mark.parametrize("damage", [torn, shortened, damaged, gone, machine_went_down])
def test_a_derived_index_in_doubt_is_made_to_agree(closed: tuple[Path, ExactStore], damage: object) -> None:
    """Whatever happens to the derived files, the store answers from what the Lite file holds."""
    folder, oracle = closed
    assert callable(damage)
    damage(folder)
    store = LiteStore(folder, plan=EAGER)
    try:
        assert_same_rows(store, oracle, SPEC.name, IDS)
        rows = oracle.embeddings(SPEC.name, ["item-1", "item-100"])[0] + np.float32(0.01)
        assert_same_answers(store, oracle, SPEC.name, unit(rows), 300)
    finally:
        store.close()


def test_a_kill_in_the_midst_of_creating_a_collection_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """A folder without a schema is no collection yet, whatever made it."""
    (tmp_path / "store" / "records.db" / "collections" / SPEC.name / "wal").mkdir(parents=True)
    store = LiteStore(tmp_path / "store", plan=EAGER)
    try:
        store.ensure(SPEC)
        operate(store, 0)
        assert state(store) == state(oracle_after(0))
    finally:
        store.close()


def test_a_kill_before_the_first_manifest_loses_nothing(tmp_path: Path) -> None:
    """Lite's files of rows are there and not yet named; its log still holds every row. Without the log it is damage."""
    folder = tmp_path / "store"
    collection = folder / "records.db" / "collections" / SPEC.name
    store = LiteStore(folder, plan=EAGER)
    store.ensure(SPEC)
    operate(store, 0)
    log = (collection / "wal" / "wal_data_000001.arrow").read_bytes()
    store.close()
    (folder / "records.seal.json").unlink()
    (collection / "manifest.json").unlink()
    with pytest.raises(HomeDamaged, match="manifest"):
        LiteStore(folder, plan=EAGER)
    (collection / "wal" / "wal_data_000001.arrow").write_bytes(log)
    store = LiteStore(folder, plan=EAGER)
    try:
        assert state(store) == state(oracle_after(0))
    finally:
        store.close()


def test_an_older_copy_of_the_rows_alone_is_refused(closed: tuple[Path, ExactStore]) -> None:
    """Half a backup put back does not belong to the rest: it is said, nothing is changed, and the whole opens again."""
    folder, _ = closed
    shutil.copytree(folder / "records.db", folder / "backup.db")
    store = LiteStore(folder, plan=EAGER)
    for number in range(10, 15):
        operate(store, number)
    store.close()
    (folder / "records.db").rename(folder / "newer.db")
    (folder / "backup.db").rename(folder / "records.db")
    for _ in range(2):
        with pytest.raises(HomeDamaged, match="doctor --repair"):
            LiteStore(folder, plan=EAGER)
    shutil.rmtree(folder / "records.db")
    (folder / "newer.db").rename(folder / "records.db")
    store = LiteStore(folder, plan=EAGER)
    try:
        assert state(store) == state(oracle_after(14))
    finally:
        store.close()


def test_a_second_process_is_told_who_is_in_its_way(tmp_path: Path) -> None:
    """Two writers would lose rows; the second gets a clear error, and may start once the first has closed."""
    store = LiteStore(tmp_path / "store", plan=EAGER)
    store.ensure(SPEC)
    code = (
        "import sys; from pathlib import Path; from engine.stores.lite.store import LiteStore; "
        "LiteStore(Path(sys.argv[1]))"
    )
    second = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert second.returncode == 1
    assert "HomeInUse: Another thatlook process uses" in second.stderr
    with pytest.raises(HomeInUse, match="--home"):
        LiteStore(tmp_path / "store")
    store.upsert(SPEC.name, [an_item(np.random.default_rng(0), 0)], unit(np.ones((1, SPEC.dim), np.float32)))
    store.close()
    again = LiteStore(tmp_path / "store", plan=EAGER)
    assert again.count(SPEC.name) == 1
    again.close()
