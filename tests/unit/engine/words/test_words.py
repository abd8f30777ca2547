"""Words understood against a catalogue: prices, brands, sizes, mistakes, and what nothing understands."""

from __future__ import annotations

import math
import time
from collections.abc import Collection

import pytest

from engine.values import BRAND_FACET
from engine.words.plain import plain
from engine.words.prices import take_price
from engine.words.spelling import corrected
from engine.words.understanding import Understanding, understand

HELD = {
    BRAND_FACET: {"norrvik", "kestrelpine", "hm", "chloe", "barneysnewyork", "only", "orange", "levis"},
    "~words": {"boucle", "shirt", "dress"},
    "size": {"38", "m", "xl", "one size"},
    "gender": {"female", "male", "unisex"},
}


def catalogue(facet: str, values: Collection[str]) -> frozenset[str]:
    return frozenset(HELD.get(facet, set()).intersection(values))


def read(text: str, *negative: str) -> Understanding:
    return understand([text], negative, catalogue)


@pytest.mark.parametrize(
    ("text", "low", "high", "currency", "left"),
    [
        ("dress under 50 euro", -math.inf, 50, "EUR", "dress"),
        ("dress under 1.000 euro", -math.inf, 1000, "EUR", "dress"),
        ("dress between 1.000 and 1.500", 1000, 1500, None, "dress"),
        ("dress under 49.90", -math.inf, 49.9, None, "dress"),
        ("dress under fifty euros", -math.inf, 50, "EUR", "dress"),
        ("cheaper than 30", -math.inf, 30, None, ""),
        ("shoes max 80\u20ac", -math.inf, 80, "EUR", "shoes"),
        ("jacket < 50", -math.inf, 50, None, "jacket"),
        ("no more than \u00a360", -math.inf, 60, "GBP", ""),
        ("80 \u20ac or less", -math.inf, 80, "EUR", ""),
        ("Kleid bis 49,90 \u20ac", -math.inf, 49.9, "EUR", "kleid"),
        ("robe \u00e0 moins de 100 euros", -math.inf, 100, "EUR", "robe \u00e0"),
        ("shoes between 20 and 40", 20, 40, None, "shoes"),
        ("Schuhe zwischen 40 und 20 Euro", 20, 40, "EUR", "schuhe"),
        ("\u20ac50\u201380 shirt", 50, 80, "EUR", "shirt"),
        ("over 1.299,00 \u20ac", 1299, math.inf, "EUR", ""),
        ("from 30 dollars", 30, math.inf, "USD", ""),
        ("boots 100+", 100, math.inf, None, "boots"),
        ("dress around $50", 40, 60, "USD", "dress"),
    ],
)
def test_prices(text: str, low: float, high: float, currency: str | None, left: str) -> None:
    """Bounds and ranges in five languages, with a currency or without."""
    rest, price = take_price(plain(text))
    assert price is not None
    assert (price.minimum, price.maximum, price.currency, rest.strip()) == (low, pytest.approx(high), currency, left)


@pytest.mark.parametrize(
    "text",
    ["size 38 to 40", "in size under 40", "trousers 32/34", "501 jeans", "1970s dress", "heels over 10 cm", "2 pack",
     "90% cotton", "dress from 38", "over the knee boots", "20-40"],
)  # fmt: skip
def test_numbers_that_are_no_price(text: str) -> None:
    """Sizes, models, measures and shares are left where they are."""
    assert take_price(plain(text))[1] is None


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("balck", "black"), ("blakc", "black"), ("blck", "black"), ("pnik", "pink"), ("trosers", "trousers"),
        ("jaket", "jacket"), ("dreess", "dress"), ("skrit", "skirt"), ("burgandy", "burgundy"), ("stripped", "striped"),
        ("sneekers", "sneakers"), ("cardignas", "cardigans"),
    ],
)  # fmt: skip
def test_mistakes_are_corrected_and_told(word: str, meant: str) -> None:
    """One letter too many, too few, swapped, or the wrong one of a long word."""
    found = read(f"{word} shirt")
    assert f'Read "{word}" as "{meant}".' in found.notes
    assert meant in found.positive[0]


@pytest.mark.parametrize(
    "word", ["greek", "blank", "boats", "beach", "coal", "shot", "norrvik", "boucle", "glue", "press"]
)
def test_other_words_are_left_alone(word: str) -> None:
    """What means something else, or stands in the catalogue."""
    found = read(f"{word} shirt")
    assert not any(note.startswith("Read") for note in found.notes)


def test_a_mistake_between_two_words_is_not_decided() -> None:
    """Nothing is corrected where two words are as near."""
    assert corrected("plai", frozenset({"plain", "plait"})) is None


