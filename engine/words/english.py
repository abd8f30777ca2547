"""The English words that are understood without a model: `english.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class English:
    """Words by what they do.

    Attributes:
        little: those that say nothing of a garment.
        garments, looks: kinds of garments, and what is said of them, in their plain form.
        never_corrected: what is close to one of these and means something else.
        takes_in: a general word → what it takes in; instead: an unwanted feature → the word for its absence.
    """

    little: frozenset[str]
    garments: frozenset[str]
    looks: frozenset[str]
    never_corrected: frozenset[str]
    takes_in: Mapping[str, frozenset[str]]
    instead: Mapping[str, str]
    emoji: Mapping[str, str]


@cache
def english() -> English:
    """Read once."""
    data = tomllib.loads(files("engine.words").joinpath("english.toml").read_text("utf-8"))
    lists = {name: _words(data[name]) for name in ("little", "garments", "looks", "never_corrected")}
    takes_in = {word: frozenset(text.split()) for word, text in data["takes_in"].items()}
    return English(**lists, takes_in=takes_in, instead=data["instead"], emoji=data["emoji"])


def _words(text: str) -> frozenset[str]:
    """Every word, and the parts of those with a hyphen: words are read without hyphens."""
    return frozenset(part for word in text.split() for part in (word, *word.split("-")))
