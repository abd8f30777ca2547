"""What an item's colours and the shop's own words say for or against it, as log-odds beside the embeddings'.

Constants are fitted by `python -m benchmarks.quality.retrieval.fit_fusion` on training products; docs/adr/0006 has the
figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.color.palette import PALETTE_FACET, Palette, alike, read_palettes, share_of
from engine.color.words import base_name, color_anchors, names_near
from engine.retrieval.facet_votes import CATEGORY, Facets
from engine.retrieval.fusion import Signal, sigmoid
from engine.seams import Calibration
from engine.values import BRAND_FACET, WORDS_FACET, bare
from engine.words.parsed_text import Named, ParsedText, colors_in

ALIKE = Calibration(0.3799, 0.1752)
"""How likely two looks of this likeness are the same variant's."""
OF_COLOR = Calibration(0.26, 0.139)
"""How likely a garment of which this share has a colour is sold under that colour's name."""
SHOP_TRUST = 0.6
"""What the shop's colour word weighs against the measured one, where there are both."""
FAMILY = 0.4
"""How far a shop's "blue" means navy: it may be, and mostly is not."""
UNWANTED_CAP = 2.0
"""The log-odds that the absence of an unwanted colour may add: most items lack it, so it says little for one."""
_UNWANTED_WORDS = 0.03
"""What is left of the score of an item that the shop calls by words that are not wanted."""
_NAMED = {BRAND_FACET: (0.15, 0.3), "size": (0.3, 0.6), "gender": (0.2, 0.8), "age_group": (0.2, 0.8)}
"""What is left of the score of an item whose brand (say) is not the named one, and of one that tells none."""
WORDS_GAIN = 5.0
"""The log-odds that finding every wanted word among the shop's adds to the text's: a shop seldom calls a thing wrongly,
and a picture's likeness to words is a guess (odds of 150 to 1, where 3 were 20 to 1)."""
CATEGORY_GAIN = 2.5
"""The same of a category that the words mean: "trainers" in a shop that says sneakers."""
COLOR_GAIN = 2.0
"""The log-odds that the shop's own word for a colour adds to what is measured, or takes where it names another."""
SAME_COLOR_GAIN = 1.0
"""The same where a product asks for others like it, and the shop calls both colours alike."""

_ALSO_READ = {BRAND_FACET: ("brand",)}
"""Where else a facet's value lies in items of former versions."""


def facets_weighed(palette: Palette | None, parsed: ParsedText, own: Sequence[str] = ()) -> tuple[str, ...]:
    """The facets that `with_metadata` reads: none where there is nothing to weigh, and no more than it needs."""
    colored = bool(parsed.colors or parsed.unwanted)
    worded = bool(parsed.words or parsed.unwanted_words)
    asked = {PALETTE_FACET: colored or palette is not None, "color": colored or bool(own), WORDS_FACET: worded}
    asked[CATEGORY] = bool(parsed.categories)
    named = dict.fromkeys(name for each in parsed.named for name in (each.facet, *_ALSO_READ.get(each.facet, ())))
    return (*(name for name, wanted in asked.items() if wanted), *named)


def with_metadata(
    logits: Mapping[Signal, NDArray[np.float32]],
    palette: Palette | None,
    parsed: ParsedText,
    facets: Sequence[Facets],
    own: Sequence[str] = (),
) -> dict[Signal, NDArray[np.float32]]:
    """The embeddings' log-odds joined by those of colours and of the shop's words.

    Where words name a colour, it is theirs that counts and not the photo's: "the same in navy" is not held
    against the navy one. The shop's words add to the text's log-odds.

    Args:
        own: what the shop calls the colours of the product that asks.
    """
    joined = dict(logits)
    if parsed.colors or parsed.unwanted:
        joined["color"] = wanted_colors(parsed, facets)
    elif palette is not None:
        joined["color"] = same_colors(palette, facets) + (_named_alike(own, facets) if own else 0)
    if "text" in joined and parsed.words:
        joined["text"] = joined["text"] + shop_says(parsed, facets)
    if "text" in joined and parsed.categories:
        joined["text"] = joined["text"] + in_category(parsed, facets)
    return joined


def kept(parsed: ParsedText, facets: Sequence[Facets]) -> NDArray[np.float32]:
    """(len(facets),) 0 to 1, what is left of each item's score: little of what is unwanted, or not what is named."""
    left = np.ones(len(facets), np.float32)
    if parsed.unwanted:
        palettes = read_palettes(facets)
        for word in parsed.unwanted:
            has = np.nan_to_num(2 * _log_odds(_share(word, palettes, facets), OF_COLOR), nan=-12)
            left *= sigmoid(-has)
    if parsed.unwanted_words:
        said = [frozenset(each.get(WORDS_FACET, ())) for each in facets]
        unwanted = np.array([any(phrase <= words for phrase in parsed.unwanted_words) for words in said], bool)
        left[unwanted] *= _UNWANTED_WORDS
    for named in parsed.named:
        left *= np.array([_named_share(named, each) for each in facets], np.float32)
    return left


