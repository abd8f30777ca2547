"""Words of shops, in many languages, → the garment they speak of, in a word that the taxonomy knows.

Data is in `garment_words.toml`. What decides in "shirt dress", "Hemdblusenkleid" and "robe chemise" is the head: the
last noun in Germanic languages, the first in Romance and Slavic ones, each before a "with", "en" or "für".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from types import MappingProxyType
from typing import Any, TypeAlias
from unicodedata import combining, normalize

from engine.color.words import is_color
from engine.taxonomy import GarmentClass, Taxonomy, load_taxonomy

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|[,;:|/()\[\]–—+&]|(?<=\s)-(?=\s)")
_LONGEST_PHRASE = 4
_LEAST_BEFORE_END = 3
"""Letters before a compound's last word: "Barock" is no skirt."""
_CLOTHING = "~"
_OTHERS = str.maketrans({"ł": "l", "ø": "o", "æ": "ae", "ı": "i", "’": "'"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


@dataclass(frozen=True, slots=True)
class Entry:
    """What a word says: a word of the taxonomy (or "?", "*", "", "-bag").

    Attributes:
        first: its language puts the head before what tells more of it.
        weak: it counts where nothing else is found.
    """

    kind: str
    first: bool = False
    weak: bool = False


_Words: TypeAlias = list[tuple[str, Entry | None]]


@dataclass(frozen=True, slots=True)
class Said:
    """What a text says of the product: a garment of the taxonomy, or what it is instead ("bag"), or nothing."""

    garment: GarmentClass | None = None
    other: str | None = None

    def __bool__(self) -> bool:
        return self.garment is not None or self.other is not None


NOTHING = Said()


def read_step(text: str, taxonomy: Taxonomy) -> Said:
    """What one step of a category's path says ("Röcke", "Coats & Jackets", "New In")."""
    parts = [_first_known(part) for part in _split(_words(text, taxonomy), lexicon().joins | {","})]
    return _agreed(parts, taxonomy) or NOTHING


def read_title(text: str, taxonomy: Taxonomy) -> Said:
    """What a title says: of its parts ("Acme - Linen dress with belt") the first that has a known word decides."""
    for part in _split(_words(text, taxonomy), lexicon().cuts | {","}):
        said = _agreed([one for one in _split(part, lexicon().joins) if not _is_aside(one)], taxonomy)
        if said is not None:
            return said
    return NOTHING


def garments_in(words: Iterable[str]) -> tuple[str, ...]:
    """Of English words those that name a garment by themselves: ("blue", "nike", "t-shirt") → ("t-shirt",)."""
    return tuple(word for word in words if _names_garment(word))


@lru_cache(maxsize=4096)
def _names_garment(word: str) -> bool:
    return read_title(word, load_taxonomy()).garment is not None


def said_of(kind: str, taxonomy: Taxonomy) -> Said:
    """What a kind of the data means in this taxonomy."""
    if kind == "*":
        return Said(other="accessory")
    if kind.startswith("-"):
        found = taxonomy.meaning(kind[1:])
        return Said(found) if found else Said(other=kind[1:])
    return Said(taxonomy.meaning(kind) or taxonomy.classify(kind))


def _agreed(parts: Sequence[_Words], taxonomy: Taxonomy) -> Said | None:
    """What all parts say together: nothing where they differ; None where none of them has a known word."""
    heads = [head for part in parts if (head := _head(part))]
    strong = [head for head in heads if not head.weak] or heads
    kinds = {head.kind for head in strong}
    if _CLOTHING in kinds and not kinds <= {_CLOTHING, "*"}:
        kinds -= {_CLOTHING}
    said = {said_of(kind, taxonomy) for kind in kinds}
    return None if not said else said.pop() if len(said) == 1 else NOTHING


def _first_known(words: _Words) -> _Words:
    """Of the parts between prepositions and marks the first that has a known word."""
    return next((part for part in _split(words, lexicon().cuts) if _head(part)), [])


def _head(words: _Words) -> Entry | None:
    """The word that decides among words that belong together; None where none is known."""
    known = [(at, entry) for at, (_, entry) in enumerate(words) if entry and entry.kind]
    strong = [(at, entry) for at, entry in known if not entry.weak] or known
    garments = any(not entry.first and not entry.kind.startswith("-") for _, entry in strong)
    first = next((entry for _, entry in strong if entry.first), None)
    if first and not (garments and first.kind.startswith("-")):  # "Papillon dress" is no bow tie.
        return first
    while len(strong) > 1 and _in_passing(strong[-1], words):
        strong = strong[:-1]
    if strong and _in_passing(strong[-1], words):
        strong = [(at, entry) for at, entry in known if entry.weak] or strong
    return strong[-1][1] if strong else None


def _in_passing(found: tuple[int, Entry], words: _Words) -> bool:
    """Whether what is no garment stands before the end, where it does not name the product: "top tie front".

    Colours, sizes and who wears it may follow: "leather belt black".
    """
    behind = (word for word, _ in words[found[0] + 1 :])
    return found[1].kind.startswith("-") and not all(is_color(word) or word in lexicon().tails for word in behind)


def _is_aside(words: _Words) -> bool:
    """Whether a title's only known words stand so ("Cap Toe Oxford"): what it is cannot be told."""
    known = [(at, entry) for at, (_, entry) in enumerate(words) if entry and entry.kind]
    return bool(known) and all(_in_passing(one, words) and not one[1].first for one in known)


def _words(text: str, taxonomy: Taxonomy) -> _Words:
    """Words and marks in order, each with what it says; a phrase that is known counts as one word."""
    tokens = [_key(token) for token in _TOKEN.findall(text)]
    found: _Words = []
    at = 0
    while at < len(tokens):
        length, entry = _longest(tokens[at : at + _LONGEST_PHRASE], taxonomy)
        found.append((" ".join(tokens[at : at + length]), entry))
        at += length
    return found


def _longest(tokens: Sequence[str], taxonomy: Taxonomy) -> tuple[int, Entry | None]:
    entries = lexicon().entries
    for length in range(len(tokens), 0, -1):
        phrase = " ".join(tokens[:length])
        if entry := entries.get(phrase):
            return length, entry
        if length <= 2 and (own := taxonomy.meaning(phrase) or taxonomy.meaning("-".join(tokens[:length]))):
            return length, Entry(own.name)
    return 1, _compound(tokens[0], taxonomy)


def _compound(word: str, taxonomy: Taxonomy) -> Entry | None:
    """What a compound's last part says: "Abendkleid", "spijkerbroek", "sundress"."""
    for end in lexicon().ends:
        if word.endswith(end) and (len(word) - len(end) >= _LEAST_BEFORE_END or not end.isascii()):
            own = taxonomy.meaning(end)
            return Entry(own.name) if own else lexicon().entries.get(end)
    return None


def _split(words: _Words, at: frozenset[str]) -> Iterator[_Words]:
    for apart, group in groupby(words, key=lambda word: word[1] is None and word[0] in at):
        if not apart:
            yield list(group)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The data, read.

    Attributes:
        entries: every word and phrase with what it says.
        ends: the words that end compounds, longest first.
        joins: what joins kinds of garment; where they differ ("Dresses & Skirts"), nothing is said.
        cuts: behind these stands what the garment has, is of or is for, and not its name.
        tails: words that may follow the name of what it is.
    """

    entries: Mapping[str, Entry]
    ends: tuple[str, ...]
    joins: frozenset[str]
    cuts: frozenset[str]
    tails: frozenset[str]


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The words of `garment_words.toml`."""
    data = tomllib.loads(files("engine.products").joinpath("garment_words.toml").read_text("utf-8"))
    between = {name: frozenset(_key(word) for word in listed.split()) for name, listed in data.pop("between").items()}
    entries: dict[str, Entry] = {}
    for weak in ("words", "weak"):  # What one language means plainly is not weak; the languages named first decide.
        for language in data.values():
            for kind, listed in language.get(weak, {}).items():
                entry = Entry(kind, language["head"] == "first", weak == "weak")
                entries = dict.fromkeys(_keys(listed, language), entry) | entries
    ends = {key for language in data.values() for key in _keys(language.get("ends", ""), language)}
    longest_first = tuple(sorted(ends, key=len, reverse=True))
    return Lexicon(MappingProxyType(entries), longest_first, between["joins"], between["cuts"], between["tails"])


def _keys(listed: str, language: Mapping[str, Any]) -> Iterator[str]:
    for word in listed.split(", "):
        if word:
            yield " ".join(_key(token) for token in _TOKEN.findall(word))
            if language.get("umlauts"):
                yield _key(word.casefold().translate(_UMLAUTS))


def _key(word: str) -> str:
    apart = normalize("NFKD", word.casefold().translate(_OTHERS))
    return normalize("NFC", "".join(each for each in apart if not combining(each) or each >= "\u3040"))
