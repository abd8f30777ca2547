"""What each word of an English text does: names a colour, says what is wanted, or is turned away by a "not"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.color.words import LONGEST, is_color
from engine.words.english import english
from engine.words.plain import MARKS

_TURNS = (
    "not", "no", "non", "without", "never", "except", "excluding", "exclude", "minus", "lacking", "avoid", "avoiding",
    "neither", "nor", "isn't", "isnt", "aren't", "arent", "ain't", "don't", "dont", "doesn't", "doesnt", "wasn't",
    "shouldn't", "shouldnt", "mustn't", "mustnt", "can't be", "cant be", "cannot be", "can not be", "won't be",
    "hate", "dislike", "sans", "but not", "but no", "other than", "anything but", "anything except", "everything but",
    "all but", "any but", "everything except", "everything besides", "anything besides", "apart from", "aside from",
    "instead of", "rather than", "free of", "free from", "except for", "not a fan of", "no fan of", "far from",
    "not interested in", "not into", "anything other than",
    "something other than", "do not want", "don't want", "don't like", "do not like", "does not have",
    "nothing", "nothing in", "nothing with", "opposite of", "different than", "different from",
)  # fmt: skip
"""Words that turn away what stands behind them."""
_NO_TURNS = (
    "not only", "not just", "not merely", "nothing but", "nothing like", "nothing special", "nothing else",
    "no matter", "never mind", "no longer", "no show", "no iron", "non iron",
    "not without", "not necessarily", "why not", "no problem", "no preference", "don't mind", "dont mind", "no one",
    "don't care", "dont care", "no way",
)  # fmt: skip
_EVERY = frozenset({"any", "anything", "every", "everything", "all", "each", "whatever", "anyone"})
_NOUN_TURNS = frozenset(
    {"without", "no", "lacking", "sans", "free of", "free from", "minus", "but no", "neither", "nor", "but", "except"}
    | {"anything but", "anything except", "everything but", "everything except", "all but", "any but", "other than"}
    | {"apart from", "aside from", "except for", "excluding", "exclude", "instead of", "rather than", "does not have"}
    | {"anything other than", "something other than", "anything besides", "everything besides"}
)
"""After these a noun is turned away with its colour ("no black stripes"); after others the colour alone."""
_PARTS = frozenset(
    {"sleeve", "sleeves", "hood", "hoods", "collar", "collars", "heel", "heels", "pocket", "pockets", "button",
     "buttons", "belt", "belts", "zip", "zips", "zipper", "zippers", "stripe", "stripes", "dot", "dots", "check",
     "checks", "flower", "flowers", "logo", "logos", "print", "prints", "pattern", "patterns", "lace", "laces",
     "strap", "straps", "frill", "frills", "ruffle", "ruffles", "fringe", "fringes", "sequins", "buckle", "buckles",
     "cuffs", "pleats", "bow", "bows", "holes", "rips"}
)  # fmt: skip
"""What a garment has or has not: "no sleeves dress" wants a dress."""
_ENDS = frozenset(
    {"but", "with", "that", "which", "who", "for", "to", "on", "at", "under", "by", "please", "just", "only"}
)
_LISTS = frozenset({"and", "or", "nor", ",", "/", "&", "+"})
_REACH = 4
"""How many little words may stand between a "not" and what it turns away."""

Role = Literal["color", "word", "little", "turned"]


@dataclass(frozen=True, slots=True)
class Part:
    """One word; `phrase` is the whole colour or word that it belongs to.

    Of turned words `phrase` numbers what is turned away together, and is empty for the "not" itself.
    """

    word: str
    role: Role
    phrase: str = ""
    colored: bool = False


def parts(words: Sequence[str]) -> list[Part]:
    """The part of each word."""
    found: list[Part] = []
    while len(found) < len(words):
        at = len(found)
        if length := _phrase_length(words, at, _NO_TURNS):
            found += [Part(word, "little") for word in words[at : at + length]]
        elif length := _turn_length(words, at):
            found += [Part(word, "turned") for word in words[at : at + length]]
            found += _turned(words, at + length, " ".join(words[at : at + length]))
        else:
            found += _plain(words, at)
    return found


def color_length(words: Sequence[str]) -> int:
    """How many words the colour at the beginning has ("light blue", "peach pink"); 0 where there is none."""
    at = 0
    while fits := [n for n in range(1, LONGEST + 1) if at + n <= len(words) and is_color(" ".join(words[at : at + n]))]:
        at += fits[-1]
    return at


def is_little(word: str) -> bool:
    """Whether a word says nothing of a garment."""
    return word in english().little or word in MARKS or len(word) < 2 or word.isdigit()


def _plain(words: Sequence[str], at: int) -> list[Part]:
    if length := color_length(words[at:]):
        phrase = words[at : at + length]
        return [Part(word, "color", " ".join(phrase), colored=True) for word in phrase]
    return [Part(words[at], "little" if is_little(words[at]) else "word", words[at])]


def _turned(words: Sequence[str], start: int, turn: str) -> list[Part]:
    """What stands behind a "not", as far as it reaches: colours, or one thing with what is said of it, or several."""
    found: list[Part] = []
    number, colored, things, skipped, listed = 0, False, 0, 0, False
    at = start
    while at < len(words):
        word = words[at]
        if length := color_length(words[at:]):
            if things:
                break
            phrase = words[at : at + length]
            found += [Part(each, "turned", " ".join(phrase), colored=True) for each in phrase]
            colored, at = True, at + length
            continue
        if word in _LISTS and (colored or things) and _goes_on(words, at + 1, colored=colored):
            number, things, listed = number + 1, 0, True
            colored = colored and color_length(words[at + 1 :]) > 0
            found.append(Part(word, "turned"))
        elif is_little(word):
            if colored or things or word in _ENDS or word in MARKS or skipped >= _REACH:
                break
            skipped += 1
            found.append(Part(word, "turned"))
        elif (colored or things) and _is_wanted(word, turn, words[at - 1], colored=colored and not things):
            break
        else:
            if colored and not things:  # "No black stripes": the stripes are unwanted, black is not.
                found, colored = [Part(part.word, "turned") for part in found], False
            found.append(Part(word, "turned", f"{start}.{number}"))
            things += 1
        at += 1
    return found if colored or things or listed else [Part(part.word, "little") for part in found]


def _is_wanted(word: str, turn: str, before: str, *, colored: bool) -> bool:
    """Whether what stands behind an unwanted colour or look is wanted: the dress of "not black dress"."""
    if _is_garment(word) and before in _PARTS and not colored:
        return True
    return (_is_garment(word) and (colored or turn not in _NOUN_TURNS)) or (colored and turn not in _NOUN_TURNS)


def _goes_on(words: Sequence[str], at: int, *, colored: bool) -> bool:
    """Whether a list of unwanted things has one more there: a colour after colours, a thing after things."""
    if at >= len(words) or words[at] in MARKS:
        return False
    if words[at - 1] in (",", "and") and not colored and _is_garment(words[at]) and not _is_garment(words[at - 2]):
        return False
    length = color_length(words[at:])
    if words[at - 1] == "," and length and at + length < len(words) and _is_garment(words[at + length]):
        return False  # "Not black, red shirts": the red ones are wanted.
    if colored and not length and words[at - 1] in ("or", "nor"):  # "Not black or striped": neither.
        return (words[at] in english().looks or words[at] in _PARTS) and not _is_garment(words[at])
    return bool(length) if colored else not is_little(words[at])


def _turn_length(words: Sequence[str], at: int) -> int:
    if words[at] in ("but", "bar") and any(word in _EVERY for word in words[max(0, at - 3) : at]):
        return 1
    return _phrase_length(words, at, _TURNS)


def _phrase_length(words: Sequence[str], at: int, phrases: Sequence[str]) -> int:
    """The length of the longest of some phrases that stands there, 0 for none."""
    for length in (4, 3, 2, 1):
        if at + length <= len(words) and " ".join(words[at : at + length]) in phrases:
            return length
    return 0


def _is_garment(word: str) -> bool:
    garments = english().garments
    return (
        word in garments
        or word.removesuffix("s") in garments
        or word.removesuffix("es") in garments
        or word == "tshirt"
    )
