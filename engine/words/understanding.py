"""A query's words, understood: what to embed, what to look for, which price, and what is to be said of it.

Order matters: prices and names of the catalogue are taken out of the text first, then it is read as English, and only
what is still unknown is taken for a spelling mistake, or told as not understood.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from engine.color.words import COLOR_WORDS
from engine.values import BRAND_FACET, WORDS_FACET, bare, closed_value, folded
from engine.words.english import english
from engine.words.languages import languages, translated, unaccented
from engine.words.parsed_text import (
    NO_TEXT,
    Named,
    ParsedText,
    in_other_language,
    is_english,
    parsed_text_of,
    plain_word,
    said_of,
    with_absences,
)
from engine.words.parts import Part, parts
from engine.words.plain import plain, spelled, tokens
from engine.words.prices import Price, take_prices
from engine.words.slips import Catalogue, Slips
from engine.words.spelling import corrected
from engine.words.vocabulary import Vocabulary

_NOTHING_SAID = "The words name no garment, colour or anything else to look for; the results are a guess."
_ANYTHING = frozenset({"anything", "everything", "all", "any", "clothes", "clothing", "garment", "garments"}) | {
    "outfit", "outfits", "apparel", "item", "items", "product", "products", "fashion", "same", "similar",
}  # fmt: skip
"""Words that say nothing of a garment, and yet what is wanted."""
GENERIC = "clothes"
"""What is embedded where the words only say what is not wanted."""
_BRAND_WORDS, _LONGEST_BRAND = 24, 5
_MOST_CORRECTED = 12
"""Unknown words of one text that are looked at for mistakes."""
_EDGES = "\"'.,;:!?()[]"
_SIZE = re.compile(
    r"(?<!\w)(?:in\s+)?(?:size|sizes|größe|grösse|groesse|gr\.|taille|talla|taglia)\s*:?\s*((?:one size|[\w./-]*\w))"
    r"|(?<!\w)(xxs|xxl|xxxl|xs|xl|[2-6]xl)(?!\w)"
)


def no_catalogue(_facet: str, _values: Collection[str]) -> frozenset[str]:
    """A catalogue of which nothing is known."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a query's words are taken for.

    Attributes:
        positive, negative: texts to embed; none where nothing is left to read.
        kinds: each wanted text in English, to tell the kind of garment by.
        price: bounds that the words set.
        notes: sentences for a person: what was corrected, guessed, ignored or not understood.
    """

    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    parsed: ParsedText = NO_TEXT
    price: Price | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """One text, read."""

    parts: tuple[Part, ...]
    embedded: str
    named: tuple[Named, ...] = ()
    price: Price | None = None
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def understand(
    positive: Sequence[str],
    negative: Sequence[str] = (),
    catalogue: Catalogue = no_catalogue,
    kinds: Collection[str] = (),
    vocabulary: Vocabulary | None = None,
) -> Understanding:
    """Read wanted and unwanted texts.

    Args:
        catalogue: what its products' facets hold.
        kinds: further words for garments, of a shop's own taxonomy say.
        vocabulary: the shop's brands and words, one of which a mistyped word may mean.
    """
    own = frozenset(word for kind in kinds for word in kind.casefold().replace("-", " ").split())
    wanted = [_read(text, catalogue, own, vocabulary) for text in positive]
    away = [_read(text, catalogue, own, vocabulary, wanted=False) for text in negative]
    parsed = parsed_text_of([read.parts for read in wanted], [read.parts for read in away])
    unknown = tuple(dict.fromkeys(word for read in wanted for word in read.unknown))
    parsed = replace(
        parsed,
        words=(parsed.words - {plain_word(word) for word in unknown}) | _instead(parsed),
        named=tuple(dict.fromkeys(named for read in wanted for named in read.named)) + _meant_for(parsed, catalogue),
        understood=_understood(wanted),
    )
    nothing = bool(wanted) and all(_says_nothing(read) for read in wanted) and not unknown
    if nothing:
        parsed = replace(parsed, understood=0.0)
    turned = [text for read in wanted for text in _turned_texts(read.parts)]
    return Understanding(
        positive=tuple(_with_instead(read.embedded, parsed) for read in wanted),
        negative=(*dict.fromkeys([*(read.embedded for read in away), *turned]),),
        kinds=(*(said_of(read.parts) for read in wanted), *_untouched(positive, wanted)),
        parsed=parsed,
        price=_both([read.price for read in wanted if read.price]),
        notes=(
            *(note for read in (*wanted, *away) for note in read.notes),
            *_not_understood(unknown, parsed.understood),
            *([_NOTHING_SAID] if nothing else []),
        ),
    )


def _says_nothing(read: _Read) -> bool:
    """Whether a text has words, and none that anything could be looked for by."""
    silent = not any(part.role in ("color", "word", "turned") or part.word in _ANYTHING for part in read.parts)
    return silent and not (read.named or read.price)


def _untouched(texts: Sequence[str], reads: Sequence[_Read]) -> list[str]:
    """The texts as they came, of which nothing is turned away: a shop's own taxonomy may know their words."""
    return [text for text, read in zip(texts, reads, strict=True) if not any(p.role == "turned" for p in read.parts)]


