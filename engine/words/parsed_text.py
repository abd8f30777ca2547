"""The parsed text of a query: colours, what not to have, words to look for, a price, and names of the catalogue.

Plain reading, no model: `engine.words` reads languages, spelling and negations; colours are matched whole, longest
first. What is left is embedded, and what nothing here understands is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from engine.color.words import COLOR_WORDS
from engine.words.english import english
from engine.words.languages import Translated, translated
from engine.words.parts import Part, color_length, is_little, parts
from engine.words.plain import plain, spelled, tokens

__all__ = [
    "NO_TEXT",
    "Named",
    "ParsedText",
    "colors_in",
    "parse_text",
    "plain_word",
    "plain_words",
    "said",
    "shop_words",
    "tokens",
]

_LEAST_UNDERSTOOD = 0.25
"""What is left of a score where nothing of the words is understood."""
_SAME_WORD = {
    "tee": "t-shirt", "tshirt": "t-shirt", "trouser": "pants", "pant": "pants", "jumper": "sweater", "dresses": "dress",
    "pullover": "sweater", "trainer": "sneaker", "parkas": "parka", "jean": "jeans", "shorts": "shorts", "gray": "grey",
    "tight": "leggings", "legging": "leggings", "stripy": "striped", "stripe": "striped", "stripes": "striped",
    "stripey": "striped", "plaid": "checked", "checkered": "checked", "check": "checked", "flower": "floral",
    "flowery": "floral", "flowered": "floral", "dotted": "dots", "spotted": "dots", "dot": "dots", "dotty": "dots",
    "zipper": "zip", "zipped": "zip", "buttoned": "button", "belted": "belt", "ruffled": "ruffle", "pleated": "pleat",
    "collared": "collar", "cuffed": "cuff", "heeled": "heel", "fringed": "fringe", "sequined": "sequin",
    "ribbed": "rib",
    "knitted": "knit", "knitwear": "knit", "woollen": "wool", "woolen": "wool", "flared": "flare", "printed": "print",
    "patterned": "pattern", "embroidered": "embroidery", "frilled": "frill", "beaded": "bead", "strapped": "strap",
    "pinstriped": "pinstripe", "colorful": "colourful", "coloured": "color", "camo": "camouflage", "lined": "lining",
    "sleeved": "sleeve", "hooded": "hood", "hoody": "hoodie", "scarves": "scarf", "polka": "dots",
}  # fmt: skip


_VAGUE = frozenset(
    {"pattern", "print", "printed", "patterned", "design", "detail", "motif", "look", "style", "fabric", "material"}
)
"""Heads of a phrase that say nothing beside another word: no "floral print" is nothing floral."""


@dataclass(frozen=True, slots=True)
class Named:
    """A value of a catalogue's facet that stands in the words; `told` says it to a person."""

    facet: str
    values: frozenset[str]
    told: str


@dataclass(frozen=True, slots=True)
class ParsedText:
    """Words understood.

    Attributes:
        colors: colour words wanted; `either` says that one of them is enough ("navy or black").
        unwanted: colour words to stay away from.
        words: what else to look for among the shop's words, in their plain form.
        unwanted_words: what to stay away from; of each phrase all words together.
        named: values of the catalogue that the words name, a brand say.
        understood: how much of the words is understood, 0 to 1.
        categories: the shop's names of kinds that the words come near, each with how near, above 0 to 1.
    """

    colors: tuple[str, ...] = ()
    either: bool = False
    unwanted: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    unwanted_words: frozenset[frozenset[str]] = frozenset()
    named: tuple[Named, ...] = ()
    understood: float = 1.0
    categories: tuple[tuple[str, float], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.colors or self.unwanted or self.words or self.unwanted_words or self.named)


NO_TEXT = ParsedText()


def parse_text(positive: Sequence[str], negative: Sequence[str] = ()) -> ParsedText:
    """What wanted and unwanted texts ask for, without a catalogue."""
    return parsed_text_of(
        [parts(in_english(text)) for text in positive], [parts(in_english(text)) for text in negative]
    )


def parsed_text_of(positive: Sequence[Sequence[Part]], negative: Sequence[Sequence[Part]] = ()) -> ParsedText:
    """What the parts of wanted and unwanted texts ask for."""
    wanted: dict[str, None] = {}
    turned: dict[str, None] = {}
    words: set[str] = set()
    away: set[frozenset[str]] = set()
    either = False
    for read in positive:
        colors = dict.fromkeys(part.phrase for part in read if part.role == "color")
        either |= len(colors) > 1 and any(part.word == "or" for part in read)
        wanted |= colors
        turned |= dict.fromkeys(part.phrase for part in read if part.role == "turned" and part.colored)
        words |= {plain_word(part.word) for part in read if part.role == "word"}
        away |= _turned_away(read)
    for read in negative:
        turned |= dict.fromkeys(part.phrase for part in read if part.colored)
        phrase = frozenset(plain_word(part.word) for part in read if part.role == "word")
        away |= _turned_away(read) | ({phrase} if phrase else set())
    unwanted = tuple(color for color in turned if color not in wanted)
    return ParsedText(tuple(wanted), either, unwanted, frozenset(words), _with_taken_in(away))