@pytest.mark.parametrize(
    ("text", "brand", "left"),
    [
        ("Norrvik dress", "norrvik", "dress"),
        ("a dress by NORRVIK", "norrvik", "a dress"),
        ("kestrel & pine flats", "kestrelpine", "flats"),
        ("Kestrel and Pine flats", "kestrelpine", "flats"),
        ("H&M shirt", "hm", "shirt"),
        ("Chloe\u0301 blouse", "chloe", "blouse"),
        ("Levi\u2019s jeans", "levis", "jeans"),
        ("Barneys, New York polo", "barneysnewyork", "polo"),
        ("dress by Only", "only", "dress"),
    ],
)
def test_brands_in_the_words(text: str, brand: str, left: str) -> None:
    """Found however they are written, told, and not embedded."""
    found = read(text)
    assert [(n.facet, set(n.values)) for n in found.parsed.named] == [(BRAND_FACET, {brand})]
    assert "was taken for the brand" in found.notes[0]
    assert found.positive[0].casefold() == left
    assert found.parsed.understood == 1


@pytest.mark.parametrize("text", ["only black dresses", "orange dress"])
def test_brands_that_are_called_like_other_words(text: str) -> None:
    """They count where "by" says so."""
    assert read(text).parsed.named == ()


def test_sizes_and_people() -> None:
    """A size that the catalogue has, and for whom; what it does not have is left in the text."""
    named = {n.facet: set(n.values) for n in read("women's dress in size 38").parsed.named}
    assert named == {"size": {"38"}, "gender": {"female", "unisex"}}
    assert {n.facet for n in read("T-Shirt XL").parsed.named} == {"size"}
    assert read("dress size 60").parsed.named == ()


@pytest.mark.parametrize(
    ("text", "unknown", "share"),
    [
        ("refrigerator", '"refrigerator"', 0.0),
        ("\U0001f355", '"\U0001f355"', 0.0),
        (
            "\u0445\u043e\u043b\u043e\u0434\u0438\u043b\u044c\u043d\u0438\u043a",
            "Words are read in English, French, German",
            0.0,
        ),
        ("\u30c9\u30ec\u30b9", "the results are a guess", 0.0),
        ("czarna sukienka", '"czarna", "sukienka"', 0.0),
        ("black refrigerator", "the answer rests on the other words", 0.5),
        ("red boucle dress", "", 1.0),
        ("a beautiful dress please", "", 1.0),
        ("schwarzes Kleid", "", 1.0),
        ("bl\u00e4ck dress", "", 1.0),
        ("longer and darker, with tighter sleeves", "", 1.0),
    ],
)
def test_what_nothing_understands_is_told(text: str, unknown: str, share: float) -> None:
    """In a note, and as the share that is understood; the catalogue's own words are understood."""
    found = read(text)
    notes = " ".join(found.notes)
    assert ("Nothing here understands" in notes) == bool(unknown)
    assert unknown in notes
    assert found.parsed.understood == pytest.approx(share)


@pytest.mark.parametrize("text", ["???", "12345", "something nice", ":-)"])
def test_words_that_ask_for_nothing_are_told(text: str) -> None:
    """What comes then is a guess; "clothes" is at least that."""
    found = read(text)
    assert (found.parsed.understood, len(found.notes)) == (0, 1)
    assert "name no garment" in found.notes[0]
    assert read("clothes").notes == ()


def test_two_prices_are_both_kept() -> None:
    """The narrower bounds of both."""
    price = read("dress below 100 but above 50").price
    assert price is not None
    assert (price.minimum, price.maximum) == (50, 100)


def test_what_is_turned_away_is_embedded_as_unwanted() -> None:
    """And the wanted text goes without it; where nothing else is said, any clothes will do."""
    found = read("dress without stripes")
    assert (found.positive, found.negative, found.kinds) == (("dress",), ("stripes",), ("dress",))
    found = read("anything but black")
    assert (found.positive, found.negative, found.parsed.unwanted) == (("clothes",), (), ("black",))
    assert read("dress without sleeves").positive == ("sleeveless dress",)
    assert read("dress", "ohne Streifen").parsed.unwanted_words >= {frozenset({"striped"})}
    assert read("navy dress").positive == ("navy dress",)


def test_languages_are_told() -> None:
    """In which a text was read, and as what."""
    assert read("robe noire \u00e0 rayures").notes == ('Read as French: "black stripes dress".',)


@pytest.mark.parametrize(
    "text", ["norrvik striped dress under 50 euro", "schwarzes Kleid ohne Streifen", "the same in navy, balck trim"]
)
def test_reading_takes_a_blink(text: str) -> None:
    """A millisecond at most, at best of some tries; a text of the greatest length some tens."""
    read(text)
    assert min(_seconds(text) for _ in range(20)) < 0.002
    assert _seconds(("no price under between 3 and " * 40)[:1000]) < 0.2


def _seconds(text: str) -> float:
    start = time.perf_counter()
    read(text)
    return time.perf_counter() - start
