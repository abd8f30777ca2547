"""What words ask for, as understood without a model."""

from __future__ import annotations

import pytest

from engine.wish import Wish, colors_in, plain_word, read_wish, said, shop_words


@pytest.mark.parametrize(
    ("text", "colors", "unwanted", "words"),
    [
        ("navy t-shirt", ("navy",), (), {"t-shirt"}),
        ("the same in navy", ("navy",), (), set()),
        ("Make it light blue, please", ("light blue",), (), set()),
        ("navy and white striped tee", ("navy", "white"), (), {"striped", "t-shirt"}),
        ("same item in peach pink", ("peach pink",), (), set()),
        ("navy/white top", ("navy", "white"), (), {"top"}),
        ("not black dress", (), ("black",), {"dress"}),
        ("a dress, not black or grey", (), ("black", "grey"), {"dress"}),
        ("in light blue but not navy", ("light blue",), ("navy",), set()),
        ("red instead of black", ("red",), ("black",), set()),
        ("off-white linen trousers", ("off white",), (), {"linen", "pants"}),
        ("a T shirt without stripes", (), (), {"t-shirt"}),
        ("women's wine coloured T-SHIRTS", ("wine",), (), {"women", "t-shirt"}),
        ("", (), (), set()),
    ],
)
def test_reading(text: str, colors: tuple[str, ...], unwanted: tuple[str, ...], words: set[str]) -> None:
    """Colours in order, what "not" turns away, and the words that a shop may use too."""
    assert read_wish([text]) == Wish(colors, False, unwanted, frozenset(words))


def test_either_colour_will_do() -> None:
    """ "or" makes one of the colours enough."""
    assert read_wish(["red or burgundy skirt"]).either
    assert not read_wish(["red and white skirt"]).either


def test_negative_texts_turn_colours_away() -> None:
    """Unless the same colour is wanted."""
    assert read_wish(["navy dress"], ["black", "a navy belt"]) == Wish(
        ("navy",), False, ("black",), frozenset({"dress"})
    )


@pytest.mark.parametrize(
    ("text", "rest"),
    [("a dress, not black", "a dress ,"), ("not black", "not black"), ("navy T-shirt", "navy T-shirt"),
     ("not black t-shirt", "t-shirt")],
)  # fmt: skip
def test_what_is_turned_away_is_not_embedded(text: str, rest: str) -> None:
    """An embedding of "not black" lies near black; where nothing would be left, the text stays."""
    assert said(text) == rest


def test_the_shops_words_and_the_shoppers_meet() -> None:
    """Plurals and spellings are one word; colours are no words."""
    assert shop_words(["Striped Tees", "Tops > T-Shirts", "Navy"]) == {"striped", "t-shirt", "top"}
    assert [plain_word(w) for w in ("dresses", "jumper", "trousers", "sneakers", "dress", "jeans")] == [
        "dress", "sweater", "pants", "sneaker", "dress", "jeans",
    ]  # fmt: skip
    assert colors_in("Dark Blue / Off White") == ("dark blue", "off white")
