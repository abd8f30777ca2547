"""Whether the ledger and the vector store of a catalogue speak of the same moment.

Every commit of ingest writes the store's moment into the ledger with the entries that it settles. A run that was cut
off leaves entries that are not settled; then, and only then, may the two differ, and no more than these entries allow.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from engine.domain import SPACES
from engine.errors import HomeDamaged
from engine.seams import MOMENT, Ledger, VectorStore, moment_of
from engine.taxonomy import collection_name

WHAT_TO_DO = (
    "Restore a backup of the whole home, or run `thatlook doctor --repair`, "
    "or `thatlook ingest --repair FEED` for each feed."
)


@runtime_checkable
class Embedded(VectorStore, Protocol):
    """A store whose files are ours to look after."""

    def open_all(self) -> None:
        """Open every index now, so that what is damaged is known before anybody searches."""
        ...

    def damage(self) -> str | None:
        """Why searches of some collection would be refused at present, or None."""
        ...

    def examine(self) -> list[str]:
        """Compare everything with its checksums; what was found, in words."""
        ...

    def product_ids(self, name: str) -> set[str]:
        """The products that have rows in a collection."""
        ...


@runtime_checkable
class Loaded(Protocol):
    """A store that answers only from collections that its server has loaded."""

    def check_loaded(self) -> None:
        """Ask the server after every collection that searches need.

        Raises:
            StoreUnavailable: one is not loaded, or the server does not answer.
        """
        ...


def check_agreement(store: VectorStore, ledger: Ledger) -> None:
    """Refuse two that do not belong together; a ledger of a former version is given the store's moment.

    Raises:
        HomeDamaged: products or rows are missing, or one of the two is of another time.
    """
    now = moment_of(store)
    if now is None or ledger.get_setting(MOMENT) == now:
        return
    if problems := disagreements(store, ledger):
        raise HomeDamaged(f"{problems[0]} {WHAT_TO_DO}")
    if ledger.get_setting(MOMENT) is None and ledger.rows_named()[1]:
        ledger.set_setting(MOMENT, now)


def disagreements(store: VectorStore, ledger: Ledger) -> list[str]:
    """Where a store and a ledger do not speak of the same, in words."""
    now, said = moment_of(store), ledger.get_setting(MOMENT)
    settled, named = ledger.rows_named()
    problem = row_problem(store, settled, named)
    if problem is None and None not in (now, said) and now != said and settled == named:
        problem = "The ledger and the stored rows are of different times: one of them is an older copy."
    return [problem] if problem else []


def row_problem(store: VectorStore, settled: int, named: int) -> str | None:
    """Where the store has fewer rows than settled products need, or more than all products name."""
    for space, rows in rows_by_space(store).items():
        if rows < settled:
            return f"{settled - rows:,} of {settled:,} indexed products have no {space} row in the vector store."
        if rows > named:
            return f"The vector store has {rows:,} {space} rows, of which the ledger knows {named:,} at most."
    return None


def rows_by_space(store: VectorStore) -> dict[str, int]:
    """How many rows the paired collections of each space hold together."""
    names = store.collections()
    return {
        space: sum(store.count(name) for name in names if name == collection_name(name[: -len(space) - 1], space))
        for space in SPACES
    }
