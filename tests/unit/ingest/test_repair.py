"""A home that lost something: the next run does not call it unchanged, a repair brings it back, a killed run ends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import HomeDamaged, StoreUnavailable
from engine.ledger.salvage import salvage as salvage_ledger
from engine.ledger.sql import SqlLedger
from engine.seams import MOMENT, IngestState, moment_of
from engine.stores.lite.salvage import salvage as salvage_store
from engine.stores.lite.store import LiteStore
from engine.system.refusals import refusal
from engine.taxonomy import collection_name
from ingest.pipeline import ingest_feed
from ingest.repair import mend
from ingest.run.dependencies import IngestDependencies
from models.agreement import check_agreement, disagreements
from tests.contract.test_ledger import entry as an_entry
from tests.fixtures.catalogue import close_parts, open_fake_parts, row, write_feed

NAME = collection_name("upper_wear", "visual")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a feed of six products and a closed home that took them, on the embedded store; to be copied."""
    folder = tmp_path_factory.mktemp("repair")
    feed = write_feed(folder / "shop", [row(f"p{n}") for n in range(6)])
    parts = open_fake_parts(folder / "home", lite=True)
    assert ingest_feed(parts, feed).indexed == 6
    check_agreement(parts.store, parts.ledger)
    close_parts(parts)
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "home"


@pytest.fixture
def feed(home: Path) -> Path:
    return home.parent / "shop" / "feed.jsonl"


@pytest.fixture
def opened(home: Path) -> Iterator[IngestDependencies]:
    parts = open_fake_parts(home, lite=True)
    yield parts
    close_parts(parts)


def drop_rows(parts: IngestDependencies, *products: str, names: tuple[str, ...] = (NAME,)) -> None:
    for name in names:
        parts.store.delete_products(name, set(products))


def test_lost_rows_are_refused_and_not_unchanged(opened: IngestDependencies, feed: Path) -> None:
    """One collection lost two rows: opening says so, and the next run over the feed embeds exactly those two."""
    drop_rows(opened, "p1", "p4")
    with pytest.raises(HomeDamaged, match=r"2 of 6 indexed products have no visual row.*doctor --repair"):
        check_agreement(opened.store, opened.ledger)
    again = ingest_feed(opened, feed)
    assert (again.unchanged, again.indexed) == (4, 2)
    check_agreement(opened.store, opened.ledger)
    assert ingest_feed(opened, feed).unchanged == 6


def test_rows_that_the_ledger_does_not_know_are_refused(home: Path) -> None:
    """The ledger is gone: never an empty answer, and the feeds bring it back over the same rows."""
    (home / "ledger.db").unlink()
    (home / "ledger.db.seal.json").unlink()
    parts = open_fake_parts(home, lite=True)
    try:
        with pytest.raises(HomeDamaged, match=r"has 6 visual rows, of which the ledger knows 0 at most"):
            check_agreement(parts.store, parts.ledger)
        assert mend(parts).strange == 0, "rows were removed although it is the ledger that was lost"
        assert parts.store.count(NAME) == 6
        assert ingest_feed(parts, home.parent / "shop" / "feed.jsonl").indexed == 6
        check_agreement(parts.store, parts.ledger)
    finally:
        close_parts(parts)


def test_an_older_ledger_is_refused_though_its_counts_agree(home: Path) -> None:
    """Other prices, the same products: only the moment tells that half a backup was put back."""
    older = home.parent / "older"
    shutil.copytree(home, older)
    parts = open_fake_parts(home, lite=True)
    assert ingest_feed(
        parts, write_feed(home.parent / "shop", [row(f"p{n}", price="3.00 EUR") for n in range(6)])
    ).updated
    close_parts(parts)
    for name in ("ledger.db", "ledger.db.seal.json"):
        shutil.copyfile(older / name, home / name)
    parts = open_fake_parts(home, lite=True)
    try:
        with pytest.raises(HomeDamaged, match="different times: one of them is an older copy"):
            check_agreement(parts.store, parts.ledger)
    finally:
        close_parts(parts)


def test_a_cut_off_commit_is_no_damage(opened: IngestDependencies, feed: Path) -> None:
    """Rows written and the ledger not yet settled, as a kill leaves it: they may differ, and the next run ends it."""
    (entry,) = opened.ledger.get(["p2"]).values()
    opened.ledger.put([replace(entry, state=IngestState.PENDING, content_hash="")])
    drop_rows(opened, "p2", names=(NAME, collection_name("upper_wear", "semantic")))
    assert opened.ledger.get_setting(MOMENT) != moment_of(opened.store)
    check_agreement(opened.store, opened.ledger)
    assert ingest_feed(opened, feed).indexed == 1
    assert opened.ledger.get_setting(MOMENT) == moment_of(opened.store)


