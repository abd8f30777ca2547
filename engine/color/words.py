"""Colour words, as shoppers and shops use them, and the shades that each of them means."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from engine.color.naming import ANCHORS, COLOR_NAMES, nearest_names, to_lab

_SAME: Mapping[str, str] = MappingProxyType(
    {
        "gray": "grey", "jet black": "black", "jet": "black", "ebony": "black", "snow": "white", "off black": "black",
        "crimson": "red", "scarlet": "red", "cherry": "red", "ruby": "red", "maroon": "burgundy", "wine": "burgundy",
        "wine red": "burgundy", "bordeaux": "burgundy", "oxblood": "burgundy", "dark red": "burgundy",
        "deep red": "burgundy", "khaki green": "olive", "army green": "olive", "military green": "olive",
        "turquoise": "teal", "aqua": "teal", "petrol": "teal", "cyan": "teal", "sky blue": "light blue",
        "baby blue": "light blue", "pale blue": "light blue", "powder blue": "light blue", "ice blue": "light blue",
        "pastel blue": "light blue", "navy blue": "navy", "dark blue": "navy", "deep blue": "navy",
        "midnight blue": "navy", "midnight": "navy", "indigo": "navy", "violet": "purple", "gold": "yellow",
        "golden": "yellow", "rosy": "pink",
    }
)  # fmt: skip
"""Words for the named colours themselves."""

_OWN: Mapping[str, tuple[tuple[int, int, int], ...]] = MappingProxyType(
    {
        "charcoal": ((62, 64, 68), (78, 80, 84)), "anthracite": ((56, 60, 66),), "dark grey": ((76, 78, 82),),
        "silver": ((190, 192, 196),), "light grey": ((200, 200, 203), (180, 181, 184)),
        "cream": ((240, 230, 208), (232, 220, 192)), "ivory": ((242, 238, 222),), "ecru": ((230, 220, 196),),
        "off white": ((238, 234, 224), (228, 222, 210)), "eggshell": ((236, 230, 214),),
        "sand": ((214, 192, 156), (200, 178, 144)), "nude": ((222, 190, 166),), "stone": ((196, 186, 170),),
        "taupe": ((146, 130, 114), (120, 106, 94)), "tan": ((198, 154, 108), (180, 136, 92)),
        "latte": ((196, 164, 128), (178, 144, 110)), "camel": ((190, 144, 92), (176, 128, 80)),
        "khaki": ((180, 166, 126), (150, 140, 100), (206, 194, 160)), "cognac": ((150, 84, 44),),
        "chocolate": ((74, 48, 36), (92, 58, 42)), "dark brown": ((62, 44, 34),), "light brown": ((160, 118, 80),),
        "rust": ((168, 82, 44), (150, 70, 40)), "terracotta": ((188, 96, 68),), "copper": ((176, 104, 62),),
        "coral": ((240, 124, 106), (232, 108, 98)), "salmon": ((244, 150, 132),),
        "peach": ((248, 190, 160), (244, 170, 146)),
        "apricot": ((248, 184, 130),), "rose": ((222, 140, 150), (200, 110, 124)), "blush": ((238, 200, 196),),
        "light pink": ((246, 200, 210),), "pale pink": ((246, 206, 212),), "baby pink": ((246, 194, 206),),
        "dusty pink": ((206, 156, 160),), "hot pink": ((230, 50, 130), (216, 40, 110)),
        "fuchsia": ((214, 36, 130),),
        "magenta": ((196, 30, 120),), "raspberry": ((178, 32, 84),), "mustard": ((206, 160, 46), (190, 146, 40)),
        "light yellow": ((246, 236, 160),), "pale yellow": ((246, 238, 180), (240, 230, 150)),
        "lemon": ((246, 228, 90),),
        "lime": ((170, 210, 60),), "lime green": ((150, 205, 60),), "mint": ((176, 226, 204), (150, 214, 186)),
        "mint green": ((176, 226, 204),), "sage": ((156, 172, 142),), "sage green": ((156, 172, 142),),
        "light green": ((160, 212, 130), (180, 220, 170)), "emerald": ((20, 132, 90),),
        "emerald green": ((20, 132, 90),),
        "dark green": ((24, 72, 46), (32, 88, 56)), "forest green": ((30, 78, 48),), "bottle green": ((20, 64, 46),),
        "royal blue": ((36, 74, 190),), "bright blue": ((30, 100, 220),), "cobalt": ((30, 72, 176),),
        "electric blue": ((30, 90, 230),), "denim": ((72, 98, 140), (96, 120, 156), (48, 66, 102)),
        "denim blue": ((72, 98, 140), (96, 120, 156)), "lilac": ((196, 170, 214), (182, 154, 204)),
        "lavender": ((190, 178, 220), (204, 194, 226)), "light purple": ((186, 158, 212),), "mauve": ((168, 124, 150),),
        "plum": ((96, 40, 84), (82, 36, 70)), "aubergine": ((66, 34, 60),), "dark purple": ((74, 36, 92),),
    }
)  # fmt: skip
"""Words for shades between the named colours, with sRGB of their own."""

WIDER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"blue": ("navy", "light blue"), "red": ("burgundy",), "green": ("olive", "teal"), "pink": ("red",)}
)
"""Where else to look for candidates of a plain colour word: a navy shirt may be sold as a blue one."""
LONGEST = 2
"""Words that a colour's name has at most."""


COLOR_WORDS: frozenset[str] = frozenset({*_SAME, *_OWN, *ANCHORS})
"""Every colour's name that is known."""


def is_color(word: str) -> bool:
    """Whether this word or pair of words is a colour's."""
    return word in _OWN or _SAME.get(word, word) in ANCHORS


def base_name(word: str) -> str | None:
    """The named colour that a word is another word for; None for shades between them, and for other words."""
    name = _SAME.get(word, word)
    return name if name in ANCHORS and word not in _OWN else None


@cache
def color_anchors(phrase: str) -> NDArray[np.float32] | None:
    """(m, 3) CIELAB of the shades that a colour's words mean ("peach pink" means both); None for other words."""
    rgb = [shade for word in _words_of(phrase) for shade in _OWN.get(word) or ANCHORS[_SAME.get(word, word)]]
    return to_lab(np.array(rgb, np.uint8)) if rgb else None


@cache
def names_near(phrase: str) -> frozenset[str]:
    """The named colours under which garments of this colour are kept."""
    words = _words_of(phrase)
    own = [shade for word in words for shade in _OWN.get(word, ())]
    near = {COLOR_NAMES[i] for i in nearest_names(np.array(own, np.uint8))} if own else set()
    named = {_SAME.get(word, word) for word in words if word not in _OWN}
    return frozenset(near.union(named, *(WIDER.get(name, ()) for name in named)))


def _words_of(phrase: str) -> list[str]:
    """A phrase's colour words, the longest first at each place; none where a part of it is no colour."""
    left, found = phrase.split(), []
    while left:
        length = next((n for n in range(min(LONGEST, len(left)), 0, -1) if is_color(" ".join(left[:n]))), 0)
        if not length:
            return []
        found.append(" ".join(left[:length]))
        left = left[length:]
    return found
