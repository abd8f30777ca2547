"""How more-like-this and words are judged on a shop that no training saw."""

from __future__ import annotations

import numpy as np

from benchmarks.quality.generalise.retrieval import STORED, WORDS, Shop, asked_pairs, like_figures, targets
from benchmarks.quality.retrieval.fused_gallery import Exhibit, Looked, image_query, product_query, vocabulary_of
from engine.domain import Crop, Product
from models.train.clip.captions import KINDS


def _shop() -> Shop:
    facts = [
        {"id": "0", "article": "Shirts", "colour": "Blue"},
        {"id": "1", "article": "Shirts", "colour": "Blue"},
        {"id": "2", "article": "Shirts", "colour": "Red"},
        {"id": "3", "article": "Jeans", "colour": "Blue"},
    ]
    return Shop(facts, Looked((), {}), np.array([0, 1, 2, -1]))


def test_places_that_nothing_fills_count_as_wrong() -> None:
    """Of two places each, six of eight filled: three right by article, two by colour as well."""
    found = np.array([[1, 3], [0, 2], [3, -1], [-1, -1]])
    figures = like_figures(_shop(), found)
    assert figures == {"same_article": 3 / 8, "same_article_and_colour": 2 / 8}


def test_pairs_with_few_products_are_not_asked() -> None:
    """Ten of a colour and an article are needed, and an article that there are words for."""
    facts = [{"colour": "Blue", "article": "Shirts"}] * 10 + [{"colour": "Blue", "article": "Dupatta"}] * 12
    assert asked_pairs([*facts, *([{"colour": "Red", "article": "Shirts"}] * 9)]) == [("Blue", "Shirts")]


def test_the_second_words_are_in_no_caption() -> None:
    """They measure what the text tower knows by itself."""
    taught = {word for known in KINDS.values() for word in known.words}
    assert not {word for _, word in WORDS.values()} & taught


def test_what_synonyms_lose_is_a_target() -> None:
    """0.05 less than the plain words is still met, more is not."""

    def missed(synonyms: float) -> set[str]:
        like = {"same_article": 0.8, "same_article_and_colour": 0.4}
        words = {
            "pictures alone, plain words": {"precision_at_10": 0.7},
            "pictures alone, words of no caption": {"precision_at_10": synonyms},
            "the shop's words, plain words": {"precision_at_10": 0.95},
        }
        figures = {"like_this": {"pictures alone": like, STORED: like}, "words": words}
        return {t.name for t in targets(figures) if not t.met}

    assert missed(0.66) == set()
    assert missed(0.6) == {"words of no caption against plain ones"}


def test_a_stored_product_asks_with_what_the_shop_says_of_it() -> None:
    """Its category and colour, as `similar` does; a photo knows neither. The vocabulary is that of the products."""
    shirt = Product("1", "Oxford", "", (), category="Men > Shirts", color="Navy")
    pixels = np.full((20, 20, 3), 40, np.uint8)
    exhibit = Exhibit(shirt, "upper_wear", "upper_wear", Crop(pixels, np.ones((20, 20), bool)))
    rows = np.ones((1, 1), np.float32)
    looked = Looked((exhibit,), {"visual": rows, "semantic": rows})
    asked = product_query(looked, 0)
    assert asked.facets["category"][:2] == ("men", "shirts")
    assert asked.colors == ("navy",)
    assert asked.exclude == {"1"}
    assert image_query(looked, 0).facets == {}
    assert vocabulary_of(looked).categories() == ("shirts",)
