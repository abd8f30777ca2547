"""What homes of former versions have on their disks is still read: names inside the code may change, these may not."""

from __future__ import annotations

import json
from pathlib import Path

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
