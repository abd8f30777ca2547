"""What the words of a query ask for: colours, colours not to have, a kind of garment, and words to look for.

Plain reading, no model: phrases are matched whole, longest first; "not", "no", "without" and the like turn
the colour behind them around. What is not understood is left to the text embedding, which reads everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.color_words import LONGEST, is_color

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?|[,;/&+]")
_NOT = frozenset({"not", "no", "non", "without", "never", "except", "isn't", "don't"})
_TURNS = frozenset({"but", "with"})
"""Words at which a "not" ends."""
_REACH = 3
"""How many words behind a "not" it still turns a colour around ("not in a dark blue")."""
_SAME_WORD = {
    "tee": "t-shirt", "tshirt": "t-shirt", "trouser": "pants", "pant": "pants", "jumper": "sweater", "dresses": "dress",
    "pullover": "sweater", "trainer": "sneaker", "parkas": "parka", "jean": "jeans", "short": "shorts", "gray": "grey",
    "tight": "leggings", "legging": "leggings", "stripy": "striped", "stripe": "striped", "stripes": "striped",
    "plaid": "checked", "checkered": "checked", "check": "checked", "flower": "floral", "flowery": "floral",
    "dotted": "dots", "spotted": "dots", "dot": "dots", "sleeved": "sleeve", "hooded": "hood", "hoody": "hoodie",
}  # fmt: skip
_EMPTY = frozenset({
    "a", "an", "the", "i", "am", "is", "are", "it", "its", "in", "of", "for", "to", "on", "at", "by", "and", "or",
    "but", "with", "same", "one", "more", "less", "very", "please", "show", "me", "find", "want", "looking", "look",
    "like", "something", "that", "this", "be", "as", "my", "some", "any", "need", "would", "get", "give", "photo",
    "picture", "piece", "clothing", "clothes", "garment", "item", "product", "color", "colored", "colour",
    "coloured", "shade", "tone", "instead", "make", "has", "have",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """Words understood.

    Attributes:
        colors: colour words wanted; `either` says that one of them is enough ("navy or black").
        unwanted: colour words to stay away from.
        words: what else to look for among the shop's words, in their plain form.
    """

    colors: tuple[str, ...] = ()
    either: bool = False
    unwanted: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.colors or self.unwanted or self.words)


NO_WISH = Wish()


def read_wish(positive: Sequence[str], negative: Sequence[str] = ()) -> Wish:
    """What wanted and unwanted texts ask for."""
    wanted: dict[str, None] = {}
    turned: dict[str, None] = {}
    words: set[str] = set()
    either = False
    for text in positive:
        colors, away, rest = _read(tokens(text))
        wanted |= dict.fromkeys(colors)
        turned |= dict.fromkeys(away)
        words |= rest
        either |= len(colors) > 1 and re.search(r"\bor\b", text.casefold()) is not None
    for text in negative:
        colors, away, _ = _read(tokens(text))
        turned |= dict.fromkeys((*colors, *away))
    unwanted = tuple(color for color in turned if color not in wanted)
    return Wish(tuple(wanted), either, unwanted, frozenset(words))


def tokens(text: str) -> list[str]:
    """Casefolded words and the marks that part them; "t-shirt" in all its spellings is one word."""
    plain = re.sub(r"\bt[\s\-]?shirt", "tshirt", text.casefold())
    return [word.removesuffix("'s").removesuffix("’s") for word in _TOKEN.findall(plain)]


def shop_words(texts: Iterable[str]) -> frozenset[str]:
    """The words of a shop's texts that a query may look for, in their plain form, without colours."""
    found: set[str] = set()
    for text in texts:
        found |= _read(tokens(text))[2]
    return frozenset(found)


def colors_in(text: str) -> tuple[str, ...]:
    """The colour words of a text, in order."""
    return tuple(dict.fromkeys(_read(tokens(text))[0]))


def said(text: str) -> str:
    """A text without what it turns away ("a dress, not black" → "a dress"), for an embedding that cannot read "not"."""
    words = tokens(text)
    kept = [word for word, part in zip(words, _parts(words), strict=True) if part[0] != "turned"]
    return " ".join(kept).replace("tshirt", "t-shirt") if kept and len(kept) < len(words) else text


def _read(words: Sequence[str]) -> tuple[list[str], list[str], set[str]]:
    """Colours wanted, colours turned away, and the other words."""
    parts = list(dict.fromkeys(part for part in _parts(words) if part[1]))
    wanted = [phrase for part, phrase, _ in parts if part == "color"]
    turned = [phrase for part, phrase, colored in parts if part == "turned" and colored]
    return wanted, turned, {plain_word(phrase) for part, phrase, _ in parts if part == "word"}


def _parts(words: Sequence[str]) -> list[tuple[str, str, bool]]:
    """For each word: what it is part of (`color`, `word`, `turned`, or ``), that phrase, and whether it is a colour."""
    parts: list[tuple[str, str, bool]] = []
    reach, met = 0, False  # How far a "not" still reaches, and whether it has met its colour.
    while len(parts) < len(words):
        word, length = words[len(parts)], _color_length(words[len(parts) :])
        if word in _NOT or (word, *words[len(parts) + 1 : len(parts) + 2]) == ("instead", "of"):
            reach, met = _REACH, False
            parts.append(("turned", "", False))
        elif length:
            met = reach > 0
            parts += [("turned" if met else "color", " ".join(words[len(parts) : len(parts) + length]), True)] * length
        elif word in _EMPTY or word.isdigit() or len(word) < 2:
            reach = 0 if word in _TURNS else max(0, reach - 1)
            parts.append(("turned" if reach else "", "", False))
        else:
            parts.append(("turned" if reach and not met else "word", word, False))
            reach = 0
    return parts


def _color_length(words: Sequence[str]) -> int:
    """How many words the colour at the beginning has ("light blue", "peach pink"); 0 where there is none."""
    at = 0
    while fits := [n for n in range(1, LONGEST + 1) if is_color(" ".join(words[at : at + n])) and at + n <= len(words)]:
        at += fits[-1]
    return at


def plain_word(word: str) -> str:
    """A word without its plural, under the spelling that stands for its kin."""
    singular = word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
    return _SAME_WORD.get(word) or _SAME_WORD.get(singular) or singular
