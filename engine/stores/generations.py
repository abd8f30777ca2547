"""One generation's collections of a store, under their own names: whoever reads or writes sees no other generation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.domain import Candidates, CollectionSpec, Embeddings, Item
from engine.filters import EVERYTHING, Filter
from engine.generations.names import FIRST, read_name, stored_name
from engine.seams import CollectionChange, FacetRows, Shortlist, ShortlistQuery, VectorStore
from engine.stores.rows import check_name

T = TypeVar("T")


class Files(VectorStore, Protocol):
    """A store whose files are ours to look after; what it offers beside the rows, by the names in it."""

    def moment_of(self, wanted: Callable[[str], bool]) -> str:
        """A name of everything that was ever written to these collections."""
        ...

    def open_all(self) -> None:
        """Open every index now."""
        ...

    def problem(self, name: str) -> str | None:
        """Why searches of a collection would be refused at present, or None."""
        ...

    def examine(self) -> list[str]:
        """Compare everything with its checksums; what was found, in words."""
        ...

    def product_ids(self, name: str) -> set[str]:
        """The products that have rows in a collection."""
        ...


class Server(VectorStore, Protocol):
    """A store on a server; what it offers beside the rows, by the names in it."""

    def change(self, changes: Sequence[CollectionChange]) -> None:
        """Changes of many collections at once."""
        ...

    def rows_after(self, name: str, item_id: str, most: int) -> list[tuple[str, str]]:
        """(item_id, product_id) of rows, by item_id."""
        ...

    def check_loaded(self) -> None:
        """Ask the server after every collection that was opened."""
        ...

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Every call's answer."""
        ...


@runtime_checkable
class HasFiles(Protocol):
    """Tells a store of files from one on a server."""

    def moment_of(self, wanted: Callable[[str], bool]) -> str:
        """See `Files`."""
        ...


@runtime_checkable
class OnServer(Protocol):
    """Tells a store on a server from one of files."""

    def check_loaded(self) -> None:
        """See `Server`."""
        ...


@runtime_checkable
class HasAliases(Protocol):
    """A store on a server where other programs find collections by aliases, too."""

    def point_alias(self, alias: str, name: str) -> None:
        """Have an alias name this collection from now on."""
        ...


class GenerationView:
    """Implements `engine.seams.VectorStore` over the collections of one generation. Closing it closes the store."""

    def __init__(self, store: VectorStore, number: int) -> None:
        self.store, self.number = store, number

    def ensure(self, spec: CollectionSpec) -> None:
        """Create the collection, or check that it is the one asked for."""
        check_name(spec.name)
        self.store.ensure(replace(spec, name=self._stored(spec.name)))

    def collections(self) -> list[str]:
        """Names of what exists, sorted."""
        named = map(read_name, self.store.collections())
        return sorted(name for name, number in named if number == self.number)

    def drop(self, name: str) -> None:
        """Forget a collection with all its rows."""
        self.store.drop(self._stored(name))

    def upsert(self, name: str, items: Sequence[Item], embeddings: Embeddings) -> None:
        """Write rows by item_id."""
        self.store.upsert(self._stored(name), items, embeddings)

    def delete_products(self, name: str, product_ids: Collection[str]) -> None:
        """Remove every row of these products."""
        self.store.delete_products(self._stored(name), product_ids)

    def search(self, name: str, queries: Embeddings, k: int, where: Filter = EVERYTHING) -> list[Candidates]:
        """The k best rows that match, with exact scores."""
        return self.store.search(self._stored(name), queries, k, where)

    def shortlist(self, query: ShortlistQuery) -> Shortlist:
        """The rows nearest to any query in any of several collections."""
        if self.number == FIRST:
            return self.store.shortlist(query)
        asked = {self._stored(name): queries for name, queries in query.asked.items()}
        return _Shortlist(self.store.shortlist(replace(query, asked=asked, words=self._stored(query.words))), self)

    def embeddings(self, name: str, item_ids: Sequence[str]) -> tuple[Embeddings, list[bool]]:
        """Stored embeddings in the order asked."""
        return self.store.embeddings(self._stored(name), item_ids)

    def items(self, name: str, item_ids: Sequence[str]) -> list[Item | None]:
        """Stored items in the order asked, None where there is none."""
        return self.store.items(self._stored(name), item_ids)

    def items_of(self, name: str, product_id: str) -> list[Item]:
        """All rows of one product, by item_id."""
        return self.store.items_of(self._stored(name), product_id)

    def matching(self, name: str, where: Filter, most: int) -> list[Item]:
        """Rows that match, by item_id."""
        return self.store.matching(self._stored(name), where, most)

    def facet_rows(self, name: str, where: Filter, most: int) -> FacetRows:
        """Facets and prices of rows that match."""
        return self.store.facet_rows(self._stored(name), where, most)

    def known_values(self, name: str, facet: str, values: Collection[str]) -> frozenset[str]:
        """Which of a facet's values some row has."""
        return self.store.known_values(self._stored(name), facet, values)

    def count(self, name: str, where: Filter = EVERYTHING) -> int:
        """How many rows match."""
        return self.store.count(self._stored(name), where)

    def close(self) -> None:
        """Let go of the store, with all its generations."""
        self.store.close()

    def stored(self, name: str) -> str:
        """What a collection is called in the store."""
        return self._stored(name)

    def _stored(self, name: str) -> str:
        return stored_name(name, self.number)


