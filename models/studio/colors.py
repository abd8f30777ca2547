"""The named colours of the studio: what a feed calls them, and the sRGB they are drawn in."""

from __future__ import annotations

from typing import TypeAlias

RGB: TypeAlias = tuple[float, float, float]
"""sRGB, each 0 to 1."""


def _hex(code: str) -> RGB:
    return int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255


COLORS: dict[str, RGB] = {
    "black": _hex("1e1e20"),
    "white": _hex("f2f1ec"),
    "grey": _hex("8f9294"),
    "charcoal": _hex("4a4c50"),
    "navy": _hex("1f2b4d"),
    "blue": _hex("2d5fae"),
    "light blue": _hex("9dbfe0"),
    "red": _hex("c0272d"),
    "burgundy": _hex("6b1a2b"),
    "pink": _hex("e79bb0"),
    "orange": _hex("dc6f22"),
    "yellow": _hex("ecc837"),
    "green": _hex("2f7d4b"),
    "olive": _hex("6b6b3a"),
    "teal": _hex("1f7f86"),
    "purple": _hex("6a3f8c"),
    "lilac": _hex("bfa5d6"),
    "brown": _hex("6b442c"),
    "camel": _hex("b98a56"),
    "beige": _hex("d9c7a8"),
    "cream": _hex("efe6d0"),
}
"""Name → colour. Names are what the feed's `color` says."""

NEUTRALS = ("black", "white", "grey", "charcoal", "navy", "beige", "cream", "brown")
"""Colours that a shop dresses its models in around the product that it sells."""

DENIM: dict[str, RGB] = {
    "navy": _hex("2a3a5c"),
    "blue": _hex("4a6d9e"),
    "light blue": _hex("9bb6d2"),
    "black": _hex("2a2a2e"),
    "white": _hex("ecebe6"),
    "grey": _hex("7d8288"),
}
"""Denim washes: the same names, less saturated."""


def mix(one: RGB, other: RGB, share: float) -> RGB:
    """`share` of the way from one colour to the other."""
    a, b, c = (x + (y - x) * share for x, y in zip(one, other, strict=True))
    return a, b, c


def darker(color: RGB, factor: float) -> RGB:
    """The colour in less light (factor below 1) or more, clipped to white."""
    a, b, c = (min(1.0, x * factor) for x in color)
    return a, b, c


def brightness(color: RGB) -> float:
    """Luma, 0 to 1."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
