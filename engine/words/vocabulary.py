"""The shop's own vocabulary: brands, categories, and the words of its titles that no dictionary of ours has.

A word that nothing understands is compared with it: "adidsa" is adidas, where the shop has adidas. Only words are
compared that begin alike and are about as long, so that a hundred thousand of them take a third of a millisecond (all
of them take nine, a trigram index in SQLite twenty-two).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from rapidfuzz import process
from rapidfuzz.distance import OSA

from engine.domain import Product
from engine.seams import Term, TermKind
from engine.values import bare, canonical, folded
from engine.words.english import english
from engine.words.parsed_text import is_english

_SHORTEST, _LONGEST = 4, 30
_LONGEST_CATEGORY = 60
_LONG = 8
"""Letters from which two slips are taken for slips."""
_WORD = re.compile(r"[^\W\d_]+")
_FRESH_S = 5.0
_MOST_TERMS = 2_000_000
"""Terms that are kept in memory; those of a shop that has more are found as they are written, and not mistyped."""


def terms_of(products: Sequence[Product]) -> dict[tuple[TermKind, str], str]:
    """The terms of some products: (kind, as it is compared) → as the shop writes it."""
    found: dict[tuple[TermKind, str], str] = {}
    for product in products:
        if product.brand and len(name := bare(product.brand)) <= _LONGEST and name:
            found.setdefault(("brand", name), product.brand)
        for word in _WORD.findall(folded(product.title)):
            if _SHORTEST <= len(word) <= _LONGEST and not is_english(word):
                found.setdefault(("word", word), word)
        for category in product.categories or (product.category or "",):
            name = canonical("category", category).rpartition(" > ")[2]
            if 0 < len(name) <= _LONGEST_CATEGORY:
                found.setdefault(("category", name), name)
    return found


@dataclass(slots=True)
class _Kind:
    """The terms of one kind, by their first letter and length."""

    labels: dict[str, str] = field(default_factory=dict)
    alike: dict[tuple[str, int], list[str]] = field(default_factory=dict)

    def add(self, text: str, label: str) -> None:
        if text not in self.labels:
            self.labels[text] = label
            self.alike.setdefault((text[0], len(text)), []).append(text)

    def near(self, text: str) -> list[tuple[int, str]]:
        """The terms that somebody who wrote this may have meant, with how many slips apart, nearest first."""
        most = 2 if len(text) >= _LONG else 1
        among = [
            term
            for first in dict.fromkeys(text[:2])
            for length in range(max(_SHORTEST, len(text) - most), len(text) + most + 1)
            for term in self.alike.get((first, length), ())
        ]
        found = process.extract(text, among, scorer=OSA.distance, score_cutoff=most, limit=8)
        return sorted((int(slips), term) for term, slips, _ in found if slips and text[0] in term[:2])


class Vocabulary:
    """What a shop's words are, read from its ledger as they come. Safe to use from several threads."""

    def __init__(self, read: Callable[[int], Sequence[Term]]) -> None:
        """Nothing is read yet.

        Args:
            read: the terms behind a number, in the order of their numbers.
        """
        self._read, self._lock = read, Lock()
        self._kinds: dict[TermKind, _Kind] = {"brand": _Kind(), "word": _Kind(), "category": _Kind()}
        self._parts: dict[str, set[str]] = {}
        self._last, self._until = 0, 0.0

    def read(self) -> None:
        """Read what is new, so that the first mistyped word need not wait for it."""
        self._refresh()

    def brands_near(self, text: str) -> list[tuple[str, str]]:
        """Brands that a slip in writing made this text of: as they are compared, and as they are written."""
        return self._near("brand", bare(text))

    def words_near(self, text: str) -> list[tuple[str, str]]:
        """Words of the shop's titles that a slip made this text of."""
        return self._near("word", text)

    def brand_with(self, word: str) -> tuple[str, str] | None:
        """The one brand that has this word in its name ("hilfiger"); None where there is none, or more."""
        self._refresh()
        found = self._parts.get(word, set())
        return next(((name, self._kinds["brand"].labels[name]) for name in found), None) if len(found) == 1 else None

    def categories(self) -> tuple[str, ...]:
        """The last steps of the products' categories, as facets have them; those that came first, first."""
        self._refresh()
        with self._lock:
            return tuple(self._kinds["category"].labels)

    def _near(self, kind: TermKind, text: str) -> list[tuple[str, str]]:
        if not _SHORTEST <= len(text) <= _LONGEST or text in english().never_corrected:
            return []
        self._refresh()
        terms = self._kinds[kind]
        found = terms.near(text)
        return [(term, terms.labels[term]) for slips, term in found if slips == found[0][0]]

    def _refresh(self) -> None:
        with self._lock:
            if monotonic() < self._until:
                return
            for term in self._read(self._last):
                self._last = max(self._last, term.number)
                if len(self._kinds[term.kind].labels) < _MOST_TERMS:
                    self._add(term)
            self._until = monotonic() + _FRESH_S

    def _add(self, term: Term) -> None:
        self._kinds[term.kind].add(term.text, term.label)
        words = _WORD.findall(folded(term.label)) if term.kind == "brand" else []
        for word in words if len(words) > 1 else []:
            if len(word) > _SHORTEST and not is_english(word):
                self._parts.setdefault(word, set()).add(term.text)
