"""What is told of generations of collections, without the database that keeps it: its import takes a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from engine.errors import ContractBroken
from engine.seams import IngestState

if TYPE_CHECKING:
    from engine.ledger.generations import GenerationBook

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Note:
    """What a generation has, or would have, of a product.

    Attributes:
        updated: the moment of the product's entry, in seconds since 1970, that the rows are of.
        state: how the product stands, or would, if this generation served.
        content_hash: of the entry, where that was settled.
        items: (supercategory, item_id) of every row.
    """

    product_id: str
    updated: float
    state: IngestState
    content_hash: str = ""
    items: Pairs = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a generation is.

    Attributes:
        products: in the catalogue; done: those whose rows are right.
        indexed: products that are indexed at present; lost: those of them that would not be.
        rows: of products that are done.
        gone: products that left the catalogue, and still have rows here.
    """

    products: int
    done: int
    indexed: int
    lost: int
    rows: int
    gone: int


@runtime_checkable
class _HasBook(Protocol):
    def generations(self) -> GenerationBook: ...


def book_of(ledger: object) -> GenerationBook:
    """The notes that lie in a ledger.

    Raises:
        ContractBroken: a ledger that has none.
    """
    if not isinstance(ledger, _HasBook):
        raise ContractBroken("This ledger keeps no notes of generations.")
    return ledger.generations()
