"""The book of an embedded store: which collections there are, what for, and the last write that was begun on each.

Two copies: the first is written with every write, the second when a collection comes or goes. A collection is only
forgotten where both say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

from engine.domain import CollectionSpec
from engine.system.durable import read_checked, write_checked

BOOK = "collections.json"
SECOND = "collections.second.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One collection.

    Attributes:
        stamp: names the last write that was begun; what is derived is in doubt until it bears the same.
        written: whether there ever was a write.
        gone: the items that this write takes out; rows that are missing without being named here were lost. None where
            a former version wrote, and did not say.
    """

    dim: int
    fingerprint: str
    stamp: int
    gone: tuple[str, ...] | None = ()
    written: bool = False

    def spec(self, name: str) -> CollectionSpec:
        """What the collection was made for."""
        return CollectionSpec(name, self.dim, self.fingerprint)


class Book:
    """Read once; every change is on disk when it returns."""

    def __init__(self, folder: Path) -> None:
        self._paths = (folder / BOOK, folder / SECOND)
        self._lock = Lock()
        documents = [read_checked(path) for path in self._paths]
        self.copies = sum(document is not None for document in documents)
        missing = (path for path, document in zip(self._paths, documents, strict=True) if document is None)
        self.lost = list(missing) if self.copies else []
        self.files = sum(path.exists() for path in self._paths)
        known = sorted((each for each in documents if each is not None), key=lambda each: int(each["edition"]))
        self._generation = int(known[-1]["edition"]) if known else 0
        self.entries: Mapping[str, Entry] = {}
        for document in known:  # The one of more collections' comings and goings says which there are.
            self.entries = {name: _entry(row) for name, row in document["collections"].items()}
        if documents[0] is not None:  # The first one knows the latest writes.
            latest = {name: _entry(row) for name, row in documents[0]["collections"].items()}
            self.entries = {name: latest.get(name, entry) for name, entry in self.entries.items()}

    @property
    def is_new(self) -> bool:
        """Whether there is no book yet: the folder is new, of a former version, or the book was lost."""
        return not self.copies

    def moment(self, wanted: Callable[[str], bool] = lambda _name: True) -> str:
        """A name of everything that was ever written, to these collections alone if asked."""
        entries = [(name, entry) for name, entry in self.entries.items() if entry.written and wanted(name)]
        writes = sorted((name, entry.stamp) for name, entry in entries)
        return blake2b(repr(writes).encode(), digest_size=16).hexdigest()

    def adopt(self, entries: Mapping[str, Entry]) -> None:
        """Begin the book with collections that are known from elsewhere."""
        with self._lock:
            self._save(entries, both=True)

    def enter(self, name: str, entry: Entry) -> None:
        """Add a collection."""
        with self._lock:
            self._save(dict(self.entries) | {name: entry}, both=True)

    def forget(self, name: str) -> None:
        """Strike a collection out."""
        with self._lock:
            self._save({n: entry for n, entry in self.entries.items() if n != name}, both=True)

    def begin(self, name: str, stamp: int, gone: Sequence[str] = ()) -> None:
        """Say that a write is about to happen."""
        with self._lock:
            entry = replace(self.entries[name], stamp=stamp, gone=tuple(gone), written=True)
            self._save(dict(self.entries) | {name: entry}, both=False)

    def renew(self) -> None:
        """Write both copies anew where one is lost."""
        with self._lock:
            if self.copies < len(self._paths):
                self._save(self.entries, both=True)

    def _save(self, entries: Mapping[str, Entry], *, both: bool) -> None:
        generation = self._generation + both
        rows = {name: _row(entry) for name, entry in entries.items()}
        for path in self._paths[:: -1 if both else 1][: 2 if both else 1]:
            write_checked(path, {"edition": generation, "collections": rows})
        self.entries, self._generation = entries, generation
        self.copies = 2 if both else self.copies


def _row(entry: Entry) -> dict[str, Any]:
    return asdict(entry)


def _entry(row: Mapping[str, Any]) -> Entry:
    gone = row["gone"]
    gone = None if gone is None else tuple(gone)
    return Entry(int(row["dim"]), str(row["fingerprint"]), int(row["stamp"]), gone, bool(row["written"]))
