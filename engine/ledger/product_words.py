"""Which products an operator means by a few words: an id, a brand, words of the title."""

from __future__ import annotations

from engine.domain import Product
from engine.unicode_forms import nfc


def words_of(text: str) -> list[str]:
    """The words asked for, spelled as they are compared; quotes and backslashes part words.

    >>> words_of('Navy  SHIRT "xl"')
    ['navy', 'shirt', 'xl']
    """
    return _folded(text.replace('"', " ").replace("\\", " ")).split()


def has_words(product: Product, words: list[str]) -> bool:
    """Whether each word is part of the product's id, group, title, brand or category."""
    if not words:
        return True
    texts = (product.product_id, product.item_group_id, product.title, product.brand, product.category)
    text = _folded(" ".join(one for one in texts if one))
    return all(word in text for word in words)


def _folded(text: str) -> str:
    return nfc(text).casefold()
