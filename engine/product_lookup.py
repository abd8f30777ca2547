"""A product of the ledger by its id, in whichever of Unicode's forms the id is written."""

from __future__ import annotations

from engine.seams import Ledger, LedgerEntry
from engine.unicode_forms import nfc


def find_product(ledger: Ledger, product_id: str) -> LedgerEntry | None:
    """The entry under these very characters, else under their composed form (NFC), in which ids are kept; else None."""
    spellings = tuple(dict.fromkeys((product_id, nfc(product_id))))
    known = ledger.get(spellings)
    return next((known[one] for one in spellings if one in known), None)