class FilesView(GenerationView):
    """The same of a store whose files are ours to look after."""

    store: Files

    def moment(self) -> str:
        """A name of everything that was ever written to this generation."""
        return self.store.moment_of(lambda name: read_name(name)[1] == self.number)

    def open_all(self) -> None:
        """Open every index now, so that what is damaged is known before anybody searches."""
        self.store.open_all()

    def damage(self) -> str | None:
        """Why searches of some collection would be refused at present, or None."""
        problems = (self.store.problem(self._stored(name)) for name in self.collections())
        return next((said for said in problems if said), None)

    def examine(self) -> list[str]:
        """Compare everything with its checksums, other generations too; what was found, in words."""
        return self.store.examine()

    def product_ids(self, name: str) -> set[str]:
        """The products that have rows in a collection."""
        return self.store.product_ids(self._stored(name))


class ServerView(GenerationView):
    """The same of a store on a server."""

    store: Server

    def change(self, changes: Sequence[CollectionChange]) -> None:
        """Write and remove in many collections at once."""
        self.store.change([replace(change, name=self._stored(change.name)) for change in changes])

    def rows_after(self, name: str, item_id: str, most: int) -> list[tuple[str, str]]:
        """(item_id, product_id) of rows, by item_id, from behind one."""
        return self.store.rows_after(self._stored(name), item_id, most)

    def check_loaded(self) -> None:
        """Ask the server after every collection that was opened."""
        self.store.check_loaded()

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Every call's answer; all run at the same time."""
        return self.store.together(calls)


def view_of(store: Any, number: int) -> GenerationView:
    """A generation of a store, with everything that the store can do.

    Args:
        store: a `VectorStore`; a view of one is of that one's store.
    """
    if isinstance(store, GenerationView):
        return view_of(store.store, number)
    if isinstance(store, HasFiles):
        return FilesView(store, number)  # type: ignore[arg-type]
    if isinstance(store, OnServer):
        return ServerView(store, number)  # type: ignore[arg-type]
    return GenerationView(store, number)


@dataclass(frozen=True, slots=True, eq=False)
class _Shortlist:
    """A shortlist of a store, asked by a generation's own names."""

    inner: Shortlist
    view: GenerationView

    @property
    def products(self) -> NDArray[np.int64]:
        return self.inner.products

    @property
    def matched_by(self) -> NDArray[np.bool_]:
        return self.inner.matched_by

    @property
    def exhausted(self) -> bool:
        return self.inner.exhausted

    def cosines(self, name: str, queries: Embeddings) -> NDArray[np.float32]:
        return self.inner.cosines(self.view.stored(name), queries)

    def facets(self, places: Sequence[int], names: tuple[str, ...]) -> list[Mapping[str, tuple[str, ...]] | None]:
        return self.inner.facets(places, names)

    def items(self, places: Sequence[int]) -> list[Item | None]:
        return self.inner.items(places)
