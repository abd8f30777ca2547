"""Colours and the shop's words as log-odds beside the embeddings'."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.color.palette import measured_facets, palettes_of
from engine.domain import Crop
from engine.retrieval.facet_votes import Facets
from engine.retrieval.fusion import Signal
from engine.retrieval.metadata_scores import (
    OF_COLOR,
    WORDS_GAIN,
    facets_weighed,
    kept,
    near_names,
    same_colors,
    shop_says,
    wanted_colors,
    with_metadata,
)
from engine.values import WORDS_FACET
from engine.words.parsed_text import NO_TEXT, Named, ParsedText, parse_text

SOLD = {"color": ("navy blue",), "~words": ("linen", "shirt"), "brand": ("acme",)}
RGB = {"red": (196, 28, 36), "navy": (24, 30, 66), "white": (245, 245, 246), "black": (18, 18, 20)}


def crop(*names: str) -> Crop:
    pixels = np.concatenate([np.full((40, 60, 3), RGB[name], np.uint8) for name in names])
    return Crop(pixels, np.ones(pixels.shape[:2], bool))


def item(*shown: str, **facets: tuple[str, ...]) -> Facets:
    """What an item says of itself."""
    seen = measured_facets(crop(*shown)) if shown else {}
    return {**seen, **facets}


def test_the_wanted_color_is_evidence_for_and_another_against() -> None:
    """Above even odds for a navy one, below for a red one; an item without colours is unknown."""
    logits = wanted_colors(parse_text(["navy t-shirt"]), [item("navy"), item("red"), item()])
    assert logits[0] > 1
    assert logits[1] < -1
    assert np.isnan(logits[2:]).all()


def test_two_colors_are_both_wanted_unless_one_will_do() -> None:
    """Navy and white: the striped one before the plain ones. Navy or white: any of them."""
    items = [item("navy", "white"), item("navy"), item("red")]
    both, either = (wanted_colors(parse_text([text]), items) for text in ("navy and white", "navy or white"))
    assert both.argmax() == 0
    assert both[1] < 0
    assert (either[:2] > 0).all()
    assert either[2] < 0


def test_an_unwanted_color_sinks_what_has_it() -> None:
    """And lifts the rest by no more than a little."""
    logits = wanted_colors(parse_text(["a dress, not black"]), [item("black"), item("navy"), item("red")])
    assert logits[0] < -2
    assert 0 < logits[1] <= 2
    mixed, plain = wanted_colors(parse_text(["navy, not red"]), [item("navy", "red"), item("navy")])
    assert mixed < plain


def test_the_shops_word_counts_beside_the_picture_and_alone() -> None:
    """Sold as navy though it looks black: likelier than what is sold as black; unknown names say nothing."""
    parsed = parse_text(["navy"])
    items = [item("black", color=("navy blue",)), item("black", color=("black",)), item(color=("midnight",))]
    told, denied, old = wanted_colors(parsed, items)
    assert told > denied
    assert denied < 0
    assert old > 1
    assert np.isnan(wanted_colors(parsed, [item(color=("rain",))])).all()


def test_words_replace_the_photos_color() -> None:
    """ "The same in navy" of a red photo ranks the navy one first, and without words the red one."""
    look, items = palettes_of([crop("red")]), [item("red"), item("navy")]
    logits: dict[Signal, NDArray[np.float32]] = {"visual": np.zeros(2, np.float32)}
    assert with_metadata(logits, look, NO_TEXT, items)["color"].argmax() == 0
    assert with_metadata(logits, look, parse_text(["in navy"]), items)["color"].argmax() == 1
    assert "color" not in with_metadata(logits, None, NO_TEXT, items)
    assert (same_colors(look, items) == with_metadata(logits, look, NO_TEXT, items)["color"]).all()


@pytest.mark.parametrize("text", ["navy", "not navy", "striped linen shirt", "a navy shirt, not red", ""])
def test_evidence_reads_the_facets_that_it_names_and_no_others(text: str) -> None:
    """Items cut down to these facets weigh as much as whole ones."""
    parsed, look = parse_text([text] if text else []), palettes_of([crop("navy")])
    whole = [item(*shown, **words) for shown in (("navy",), ("red",), ()) for words in ({}, SOLD)]
    for asked in (look, None):
        names = facets_weighed(asked, parsed)
        some = [{name: values for name, values in each.items() if name in names} for each in whole]
        logits: dict[Signal, NDArray[np.float32]] = {"text": np.zeros(6, np.float32)}
        for signal, values in with_metadata(logits, asked, parsed, whole).items():
            np.testing.assert_array_equal(with_metadata(logits, asked, parsed, some)[signal], values)
        assert bool(names) == (len({*with_metadata(logits, asked, parsed, whole)}) > 1 or bool(parsed.words))


def test_the_shops_words_add_to_the_text() -> None:
    """In proportion to how many of the wanted words it uses; nothing where nobody asks by text."""
    parsed = parse_text(["striped linen shirt"])
    items = [item(**{"~words": ("linen", "shirt")}), item(**{"~words": ("skirt",)}), item()]
    assert shop_says(parsed, items) == pytest.approx([WORDS_GAIN * 2 / 3, 0, 0])
    assert facets_weighed(None, parsed) == ("~words",)
    joined = with_metadata({"text": np.ones(3, np.float32)}, None, parsed, items)
    assert joined["text"] == pytest.approx([1 + WORDS_GAIN * 2 / 3, 1, 1])
    assert "text" not in with_metadata({}, None, parsed, items)


def test_candidates_are_looked_for_under_measured_names() -> None:
    """Every wanted colour's, and none for a query without colours."""
    assert near_names(parse_text(["navy and cream"])) >= {"navy"}
    assert near_names(parse_text(["linen"])) == frozenset()
    assert OF_COLOR.scale > 0


def test_what_is_not_wanted_costs_nearly_all_of_a_score() -> None:
    """A colour by picture and by the shop's word, a look by the shop's words; of a phrase all words together."""
    items = [item("black"), item("navy"), item("red", "black"), item()]
    left = kept(parse_text(["anything but black"]), items)
    assert left[0] < 0.05
    assert left[1] > 0.5
    assert left[2] < 0.5
    assert left[3] == pytest.approx(1, abs=1e-4)
    said = [
        {WORDS_FACET: words} for words in (("dress", "striped"), ("dress",), ("long", "sleeve"), ("short", "sleeve"))
    ]
    assert kept(parse_text(["dress without stripes"]), said).tolist() == pytest.approx([0.03, 1, 1, 1])
    assert kept(parse_text(["top without long sleeves"]), said).tolist() == pytest.approx([1, 1, 0.03, 1])
    assert kept(parse_text(["dress"], ["striped"]), said)[0] == pytest.approx(0.03)


def test_what_is_named_comes_first() -> None:
    """The brand before others, these before none told; also where a former version did not write how it is called."""
    parsed = ParsedText(named=(Named("~brand", frozenset({"hm"}), ""),))
    facets = [{"~brand": ("hm",), "brand": ("h&m",)}, {"brand": ("h & m",)}, {"~brand": ("acme",)}, {}]
    left = kept(parsed, facets).tolist()
    assert left[0] == left[1] == 1
    assert left[2] < left[3] < 0.5
    assert {"~brand", "brand"} <= set(facets_weighed(None, parsed))