def score_share(parsed: ParsedText) -> float:
    """How much of a score stands, by how much of the words is understood."""
    return _LEAST_UNDERSTOOD + (1 - _LEAST_UNDERSTOOD) * parsed.understood


def in_english(text: str) -> list[str]:
    """A text's words, those of other languages in English."""
    words = tokens(text)
    found = in_other_language(words, is_english)
    return with_absences(found.words if found else words)


def with_absences(words: Sequence[str]) -> list[str]:
    """Words with "stripeless" and "unstriped" as "without stripe"; "sleeveless" is a word of its own."""
    written: list[str] = []
    for word in words:
        bases = (word.removesuffix("less"), word.removeprefix("un"), word.removeprefix("non"))
        base = next((each for each in bases if each != word), "")
        absent = len(base) > 2 and not is_english(word) and is_english(base) and not is_little(base)
        written += ["without", base, ";"] if absent else [word]
    return written


def in_other_language(words: Sequence[str], familiar: Callable[[str], bool]) -> Translated | None:
    """Words read as another language's, if they are. "Rock" alone is a skirt; with English words it is not."""
    if len(words) == 1 and not (color_length(words) or plain_word(words[0]) in english().garments):
        return translated(words, is_little)
    return translated(words, familiar)


@lru_cache(maxsize=8192)
def is_english(word: str) -> bool:
    """Whether a word is understood as English: it names a colour or a garment, says how one looks, or is little."""
    return is_little(word) or color_length([word]) > 0 or not _known_words().isdisjoint(_stems(word))


@cache
def _known_words() -> frozenset[str]:
    known = english()
    return known.garments | known.looks | {name for name in COLOR_WORDS if " " not in name}


def _stems(word: str) -> list[str]:
    """A word, its plain form, and what it is of: "longer" is of long, "reddish" of red."""
    stems = [word, plain_word(word)]
    for ending in ("er", "est", "ish", "ly", "ier", "iest", "y", "ed"):
        if len(stem := word.removesuffix(ending)) > 2 and stem != word:
            doubled = stem[:-1] if stem[-1] == stem[-2] else stem
            stems += [stem, f"{stem}e", f"{stem}y", doubled]
    return stems


def shop_words(texts: Iterable[str]) -> frozenset[str]:
    """The words of a shop's texts that a query may look for, in their plain form and in English, without colours."""
    read = [parts(in_english(text)) for text in texts]
    return frozenset(plain_word(part.word) for each in read for part in each if part.role == "word")


@lru_cache(maxsize=4096)
def colors_in(text: str) -> tuple[str, ...]:
    """The colour words of a text, in order."""
    return tuple(dict.fromkeys(part.phrase for part in parts(in_english(text)) if part.role == "color"))


def kind_said(text: str) -> str:
    """What an English text calls the thing itself: "navy boots with red laces" → "boots"."""
    read = parts(tokens(text.split(" with ", maxsplit=1)[0]))
    return spelled([part.word for part in read if part.role == "word"])


def said(text: str) -> str:
    """A text without what it turns away ("a dress, not black" → "a dress"), for an embedding that cannot read "not"."""
    words = in_english(text)
    read = parts(words)
    if words == tokens(text) and not any(part.role == "turned" for part in read) and "-" not in plain(text):
        return text
    return said_of(read) or text


def said_of(read: Sequence[Part]) -> str:
    """The wanted words of some parts as a text, with nothing left hanging at its end."""
    words = [part.word for part in read if part.role != "turned"]
    while words and is_little(words[-1]):
        words.pop()
    return spelled([word for at, word in enumerate(words) if word.isalnum() or (at and words[at - 1].isalnum())])


@lru_cache(maxsize=8192)
def plain_word(word: str) -> str:
    """A word without its plural, under the spelling that stands for its kin."""
    singular = word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
    return _SAME_WORD.get(word) or _SAME_WORD.get(singular) or singular


def plain_words(text: str) -> tuple[str, ...]:
    """The words of a text that say something, in their plain form."""
    return tuple(plain_word(word) for word in tokens(text) if not is_little(word))


def _turned_away(read: Sequence[Part]) -> set[frozenset[str]]:
    """The phrases that are turned away, each as its words; colours are told apart."""
    phrases: dict[str, set[str]] = {}
    for part in read:
        if part.role == "turned" and part.phrase and not part.colored:
            phrases.setdefault(part.phrase, set()).add(plain_word(part.word))
    return {
        frozenset(words) if words - _VAGUE <= english().garments else frozenset(words - _VAGUE)
        for words in phrases.values()
    }


def _with_taken_in(away: set[frozenset[str]]) -> frozenset[frozenset[str]]:
    """With what a general word takes in: without a pattern is without stripes."""
    alone = {word for phrase in away if len(phrase) == 1 for word in phrase}
    more = {frozenset({each}) for word in alone for each in english().takes_in.get(word, ())}
    return frozenset(away | more)
