"""The captions that a training says, with the sentence encoder's embedding of each, computed once.

Captions are generated from the facts of crops, and for every word of every kind besides, so that rare words
("windbreaker", "gladiator sandals") are said as often as "jacket" and "shoes".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from models.architectures.tokenizer import tokens_of
from models.train.clip.captions import COLOR_WORDS, KINDS, SHADE_WORDS, Caption, caption, modification, single_facts
from models.train.clip.data import CaptionedCrops, facts_in
from models.train.clip.views import DYES
from models.train.synonyms import SYNONYMS

GENERATED = 16000
CHANGES = 200
"""Requests for each colour, of which most are the same."""
FRAMES = ("{}", "a {}", "a photo of a {}", "{} for women", "men's {}", "show me {}")
COLORED = 0.35
"""How many of the colours each word is said with."""


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Captions, requests for another colour, and texts of one fact each, as rows of `sentences`.

    Attributes:
        told: the captions; row i of `sentences` is caption i.
        changes: colour → the rows that ask for it.
        singles: fact → the rows that say it and nothing else.
    """

    told: Sequence[Caption]
    changes: dict[str, list[int]]
    singles: dict[str, list[int]]
    sentences: Tensor


def bank_of(
    clip: Any, tokenizer: Tokenizer, crops: CaptionedCrops, rng: np.random.Generator, count: int = GENERATED
) -> Bank:
    """Generate the captions and embed them; a minute or two."""
    told = list({c.text: c for c in (*_generated(crops, rng, count), *_of_kinds(rng), *single_facts(rng))}.values())
    asked = {modification(dye, rng): dye for dye in DYES for _ in range(CHANGES)}
    singles: dict[str, list[int]] = {}
    for row, one in enumerate(told):
        if len(one.demands) == 1:
            singles.setdefault(next(iter(one.demands)), []).append(row)
    changes: dict[str, list[int]] = {}
    for row, (_, dye) in enumerate(asked.items(), start=len(told)):
        changes.setdefault(dye, []).append(row)
    sentences = embed_sentences(clip.text.encoder, tokenizer, [*(c.text for c in told), *asked])
    return Bank(told, changes, singles, sentences)


def _generated(crops: CaptionedCrops, rng: np.random.Generator, count: int) -> list[Caption]:
    rows = rng.choice(crops.rows, count, p=crops.odds)
    dyes = [str(rng.choice(DYES)) if rng.random() < 0.4 else "" for _ in rows]
    return [caption(facts_in(crops, row, dye), rng) for row, dye in zip(rows, dyes, strict=True)]


def _of_kinds(rng: np.random.Generator) -> list[Caption]:
    """Every word for a kind by itself, and with some of the colours and one of the shades."""
    told = []
    for kind, found in KINDS.items():
        words = (*found.words, *SYNONYMS.get(kind, ()))
        for word in dict.fromkeys((*words, *map(_plural, words))):
            fact = f"kind:{kind}"
            told += [Caption(frame.format(word), frozenset({fact})) for frame in FRAMES]
            for colour, names in COLOR_WORDS.items():
                if rng.random() < COLORED:
                    told.append(Caption(f"{rng.choice(names)} {word}", frozenset({fact, f"colour:{colour}"})))
            shade = str(rng.choice(list(SHADE_WORDS)))
            told.append(Caption(f"{SHADE_WORDS[shade][0]} {word}", frozenset({fact, f"shade:{shade}"})))
    return told


def _plural(word: str) -> str:
    """Shops say "tshirts", and a sentence encoder reads that as something else than "tshirt"."""
    if word.endswith("s") and not word.endswith("ss"):
        return word
    return f"{word}es" if word.endswith(("ss", "sh", "ch")) else f"{word}s"


@torch.no_grad()
def embed_sentences(encoder: Any, tokenizer: Tokenizer, texts: Sequence[str], batch: int = 256) -> Tensor:
    """(len(texts), WIDTH): short texts together, so that little is computed for padding."""
    encoder.eval()
    tokens = torch.from_numpy(tokens_of(tokenizer, texts))
    order = (tokens != 0).sum(1).argsort()
    parts = [encoder(_trimmed(tokens[order[at : at + batch]])) for at in range(0, len(texts), batch)]
    return torch.cat(parts)[order.argsort()]


def _trimmed(tokens: Tensor) -> Tensor:
    return tokens[:, : max(1, int((tokens != 0).sum(1).max()))]
