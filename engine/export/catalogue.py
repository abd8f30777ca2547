"""Reading a catalogue page by page, so that however large it is, a page's products are in memory and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.domain import Product
from engine.products.text import decoded, plain, plain_lines
from engine.seams import IngestState, Ledger, LedgerEntry

PAGE = 500


def pages(ledger: Ledger, state: IngestState | None = None) -> Iterator[list[LedgerEntry]]:
    """All entries (of one state) in the order of their ids."""
    after: str | None = None
    while page := ledger.page(state=state, after=after, limit=PAGE):
        yield page
        if len(page) < PAGE:
            return
        after = page[-1].product.product_id


def written(product: Product) -> Product:
    """The product with its texts as a feed has to have them, so that they are read as they are.

    A reader takes entities for the characters that they stand for: a text that really says "&amp;" is written
    "&amp;amp;".
    """
    return replace(
        product,
        title=_marked(product.title),
        link=_address(product.link),
        images=tuple(map(_address, product.images)),
        description=_marked_lines(product.description),
        brand=_marked_or_none(product.brand),
        color=_marked_or_none(product.color),
        gender=_marked_or_none(product.gender),
        category=_marked_or_none(product.category),
        categories=tuple(map(_marked, product.categories)),
        item_group_id=product.item_group_id,
        attributes={name: _marked(value) for name, value in product.attributes.items()},
    )


def _marked(text: str) -> str:
    return text if plain(text, markup=True) == text else text.replace("&", "&amp;")


def _marked_or_none(text: str | None) -> str | None:
    return None if text is None else _marked(text)


def _marked_lines(text: str) -> str:
    return text if plain_lines(text, markup=True) == text else text.replace("&", "&amp;")


def _address(text: str) -> str:
    return text if decoded(text) == text else text.replace("&", "&amp;")
