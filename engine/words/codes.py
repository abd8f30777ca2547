"""Ids, GTINs and article numbers in a query's words: "SKU-1042", "4006381333931", "art. 77 in red"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.words.parsed_text import is_english
from engine.words.plain import tokens

CODE_FACETS = ("gtin", "ean", "upc", "mpn", "sku")
"""Attributes that name one product, as feeds call them."""
_NAMES = {"id": "id", "gtin": "GTIN", "ean": "EAN", "upc": "UPC", "mpn": "MPN", "sku": "SKU"}
_LEADS = frozenset(
    {"sku", "id", "gtin", "ean", "upc", "mpn", "art", "art.", "art.nr", "art.-nr", "article", "artikel", "artikelnr"}
    | {"artikelnummer", "item", "model", "no", "no.", "nr", "nr.", "number", "ref", "ref.", "reference", "product"}
)
_EDGES = "\"'.,;:!?()[]#“”„‘’"
_MOST = 8
_LONGEST = 100
_MOST_WORDS = 4
_DIGITS, _MOST_DIGITS = 6, 20
"""Digits alone that are a code within other words: fewer may be a size, a price or a year."""


@dataclass(frozen=True, slots=True)
class Identified:
    """A product that the words name by a code; `by` is `id` or the attribute."""

    product_id: str
    by: str
    code: str

    @property
    def called(self) -> str:
        """What people call such a code."""
        return _NAMES.get(self.by, self.by)

    @property
    def told(self) -> str:
        """Why the product was found."""
        return f'Its {self.called} is "{self.code}".'


Lookup = Callable[[Sequence[str]], Mapping[str, Sequence[Identified]]]
"""Codes as they are written → the products that have them; a code that none has is absent."""


@dataclass(frozen=True, slots=True)
class WithoutCodes:
    """A text without its codes, the products they name, and codes that no product has."""

    text: str
    identified: tuple[Identified, ...] = ()
    unknown: tuple[str, ...] = ()


def take_codes(text: str, lookup: Lookup) -> WithoutCodes:
    """Look for the whole text, and for the words of it that may be codes."""
    whole, words = text.strip().strip(_EDGES), text.split()
    candidates = {at: code for at, word in enumerate(words) if _may_be_code(words, at) and (code := word.strip(_EDGES))}
    asked = list(dict.fromkeys([*([whole] if _may_be_whole(whole) else []), *list(candidates.values())[:_MOST]]))
    found = lookup(asked) if asked else {}
    if products := found.get(whole):
        return WithoutCodes("", tuple(products))
    taken = {at for at, code in candidates.items() if code in found}
    leads = {at - 1 for at in taken if at and words[at - 1].casefold().strip(":#") in _LEADS}
    left = " ".join(word for at, word in enumerate(words) if at not in taken | leads)
    named = tuple(dict.fromkeys(each for at in sorted(taken) for each in found[candidates[at]]))
    lost = tuple(whole for _ in range(1) if not taken and len(words) == 1 and _is_number(whole))
    return WithoutCodes(left, named, lost)


def _may_be_whole(text: str) -> bool:
    """Whether a text may be nothing but a code: not where all of it is plain words."""
    if not text or len(text) > _LONGEST or text.count(" ") >= _MOST_WORDS:
        return False
    return any(each.isdigit() for each in text) or not all(map(is_english, tokens(text)))


def _may_be_code(words: Sequence[str], at: int) -> bool:
    code = words[at].strip(_EDGES)
    led = at > 0 and words[at - 1].casefold().strip(":#") in _LEADS
    digits = sum(each.isdigit() for each in code)
    if not digits or len(code) > _LONGEST:
        return False
    return led or digits >= _DIGITS or (len(code) >= 4 and any(each.isalpha() for each in code))


def _is_number(text: str) -> bool:
    return _DIGITS <= len(text) <= _MOST_DIGITS and text.isdigit()
