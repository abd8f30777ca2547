"""What words ask for, as understood without a model."""

from __future__ import annotations

import pytest

from engine.words.parsed_text import ParsedText, colors_in, parse_text, plain_word, said, shop_words


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
        ("off white linen trousers", ("off white",), (), {"linen", "pants"}),
        ("off\u2011white linen trousers", ("off white",), (), {"linen", "pants"}),
        ("off\u2013white linen\u00a0trousers", ("off white",), (), {"linen", "pants"}),
        ("women's wine coloured T-SHIRTS", ("wine",), (), {"women", "t-shirt"}),
        ("T\u2011shirt", (), (), {"t-shirt"}),
        ("tee shirt", (), (), {"t-shirt"}),
        ("anything but black", (), ("black",), set()),
        ("trousers other than black", (), ("black",), {"pants"}),
        ("trousers that aren\u2019t black", (), ("black",), {"pants"}),
        ("trousers that arent black", (), ("black",), {"pants"}),
        ("trousers \u2013 but not black", (), ("black",), {"pants"}),
        ("shoes, neither black nor brown", (), ("black", "brown"), {"shoe"}),
        ("all colours but red", (), ("red",), set()),
        ("no black dresses", (), ("black",), {"dress"}),
        ("not black, red shirts", ("red",), ("black",), {"shirt"}),
        ("not black, grey or navy", (), ("black", "grey", "navy"), set()),
        ("non-black shoes", (), ("black",), {"shoe"}),
        ("shoes -black", (), ("black",), {"shoe"}),
        ("I don't want black", (), ("black",), set()),
        ("nothing but black", ("black",), (), set()),
        ("not a fan of red", (), ("red",), set()),
        ("definitely not yellow", (), ("yellow",), set()),
        ("not only black", ("black",), (), set()),
        ("nothing red", (), ("red",), set()),
        ("there is nothing like red", ("red",), (), set()),
        ("dress !red", (), ("red",), {"dress"}),
        ("a red dress!", ("red",), (), {"dress"}),
        ("dress NOT(red)", (), ("red",), {"dress"}),
        ("dress not: red", (), ("red",), {"dress"}),
        ("nonblack shoes", (), ("black",), {"shoe"}),
        ("dress not in red or blue", (), ("red", "blue"), {"dress"}),
        ("shoes in every colour bar black", (), ("black",), {"shoe"}),
        ("\U0001f457 \U0001f534", ("red",), (), {"dress"}),
        ("everything besides black", (), ("black",), set()),
        ("trousers which shouldn't be black", (), ("black",), {"pants"}),
        ("it can't be black", (), ("black",), set()),
        ("far from black trousers", (), ("black",), {"pants"}),
        ("Kleid bis auf schwarz", (), ("black",), {"dress"}),
        ("bloß nichts Schwarzes", (), ("black",), set()),
        ("Kleid, auf keinen Fall schwarz", (), ("black",), {"dress"}),
        ("Hose in anderer Farbe als Schwarz", (), ("black",), {"pants"}),
        ("Kleid abgesehen von schwarz", (), ("black",), {"dress"}),
        ("n'importe quoi sauf noir", (), ("black",), set()),
        ("pantalon d'une autre couleur que noir", (), ("black",), {"pants"}),
        ("robe à l'exception de noir", (), ("black",), {"dress"}),
        ("robe hors noir", (), ("black",), {"dress"}),
        ("surtout pas de noir", (), ("black",), set()),
        ("plutôt que noir, robe rouge", ("red",), ("black",), {"dress"}),
        ("cualquier cosa menos negro", (), ("black",), set()),
        ("vestido distinto de negro", (), ("black",), {"dress"}),
        ("vestido nada de negro", (), ("black",), {"dress"}),
        ("vestido a excepción del negro", (), ("black",), {"dress"}),
        ("pantaloni che non siano neri", (), ("black",), {"pants"}),
        ("pantaloni diversi dal nero", (), ("black",), {"pants"}),
        ("tutto fuorché nero", (), ("black",), set()),
        ("vestito all'infuori del nero", (), ("black",), {"dress"}),
        ("vestito niente nero", (), ("black",), {"dress"}),
        ("", (), (), set()),
    ],
)
def test_reading(text: str, colors: tuple[str, ...], unwanted: tuple[str, ...], words: set[str]) -> None:
    """Colours in order, what a "not" turns away, and the words that a shop may use too, however they are marked."""
    assert parse_text([text]) == ParsedText(colors, False, unwanted, frozenset(words))