def _read(
    text: str, catalogue: Catalogue, own: frozenset[str], vocabulary: Vocabulary | None, *, wanted: bool = True
) -> _Read:
    left, notes = plain(text), list[str]()
    price, named = None, list[Named]()
    if wanted:
        left, prices = take_prices(left)
        price = _both(prices)
        notes += [f'"{each.words}" was taken for a price: {_bounds(each)}.' for each in prices]
        for take in (_take_size, _take_brand):
            left, found = take(left, catalogue)
            named += found
            notes += [f"{each.told}; products that have it come first." for each in found]
    words = tokens(left)
    strangers = _strangers(words, own)
    known = catalogue(WORDS_FACET, {plain_word(word) for word in strangers}) if strangers else frozenset()

    def familiar(word: str) -> bool:
        return is_english(word) or word in own

    if (strangers or len(words) == 1) and (foreign := in_other_language(words, familiar)):
        words = foreign.words
        notes.append(f'Read as {foreign.language}: "{spelled(words)}".')
    words = [bare_word if familiar(bare_word := unaccented(word)) and not familiar(word) else word for word in words]
    words, fixes = _corrected(with_absences(words), own, known)
    notes += [f'Read "{wrong}" as "{right}".' for wrong, right in fixes.items()]
    fixed: frozenset[str] = frozenset()
    if vocabulary is not None and any(plain_word(word) not in known for word in _strangers(words, own)):
        slips = Slips(catalogue, vocabulary, lambda word: familiar(word) or plain_word(word) in known)
        words, meant = slips.brands(words) if wanted else (words, [])
        words, fixed, more = slips.words(words)
        named += meant
        notes += [f"{each.told}; products that have it come first." for each in meant] + more
    read = tuple(parts(words))
    unknown = [word for word in _strangers(words, own) if plain_word(word) not in known and word not in fixed]
    changed = words != tokens(plain(text)) or "-" in text or any(part.role == "turned" for part in read)
    said = said_of(read) if changed or not text.isascii() else text
    meaningful = any(part.role in ("color", "word") for part in read)
    embedded = said if meaningful else GENERIC if changed and not unknown else (said or text)
    return _Read(read, embedded, tuple(named), price, (*unknown, *_signs(left)), tuple(notes))


def _strangers(words: Sequence[str], own: frozenset[str]) -> list[str]:
    """Words that are not known as English."""
    return [word for word in dict.fromkeys(words) if not (is_english(word) or word in own or plain_word(word) in own)]


def _corrected(words: Sequence[str], own: frozenset[str], known: frozenset[str]) -> tuple[list[str], dict[str, str]]:
    fixes = {}
    for word in _strangers(words, own)[:_MOST_CORRECTED]:
        if plain_word(word) not in known and (right := corrected(word, _correct())):
            fixes[word] = right
    return [fixes.get(word, word) for word in words], fixes


@lru_cache(maxsize=1)
def _correct() -> frozenset[str]:
    """Words that a mistake may be corrected to: colours, garments, and what is said of these."""
    known = english()
    single = {word for name in COLOR_WORDS for word in name.split()}
    plural = {f"{word}s" for word in known.garments}
    return frozenset(
        word for word in single | known.garments | plural | known.looks if word.isalpha() and len(word) > 3
    )


def _take_size(text: str, catalogue: Catalogue) -> tuple[str, list[Named]]:
    """A text without a size that the catalogue has, and that."""
    if not (found := _SIZE.search(text)):
        return text, []
    size = folded(found[1] or found[2])
    if not catalogue("size", {size}):
        return text, []
    left = f"{text[: found.start()]} {text[found.end() :]}"
    return left, [Named("size", frozenset({size}), f'"{found[0].strip()}" was taken for the size')]


def _take_brand(text: str, catalogue: Catalogue) -> tuple[str, list[Named]]:
    """A text without the brands of the catalogue that stand in it, and these; longest names first."""
    words = text.split()[:_BRAND_WORDS]
    if not words:
        return text, []
    spans = [
        (at, length, name)
        for length in range(min(_LONGEST_BRAND, len(words)), 0, -1)
        for at in range(len(words) - length + 1)
        for name in _names(words[at : at + length])
    ]
    known = catalogue(BRAND_FACET, {name for _, _, name in spans})
    taken: list[Named] = []
    for at, length, name in spans:
        span = words[at : at + length]
        if name in known and "\0" not in span and _may_be_a_brand(words, at, length):
            told = f'"{" ".join(span).strip(_EDGES)}" was taken for the brand'
            taken.append(Named(BRAND_FACET, frozenset({name}), told))
            words[at : at + length] = ["\0"] * length
            if at and words[at - 1] in ("by", "from", "von", "de", "brand"):
                words[at - 1] = "\0"
    if not taken:
        return text, []
    return " ".join([*(word for word in words if word != "\0"), *text.split()[_BRAND_WORDS:]]), taken


