"""What homes of former versions have on their disks is still read: names inside the code may change, these may not."""

from __future__ import annotations

import json
from pathlib import Path

from engine.generations.names import read_name, stored_name
from engine.stores.lite.book import BOOK, SECOND, Book, Entry
from engine.system.durable import read_checked, write_checked


def test_a_book_of_collections_has_the_names_of_the_first_version(tmp_path: Path) -> None:
    """The document as it lies in homes since 0.1.0, read and written alike."""
    row = {"dim": 8, "fingerprint": "f1", "stamp": 7, "gone": ["p1-0"], "written": True}
    document = {"edition": 3, "collections": {"upper_wear_visual": row}}
    for name in (BOOK, SECOND):
        write_checked(tmp_path / name, document)
    book = Book(tmp_path)
    assert book.entries == {"upper_wear_visual": Entry(8, "f1", 7, ("p1-0",), True)}
    book.enter("foot_wear_visual", Entry(8, "f1", 9))
    written = read_checked(tmp_path / BOOK)
    assert written is not None
    assert written["edition"] == 4
    assert json.loads(json.dumps(written["collections"]["upper_wear_visual"])) == row


def test_the_first_generation_has_the_names_without_a_number(tmp_path: Path) -> None:
    """Homes and servers of before are generation 1 as they are; later ones have names of their own beside them."""
    assert (stored_name("upper_wear_visual", 1), stored_name("upper_wear_visual", 2)) == (
        "upper_wear_visual", "upper_wear_visual_g2",
    )  # fmt: skip
    for stored in (
        "upper_wear_visual",
        "foot_wear_semantic_g12",
        "mine_g2",
        "mine_g2_visual",
        "a_visual_g1",
        "a_visual_g02",
    ):
        name, number = read_name(stored)
        assert stored_name(name, number) == stored
    assert read_name("mine_g2_visual_g3") == ("mine_g2_visual", 3)
    book, empty = Book(tmp_path), Entry(8, "f1", 7, (), True)
    book.adopt({"upper_wear_visual": empty})
    before = book.moment()
    book.enter("upper_wear_visual_g2", Entry(8, "f2", 9, (), True))
    assert book.moment(lambda name: read_name(name)[1] == 1) == before != book.moment()