@pytest.mark.parametrize(
    ("text", "away", "words"),
    [
        ("a T shirt without stripes", [{"striped"}], {"t-shirt"}),
        ("dress w/o belt", [{"belt"}], {"dress"}),
        ("dress w/out belt", [{"belt"}], {"dress"}),
        ("no sleeves dress", [{"sleeve"}], {"dress"}),
        ("no hood jacket", [{"hood"}], {"jacket"}),
        ("jeans, no pockets", [{"pocket"}], {"jeans"}),
        ("nothing too short", [{"short"}], set()),
        ("un-striped dress", [{"striped"}, {"pinstripe"}], {"dress"}),
        ("dress without long sleeves or lace", [{"long", "sleeve"}, {"lace"}], {"dress"}),
        ("jacket, no zipper", [{"zip"}], {"jacket"}),
        ("stripeless dress", [{"striped"}], {"dress"}),
        ("unstriped dress", [{"striped"}], {"dress"}),
        ("sleeveless dress", [], {"dress", "sleeveless"}),
        ("jacket, but not leather, jacket", [{"leather"}], {"jacket"}),
        ("stripe-free dress", [{"striped"}], {"dress"}),
        ("dress -striped", [{"striped"}], {"dress"}),
        ("a dress - striped", [], {"dress", "striped"}),
        ("a dress without black stripes", [{"striped"}], {"dress"}),
        ("shirt with no floral print", [{"floral"}], {"shirt"}),
        ("top without long sleeves", [{"long", "sleeve"}], {"top"}),
        ("a dress that isn't striped or dotted", [{"striped"}, {"dots"}], {"dress"}),
        ("not striped or dotted shirt", [{"striped"}, {"dots"}], {"shirt"}),
        ("without stripes and dots", [{"striped"}, {"dots"}], set()),
        ("trousers without pockets for summer", [{"pocket"}], {"pants", "summer"}),
        ("all bottoms except jeans", [{"jeans"}], {"bottom"}),
        ("keine Jeans", [{"jeans"}], set()),
        ("anything except leather jackets", [{"leather", "jacket"}], set()),
        ("trousers free of stripes", [{"striped"}, {"pinstripe"}], {"pants"}),
        ("streifenfreies Kleid", [{"striped"}], {"dress"}),
        ("robe dépourvue de rayures", [{"striped"}], {"dress"}),
        ("vestido libre de rayas", [{"striped"}], {"dress"}),
        ("vestito privo di righe", [{"striped"}], {"dress"}),
        ("a dress without a pattern", [{"pattern"}, {"striped"}, {"floral"}], {"dress"}),
    ],
)
def test_what_is_not_a_color_is_turned_away_too(text: str, away: list[set[str]], words: set[str]) -> None:
    """Of a phrase all words together; a general word with what it takes in."""
    parsed = parse_text([text])
    assert parsed.unwanted_words >= {frozenset(phrase) for phrase in away}
    assert bool(parsed.unwanted_words) == bool(away)
    assert (parsed.words, parsed.colors, parsed.unwanted) == (words, (), ())


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("schwarzes Kleid", "black dress"),
        ("weisse Bluse mit Blumen", "white blouse with flowers"),
        ("dunkelblaue Lederjacke ohne Kapuze", "navy leather jacket"),
        ("gruene Jacke", "green jacket"),
        ("Sommerkleid", "summer dress"),
        ("robe noire", "black dress"),
        ("pantalon bleu foncé", "dark blue trousers"),
        ("jupe plissee vert clair", "pleated light green skirt"),
        ("robe pas noire", "dress"),
        ("robe bleu marine", "navy dress"),
        ("khakifarbene Hose", "khaki trousers"),
        ("un jean qui n'est pas bleu", "jeans"),
        ("keine Jeans", "keine Jeans"),
        ("Kleid in allen Farben außer rot", "dress"),
        ("vestido rojo sin rayas", "red dress"),
        ("camiseta blanca de algodón", "white cotton t-shirt"),
        ("gonna nera", "black skirt"),
        ("black Kleid", "black dress"),
        ("Rock", "skirt"),
        ("rock band t-shirt", "rock band t-shirt"),
        ("a short robe", "a short robe"),
    ],
)
def test_other_languages_are_read(text: str, english: str) -> None:
    """Colours, garments and their looks, with endings, compounds and without accents; English stays English."""
    assert said(text) == english


def test_either_color_will_do() -> None:
    """ "or" makes one of the colours enough."""
    assert parse_text(["red or burgundy skirt"]).either
    assert not parse_text(["red and white skirt"]).either


def test_negative_texts_turn_colors_away() -> None:
    """Unless the same colour is wanted."""
    assert parse_text(["navy dress"], ["black", "a navy belt"]) == ParsedText(
        ("navy",), False, ("black",), frozenset({"dress"}), frozenset({frozenset({"belt"})})
    )


@pytest.mark.parametrize(
    ("text", "rest"),
    [("a dress, not black", "a dress"), ("not black", "not black"), ("navy T-shirt", "navy T-shirt"),
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
    assert shop_words(["Gestreiftes Kleid", "Robe rayée"]) == {"striped", "dress"}
    assert colors_in("Dunkelblau/Weiß") == ("navy", "white")
