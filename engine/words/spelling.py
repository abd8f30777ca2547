"""Spelling mistakes of colours and garments: "balck", "trosers". Nothing else is ever corrected."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from engine.color.words import is_color
from engine.words.english import english

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_SHORT, _LONG = 5, 9
_BESIDE = {
    letter: frozenset("".join(row[max(0, at - 1) : at + 2] for row in _ROWS[max(0, n - 1) : n + 2]))
    for n, letters in enumerate(_ROWS)
    for at, letter in enumerate(letters)
}
"""Letters near each other on a keyboard."""


@lru_cache(maxsize=2048)
def corrected(word: str, known: Collection[str]) -> str | None:
    """The one known word that somebody who wrote this may have meant; None where there is none, or no telling.

    One letter too many, too few, or in its neighbour's place; another letter only where it lies beside on a keyboard,
    or the word is long. The first letter is right, or changed places with the second.
    """
    if len(word) < _SHORT - 1 or not word.isalpha() or word in english().never_corrected:
        return None
    most = 2 if len(word) >= _LONG else 1
    near = process.extract(word, known, scorer=OSA.distance, score_cutoff=most, limit=8)
    fitting = [(distance, _rarity(meant), meant) for meant, distance, _ in near if _slip(word, meant, int(distance))]
    best = sorted(fitting)[:2]
    if not best or (len(best) > 1 and best[0][:2] == best[1][:2] and not _kin(best[0][2], best[1][2])):
        return None
    return best[0][2]


def _rarity(word: str) -> int:
    """Colours are meant before garments, and these before what is said of them."""
    return 0 if is_color(word) else 1 if word.rstrip("s") in english().garments else 2


def _slip(word: str, meant: str, distance: int) -> bool:
    if len(meant) < _SHORT - 1 or word[0] not in meant[:2] or meant[0] not in word[:2]:
        return False
    if sorted(word) == sorted(meant):
        return True
    if distance > 1:
        return len(word) >= _LONG
    if len(word) != len(meant):
        return True
    wrong = next((a, b) for a, b in zip(word, meant, strict=True) if a != b)
    return len(word) > _SHORT + 1 or (len(word) >= _SHORT and wrong[1] in _BESIDE.get(wrong[0], ()))


def _kin(one: str, other: str) -> bool:
    """Whether two words are one in its singular and plural."""
    return one.rstrip("s").removesuffix("e") == other.rstrip("s").removesuffix("e")
