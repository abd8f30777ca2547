"""Slips in writing a brand or a word of the shop's own: "adidsa", "tommy hilfigr"."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from engine.values import BRAND_FACET, WORDS_FACET
from engine.words.parsed_text import Named, plain_word
from engine.words.vocabulary import Vocabulary

Catalogue = Callable[[str, Collection[str]], frozenset[str]]
"""A facet and values → those of them that some product has."""
_LONGEST = 3
"""Words of a brand's name in which a slip is looked for."""
_WITHIN, _MOST_SPANS = 24, 72
"""Words of a text among which brands are looked for, and spans of them: three for each word."""
_MOST_WORDS = 12
_MOST_MEANT = 3
"""Brands that one slip may mean."""


@dataclass(frozen=True, slots=True)
class Slips:
    """Reads words that nothing understands as terms of the shop that they are a slip away from."""

    catalogue: Catalogue
    vocabulary: Vocabulary
    familiar: Callable[[str], bool]

    def brands(self, words: Sequence[str]) -> tuple[list[str], list[Named]]:
        """The words without names of brands with a slip in them, and these; longest names first."""
        left, found, tries = list(words), list[Named](), 0
        within = min(len(words), _WITHIN)
        for length in range(min(_LONGEST, within), 0, -1):
            for at in range(within - length + 1):
                span = left[at : at + length]
                if not all(word.isalpha() for word in span) or all(map(self.familiar, span)):
                    continue
                tries += 1
                if tries <= _MOST_SPANS and (named := self._brand(span)):
                    found.append(named)
                    left[at : at + length] = [""] * length
        return [word for word in left if word], found

    def _brand(self, span: Sequence[str]) -> Named | None:
        written = " ".join(span)
        near = dict(self.vocabulary.brands_near(written))
        if len(span) == 1 and (whole := self.vocabulary.brand_with(written)):
            near = dict([whole])
        there = self.catalogue(BRAND_FACET, set(near)) if near else frozenset()
        if not there or len(there) > _MOST_MEANT:
            return None
        names = " or ".join(f'"{near[name]}"' for name in near if name in there)
        return Named(BRAND_FACET, there, f'Read "{written}" as {names}, a brand')

    def words(self, words: Sequence[str]) -> tuple[list[str], frozenset[str], list[str]]:
        """The words with those of the shop's titles in the place of slips, these, and what is to be said of it."""
        fixes: dict[str, str] = {}
        strangers = [word for word in dict.fromkeys(words) if word.isalpha() and not self.familiar(word)]
        for word in strangers[:_MOST_WORDS]:
            near = [term for term, _ in self.vocabulary.words_near(word)]
            there = self.catalogue(WORDS_FACET, set(map(plain_word, near))) if near else frozenset()
            meant = {plain_word(term): term for term in near if plain_word(term) in there}
            if len(meant) == 1:
                fixes[word] = next(iter(meant.values()))
        told = [f'Read "{wrong}" as "{right}".' for wrong, right in fixes.items()]
        return [fixes.get(word, word) for word in words], frozenset(fixes.values()), told