def _named_share(named: Named, facets: Facets) -> float:
    values = facets.get(named.facet) or tuple(
        bare(text) for name in _ALSO_READ.get(named.facet, ()) for text in facets.get(name, ())
    )
    other, none = _NAMED.get(named.facet, (0.3, 0.6))
    return 1.0 if not named.values.isdisjoint(values) else other if values else none


def same_colors(palette: Palette, facets: Sequence[Facets]) -> NDArray[np.float32]:
    """(len(facets),) log-odds that an item's colours are the query garment's; NaN where one is unknown."""
    return _log_odds(alike(palette, read_palettes(facets)), ALIKE)


def _named_alike(own: Sequence[str], facets: Sequence[Facets]) -> NDArray[np.float32]:
    """(len(facets),) log-odds to add where the shop calls an item's colour as it calls the asking product's."""
    names = [name for text in own for name in colors_in(text)]
    alike_ = [max((_told(name, each.get("color", ())) for name in names), default=np.nan) for each in facets]
    return np.asarray(np.nan_to_num(SAME_COLOR_GAIN * (2 * np.array(alike_, np.float32) - 1)), np.float32)


def wanted_colors(parsed: ParsedText, facets: Sequence[Facets]) -> NDArray[np.float32]:
    """(len(facets),) log-odds that an item has the colours asked for and lacks the others; NaN where unknown."""
    palettes = read_palettes(facets)
    logits = np.zeros(len(facets), np.float32)
    if parsed.colors:
        shares = np.stack([_share(word, palettes, facets) for word in parsed.colors])
        # Of two colours wanted together each is expected on its part of the garment alone.
        has = shares.max(axis=0) if parsed.either else np.minimum(1, len(shares) * shares).min(axis=0)
        logits = _log_odds(has, OF_COLOR) + _shop_names(parsed, facets)
    for word in parsed.unwanted:
        logits = logits + np.minimum(
            -_log_odds(_share(word, palettes, facets), OF_COLOR), 0 if parsed.colors else UNWANTED_CAP
        )
    return logits


def _shop_names(parsed: ParsedText, facets: Sequence[Facets]) -> NDArray[np.float32]:
    """(len(facets),) log-odds to add by the shop's words for colours; nothing where it has none that is known."""
    told = np.array([[_told(word, each.get("color", ())) for each in facets] for word in parsed.colors], np.float32)
    said = told.max(axis=0) if parsed.either else told.mean(axis=0)
    return np.asarray(np.nan_to_num(COLOR_GAIN * (2 * said - 1)), np.float32)


def shop_says(parsed: ParsedText, facets: Sequence[Facets]) -> NDArray[np.float32]:
    """(len(facets),) log-odds to add for wanted words that the shop's own words hold."""
    found = [len(parsed.words.intersection(each.get(WORDS_FACET, ()))) for each in facets]
    return np.asarray(WORDS_GAIN * np.array(found, np.float32) / max(1, len(parsed.words)), np.float32)


def in_category(parsed: ParsedText, facets: Sequence[Facets]) -> NDArray[np.float32]:
    """(len(facets),) log-odds to add for items of categories that the words come near."""
    near = dict(parsed.categories)
    found = [max((near.get(name, 0.0) for name in each.get(CATEGORY, ())), default=0.0) for each in facets]
    return np.asarray(CATEGORY_GAIN * np.array(found), np.float32)


def near_names(parsed: ParsedText) -> frozenset[str]:
    """The measured names under which items of the wanted colours are kept."""
    return frozenset(name for word in parsed.colors for name in names_near(word))


def _share(word: str, palettes: Palette, facets: Sequence[Facets]) -> NDArray[np.float32]:
    """How much of each item has a colour, by its look and by the shop's word for it."""
    anchors = color_anchors(word)
    if anchors is None:
        return np.full(len(facets), np.nan, np.float32)
    seen = share_of(palettes, anchors)
    told = np.array([_told(word, each.get("color", ())) for each in facets], np.float32)
    both = (1 - SHOP_TRUST) * seen + SHOP_TRUST * told
    return np.where(np.isnan(told), seen, np.where(np.isnan(seen), told, both)).astype(np.float32)


@lru_cache(maxsize=4096)
def _told(word: str, shop: tuple[str, ...]) -> float:
    """How far the shop's colour words mean a colour, 0 to 1; NaN where it names none that is known."""
    names = [name for text in shop for name in colors_in(text)]
    return max((_means(name, word) for name in names), default=float("nan"))


def _means(name: str, word: str) -> float:
    """How far one colour's name means another, 0 to 1: two named colours are the same, of one family, or not."""
    base, wanted = base_name(name), base_name(word)
    if base and wanted:
        return 1.0 if base == wanted else FAMILY if base in names_near(word) or wanted in names_near(name) else 0.0
    ours, theirs = color_anchors(name), color_anchors(word)
    if ours is None or theirs is None:
        return 0.0
    return float(share_of(Palette(ours[:, None], np.ones((len(ours), 1), np.float32)), theirs).mean())


def _log_odds(values: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float32]:
    return np.asarray(np.clip((values - calibration.midpoint) / calibration.scale, -6, 6), np.float32)
