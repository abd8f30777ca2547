"""The shop's own terms in the ledger: noted once each, never taken out, so that writers need not count them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from engine.domain import Product
from engine.ledger import tables
from engine.ledger.rows import storable
from engine.seams import Term, TermKind
from engine.words.vocabulary import terms_of

Known = set[tuple[TermKind, str]]
_CHUNK = 5_000
_LATE = 1_000
"""Numbers told again: of two writers the one with the lower numbers may be done last."""


def unknown_terms(products: Sequence[Product], known: Known) -> dict[tuple[TermKind, str], str]:
    """The terms of some products that this process has not noted yet."""
    return {key: label for key, label in terms_of(products).items() if key not in known}


def note_terms(connection: Connection, products: Sequence[Product], known: Known) -> None:
    """Write down the terms of some products that are not known yet."""
    write_terms(connection, unknown_terms(products, known))


def write_terms(connection: Connection, terms: dict[tuple[TermKind, str], str]) -> None:
    """Write terms that may be there already; in one order, so that two writers never wait for each other."""
    rows = [
        {"kind": kind, "term": storable(text), "label": storable(label)}
        for (kind, text), label in sorted(terms.items())
    ]
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(tables.terms).on_conflict_do_nothing()
    for start in range(0, len(rows), _CHUNK):
        connection.execute(statement, rows[start : start + _CHUNK])


def read_terms(connection: Connection, after: int) -> list[Term]:
    """Terms from behind a number, in their order."""
    table = tables.terms
    query = select(table).where(table.c.number > max(0, after - _LATE)).order_by(table.c.number)
    return [Term(row.number, row.kind, row.term, row.label) for row in connection.execute(query)]