def _names(span: Sequence[str]) -> list[str]:
    """What some words may be the name of: "Levi's" may be Levi's, or something of Levi."""
    text = " ".join(span).strip(_EDGES)
    names = dict.fromkeys(bare(each) for each in (text, text.removesuffix("'s")))
    return [name for name in names if len(name) > 1]


def _may_be_a_brand(words: Sequence[str], at: int, length: int) -> bool:
    """A brand that is called like a colour or a garment is only meant where "by" stands before it."""
    alone = tokens(words[at])
    common = length == len(alone) == 1 and bool(is_english(alone[0]) or translated(alone, is_english))
    return not common or (at > 0 and words[at - 1] in ("by", "from", "brand"))


def _meant_for(parsed: ParsedText, catalogue: Catalogue) -> tuple[Named, ...]:
    """For whom: "women's", "kids", as far as the catalogue says so of its products."""
    found = []
    for facet in ("gender", "age_group"):
        values = {value for word in parsed.words if len(word) > 2 and (value := _group(facet, word))}
        if values and catalogue(facet, values):
            also = {"unisex"} if facet == "gender" else set()
            found.append(Named(facet, frozenset(values | also), ""))
    return tuple(found)


def _group(facet: str, word: str) -> str | None:
    return None if word in ("all", "any", "both", "mixed", "kind") else closed_value(facet, word)


def _understood(reads: Sequence[_Read]) -> float:
    """How much of what is asked for is understood: colours, words, names and prices, each counting the same."""
    known = unknown = 0
    for read in reads:
        strange = {plain_word(word) for word in read.unknown}
        phrases = {part.phrase: part.word for part in read.parts if part.role != "little" and part.phrase}
        strangers = sum(plain_word(part.word) in strange for part in read.parts)
        known += max(0, len(phrases) - strangers) + len(read.named) + (read.price is not None)
        unknown += len(read.unknown)
    return known / (known + unknown) if unknown else 1.0


def _signs(text: str) -> list[str]:
    """Emoji and other signs that mean nothing here."""
    return [
        each
        for each in dict.fromkeys(text)
        if unicodedata.category(each) in ("So", "Sk", "Cn", "Co") and ord(each) > 255
    ]


def _not_understood(unknown: Sequence[str], share: float) -> list[str]:
    if not unknown:
        return []
    listed = ", ".join(f'"{word}"' for word in unknown[:5]) + (" and more" if len(unknown) > 5 else "")
    rest = "the answer rests on the other words" if share > 0 else "the results are a guess"
    which = ", ".join(["English", *(language.name for language in languages())])
    hint = "" if all(word.isascii() for word in unknown) else f" Words are read in {which}."
    return [f"Nothing here understands {listed}; {rest}.{hint}"]


def _instead(parsed: ParsedText) -> frozenset[str]:
    """Words for the absence of what is not wanted: without sleeves is sleeveless."""
    table: Mapping[str, str] = english().instead
    return frozenset(
        table[word] for phrase in parsed.unwanted_words if len(phrase) == 1 for word in phrase if word in table
    )


def _with_instead(text: str, parsed: ParsedText) -> str:
    missing = sorted(word for word in _instead(parsed) if word not in text)
    return " ".join([*missing, text])


def _turned_texts(read: Sequence[Part]) -> list[str]:
    """What some parts turn away, each phrase as a text to embed; colours are weighed, not embedded."""
    phrases: dict[str, list[str]] = {}
    for part in read:
        if part.role == "turned" and part.phrase and not part.colored:
            phrases.setdefault(part.phrase, []).append(part.word)
    return [spelled(words) for words in phrases.values()]


def _both(prices: Sequence[Price]) -> Price | None:
    if not prices:
        return None
    first = prices[0]
    low, high = max(price.minimum for price in prices), min(price.maximum for price in prices)
    return replace(first, minimum=low, maximum=high) if low <= high else first


def _bounds(price: Price) -> str:
    money = f" {price.currency}" if price.currency else ""
    if price.minimum == float("-inf"):
        return f"only products up to {price.maximum:g}{money} are shown"
    if price.maximum == float("inf"):
        return f"only products from {price.minimum:g}{money} are shown"
    return f"only products from {price.minimum:g} to {price.maximum:g}{money} are shown"
