"""Generations beside the one that serves, compared with what is noted of them; what differs is built anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.domain import SPACES
from engine.generations.names import read_name
from engine.generations.record import Generations, read_generations
from engine.ledger.generation_notes import Note, book_of
from engine.seams import VectorStore
from engine.stores.generations import view_of
from engine.taxonomy import collection_name, load_taxonomy
from ingest.run.row_changes import change_rows, changes_of
from ingest.scale.drift import rows_of
from models.bootstrap import hold_home, open_ledger, open_store
from models.settings import Settings

if TYPE_CHECKING:
    from engine.ledger.generations import GenerationBook

PAGE = 500


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """One generation, compared; with `repair` what differs is left for the next change to build anew."""

    book: GenerationBook
    store: VectorStore
    number: int
    supercategories: Sequence[str]
    repair: bool

    def found(self) -> Iterator[str]:
        """What differs, in words."""
        if lacking := sum(self._lacking(notes) for notes in self._pages()):
            yield f"generation {self.number} lacks rows of {lacking:,} products"
        strange = sum(self._strange(name, space) for name in self.supercategories for space in SPACES)
        if strange:
            yield f"generation {self.number} has {strange:,} products' rows that are not noted"

    def _pages(self) -> Iterator[list[Note]]:
        after = ""
        while notes := self.book.page(self.number, after, PAGE):
            yield notes
            after = notes[-1].product_id

    def _lacking(self, notes: Sequence[Note]) -> int:
        named = [(note, *pair) for note in notes for pair in note.items]
        lacking: set[str] = set()
        for name in dict.fromkeys(supercategory for _, supercategory, _ in named):
            here = [(note.product_id, item_id) for note, supercategory, item_id in named if supercategory == name]
            for space in SPACES:
                items = self.store.items(collection_name(name, space), [item_id for _, item_id in here])
                lacking |= {i for (i, _), item in zip(here, items, strict=True) if item is None}
        if self.repair and lacking:
            self.book.forget(self.number, lacking)
        return len(lacking)

    def _strange(self, supercategory: str, space: str) -> int:
        count = 0
        for ids in rows_of(self.store, f"{supercategory}_{space}"):
            for some in (sorted(ids)[start : start + PAGE] for start in range(0, len(ids), PAGE)):
                notes = self.book.notes(self.number, some)
                strange = [i for i in some if i not in notes or supercategory not in dict(notes[i].items)]
                if self.repair and strange:
                    change_rows(self.store, changes_of({supercategory: strange}, {}))
                    self.book.forget(self.number, strange)
                count += len(strange)
        return count


def compared(settings: Settings, *, repair: bool) -> tuple[list[str], int]:
    """What differs, in words, and how many generations there are beside the one that serves.

    Raises:
        HomeInUse: another process holds the home.
        StoreUnavailable: a part does not answer.
    """
    with ExitStack() as stack:
        if not settings.is_shared:
            stack.enter_context(hold_home(settings.home))
        ledger = stack.enter_context(closing(open_ledger(settings)))
        store = stack.enter_context(closing(open_store(settings)))
        document = read_generations(ledger)
        found = list(_left_over(document, store, repair=repair))
        others = [each.number for each in document.known if each.number != document.serving]
        names = list(load_taxonomy(settings.taxonomy).supercategories)
        for number in others:
            found += _Comparison(book_of(ledger), view_of(store, number), number, names, repair).found()
        return found, len(others)


def _left_over(document: Generations, store: VectorStore, *, repair: bool) -> Iterator[str]:
    """Collections of generations that no list names."""
    known = {document.serving, *(each.number for each in document.known)}
    strange = [name for name in store.collections() if read_name(name)[1] not in known]
    if strange and (document.known or all(read_name(name)[1] > document.latest for name in strange)):
        if repair:
            for name in strange:
                store.drop(name)
        yield f"{len(strange)} collections are of no generation, such as {strange[0]}"
