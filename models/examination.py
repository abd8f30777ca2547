"""Looks through everything that a catalogue is kept in, and says what is not as it was written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeAlias, TypeVar

from engine.errors import ObjectNotFound, ThatLookError
from engine.generations.record import read_generations
from engine.ledger.sqlite_file import SqliteFile
from engine.seams import IngestState, Ledger, LedgerEntry, ObjectStore, VectorStore
from engine.stores.generations import view_of
from engine.taxonomy import collection_name
from models.agreement import WHAT_TO_DO, Embedded, disagreements

T = TypeVar("T")
PAGE = 500
TOLD = 5
"""So many of one kind are named; the others are counted."""


Problems: TypeAlias = dict[str, list[str]]
"""By part (`ledger`, `vectors`, `pictures`), each in words."""


def examine_catalogue(
    ledger_file: Path | None,
    open_ledger: Callable[[], Ledger],
    open_store: Callable[[], VectorStore],
    objects: ObjectStore,
) -> Problems:
    """Open one after the other and compare all with what was written; nothing where all is well.

    Args:
        ledger_file: of a SQLite ledger; None where the ledger is a server's.
    """
    found: Problems = {"ledger": [], "vectors": [], "pictures": []}
    with ExitStack() as stack:
        store = _opened(open_store, found["vectors"], stack)
        found["ledger"] += _of_ledger_file(ledger_file)
        ledger = _opened(open_ledger, found["ledger"], stack)
        _examine(found, ledger, store, objects)
    return {part: list(dict.fromkeys(said)) for part, said in found.items() if said}


def examine_open(ledger_file: Path | None, ledger: Ledger, store: VectorStore, objects: ObjectStore) -> Problems:
    """The same for what is open already, and is written to meanwhile perhaps."""
    found: Problems = {"ledger": _of_ledger_file(ledger_file), "vectors": [], "pictures": []}
    _examine(found, ledger, store, objects)
    return {part: said for part, said in found.items() if said}


def _examine(found: Problems, ledger: Ledger | None, store: VectorStore | None, objects: ObjectStore) -> None:
    if isinstance(store, Embedded):
        found["vectors"] += store.examine()
    if ledger is None or store is None:
        return
    try:
        store = view_of(store, read_generations(ledger).serving)
        found["vectors"] += [f"{said} {WHAT_TO_DO}" for said in disagreements(store, ledger)]
        rows: list[str] = []
        pictures: list[str] = []
        for part, said in examine_entries(ledger, store, objects):
            (rows if part == "vectors" else pictures).append(said)
        found["vectors"] += _in_short(rows)
        found["pictures"] += _in_short(pictures)
    except ThatLookError as error:
        found["ledger"].append(error.message)


def _opened(build: Callable[[], T], found: list[str], stack: ExitStack) -> T | None:
    try:
        return stack.enter_context(closing(build()))  # type: ignore[type-var]
    except ThatLookError as error:
        found.append(error.message)
        return None


def _of_ledger_file(path: Path | None) -> list[str]:
    try:
        return [] if path is None else SqliteFile(path).examine()
    except ThatLookError as error:
        return [error.message]


def examine_entries(ledger: Ledger, store: VectorStore, objects: ObjectStore) -> Iterator[tuple[str, str]]:
    """Each indexed product that lacks a row or its stored picture: the part and what is wrong, in words."""
    for entries in pages(ledger):
        for name, pairs in _by_supercategory(entries).items():
            ids = [item_id for item_id, _ in pairs]
            for space in ("visual", "semantic"):
                items = store.items(collection_name(name, space), ids)
                for (_, product_id), item in zip(pairs, items, strict=True):
                    if item is None:
                        yield "vectors", f"product {product_id} has no {space} row"
                    elif space == "semantic" and (said := _problem_of_picture(objects, item.image)):
                        yield "pictures", f"the stored picture of product {product_id} {said}"


def pages(ledger: Ledger) -> Iterator[list[LedgerEntry]]:
    """All indexed entries, page by page."""
    after: str | None = None
    while page := ledger.page(state=IngestState.INDEXED, after=after, limit=PAGE):
        yield page
        after = page[-1].product.product_id


def is_whole_picture(key: str, data: bytes) -> bool:
    """Whether a stored picture has the bytes that its name says; names that say nothing are believed."""
    name = Path(key).stem
    named = len(name) == 16 and all(letter in "0123456789abcdef" for letter in name)
    return not named or hashlib.sha256(data).hexdigest().startswith(name)


def _problem_of_picture(objects: ObjectStore, key: str) -> str | None:
    try:
        return None if is_whole_picture(key, objects.get(key)) else "has other bytes than were stored"
    except ObjectNotFound:
        return "is missing"


def _by_supercategory(entries: list[LedgerEntry]) -> dict[str, list[tuple[str, str]]]:
    """Supercategory → (item, product) of the rows that entries name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for entry in entries:
        for supercategory, item_id in entry.items:
            found.setdefault(supercategory, []).append((item_id, entry.product.product_id))
    return found


def _in_short(said: list[str]) -> list[str]:
    return said if len(said) <= TOLD + 1 else [*said[:TOLD], f"and {len(said) - TOLD} more of that kind"]