def test_rows_without_a_product_are_taken_out(opened: IngestDependencies) -> None:
    """A product that the ledger does not know any more: its rows go, the others stay."""
    opened.ledger.delete(["p3"])
    assert disagreements(opened.store, opened.ledger) == [
        "The vector store has 6 visual rows, of which the ledger knows 5 at most."
    ]
    assert mend(opened).told() == ["1 products had rows, but the ledger did not know them; the rows were removed"]
    assert disagreements(opened.store, opened.ledger) == []
    assert opened.store.count(NAME) == 5


def test_a_product_whose_picture_is_lost_too_is_left_for_its_feed(opened: IngestDependencies, feed: Path) -> None:
    """It is failed with what to do, has no rows, and the next run takes it for new."""
    drop_rows(opened, "p0")
    opened.objects.delete(list(opened.objects.keys()))
    done = mend(opened)
    assert (done.embedded, done.left, done.problem) == (0, 1, None)
    entry = opened.ledger.get(["p0"])["p0"]
    assert (entry.state, entry.items) == (IngestState.FAILED, ())
    assert "ingest its feed again" in str(entry.reason)
    assert ingest_feed(opened, feed).indexed == 1


def rows_of(home: Path) -> dict[str, Any]:
    store = LiteStore(home / "lite")
    try:
        ids = [f"p{n}#0" for n in range(6)]
        return {name: (store.items(name, ids), store.embeddings(name, ids)[0].tolist()) for name in store.collections()}
    finally:
        store.close()


@pytest.mark.parametrize("lost", ["records.db", "index", "books", "a stored file"])
def test_a_store_is_made_anew_from_what_is_whole(home: Path, lost: str) -> None:
    """Rows, index or books lost: what the other has is the whole store again, and the damaged one is kept aside."""
    before, folder = rows_of(home), home / "lite"
    if lost == "books":
        for book in folder.glob("collections*.json"):
            book.write_bytes(b"")
    elif lost == "a stored file":
        next(folder.glob("records.db/collections/upper_wear_visual/**/*.parquet")).unlink()
    else:
        shutil.rmtree(folder / lost)
    if lost == "index":
        assert salvage_store(folder) == []
        assert rows_of(home) == before
        return
    with pytest.raises(HomeDamaged, match="doctor --repair"):
        LiteStore(folder)
    assert len(salvage_store(folder)) == 2
    assert len(list(home.glob("lite.damaged-*"))) == 1
    if lost != "books":  # Nobody knows then which models the rows are of.
        assert rows_of(home) == before


def test_a_damaged_page_of_the_ledger_costs_its_entries_alone(tmp_path: Path) -> None:
    """The others are kept, with the settings; the damaged file lies aside."""
    path = tmp_path / "ledger.db"
    ledger = SqlLedger(f"sqlite:///{path}")
    ledger.put([an_entry(f"p{n:04}") for n in range(400)])
    ledger.set_setting("a", "b")
    ledger.close()
    data = bytearray(path.read_bytes())
    place = data.index(b"p0200")
    data[place - place % 4096 : place - place % 4096 + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with pytest.raises(HomeDamaged, match="doctor --repair"):
        SqlLedger(f"sqlite:///{path}")
    told = salvage_ledger(path, lambda _: True)
    ledger = SqlLedger(f"sqlite:///{path}")
    try:
        assert 350 < len(list(ledger.ids())) < 400
        assert ledger.get_setting("a") == "b"
        assert "ledger entries were recovered" in told[-1]
    finally:
        ledger.close()


def test_a_killed_run_gets_an_end_and_half_written_pictures_go(opened: IngestDependencies, home: Path) -> None:
    """A run without an end is cut off when the home is next held; nothing half written stays."""
    run = opened.ledger.start_run("feed.jsonl", 9)
    opened.ledger.update_run(run, {"read": 4})
    half = home / "images" / ".unfinished" / "0123.part"
    half.write_bytes(b"half")
    assert opened.ledger.end_cut_off_runs() == 1
    opened.objects.tidy()  # type: ignore[attr-defined]
    newest = opened.ledger.runs(1)[0]
    assert newest.finished is not None
    assert newest.counts == {"read": 4, "cut_off": 1}
    assert not half.exists()


def test_an_interrupted_run_has_an_end(opened: IngestDependencies, feed: Path) -> None:
    """Ctrl-C in the midst: the ledger says that the run was cut off."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest_feed(opened, feed, progress=interrupt)
    newest = opened.ledger.runs(1)[0]
    assert newest.finished is not None
    assert newest.counts["cut_off"] == 1


def test_a_full_disk_is_said_in_plain_words() -> None:
    """Whatever was being written."""
    said = refusal(OSError(28, "No space left on device"), "The catalogue cannot be written", Path("/srv/home"))
    assert isinstance(said, StoreUnavailable)
    assert said.message == (
        "The catalogue cannot be written: the disk that holds /srv/home is full. Make room, then try again."
    )
