"""How well words order pictures: colour × category by text, and "the same in navy" by image and words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from engine.domain import Embeddings
from models.architectures.tokenizer import tokens_of
from models.train.clip.captions import COLOR_WORDS, KINDS, LABEL_WORDS, Caption, Facts, facts_of, truth
from models.train.data.colors import COLOR_NAMES
from models.train.data.crops import CropRecord
from models.train.embedder.evaluation import RANKS
from models.train.embedder.teacher import unit

AT_LEAST = 5
"""A query counts when so many held-out crops are right; precision is of the best ten, or of as many as are right."""


@torch.no_grad()
def embed_texts(clip: Any, tokenizer: Tokenizer, texts: Sequence[str]) -> Embeddings:
    """(len(texts), dim), rows of unit L2 norm."""
    clip.eval()
    return unit(clip.encode_text(torch.from_numpy(tokens_of(tokenizer, texts))).float().numpy())


def color_category_queries() -> list[Caption]:
    """ "navy t-shirt" and the like, for every colour with every kind and class; and every colour alone."""
    queries = [Caption(COLOR_WORDS[c][0], frozenset({f"colour:{c}"})) for c in COLOR_NAMES]
    for colour in COLOR_NAMES:
        word, fact = COLOR_WORDS[colour][0], f"colour:{colour}"
        queries += [Caption(f"{word} {kind.words[0]}", frozenset({fact, f"kind:{k}"})) for k, kind in KINDS.items()]
        queries += [Caption(f"{word} {words[0]}", frozenset({fact, f"label:{n}"})) for n, words in LABEL_WORDS.items()]
    return queries


def text_to_image(
    texts: Embeddings, images: Embeddings, facts: Sequence[Facts], queries: Sequence[Caption]
) -> dict[str, float]:
    """Mean precision_at_10 over the queries with enough right answers, strict and with what may be right."""
    sure, maybe = truth(facts, [q.demands for q in queries])
    strict, lenient, chance = [], [], []
    for column in np.flatnonzero(sure.sum(0) >= AT_LEAST):
        best = np.argsort(-(images @ texts[column]))[: min(10, int(sure[:, column].sum()))]
        strict.append(sure[best, column].mean())
        lenient.append(maybe[best, column].mean())
        chance.append(sure[:, column].mean())
    named = {"precision_at_10": strict, "precision_at_10_with_neighbours": lenient, "by_chance": chance}
    return {"queries": len(strict)} | {name: float(np.mean(values)) for name, values in named.items()}


def composed(
    fronts: Mapping[str, int], triplets: Path, images: Embeddings, words: Mapping[str, NDArray[np.float32]]
) -> dict[str, float]:
    """ "The same item in …": hit rates of the target variant among all fronts but the query's own.

    Args:
        fronts: the row of `images` that shows each variant, by identity; words: an embedding per text.
    """
    gallery = np.array(sorted(fronts.values()))
    ranks = []
    for line in triplets.read_text("utf-8").splitlines():
        row = json.loads(line)
        query, target = (fronts.get(f"{row['source']}-{row[key]}") for key in ("ref_variant", "target_variant"))
        if query is None or target is None:
            continue
        moved = unit((images[query] + words[row["text"]])[None])[0]
        scores = images[gallery] @ moved
        scores[gallery == query] = -2
        ranks.append(int((scores > images[target] @ moved).sum()))
    found = np.array(ranks)
    return {"queries": len(found)} | {f"hit_rate_at_{k}": float((found < k).mean()) for k in RANKS}


def text_pairs(
    texts: Embeddings, images: Embeddings, facts: Sequence[Facts], queries: Sequence[Caption]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cosines of every decidable pair of picture and query, and whether the words are true; for the calibration."""
    sure, maybe = truth(facts, [q.demands for q in queries])
    asked = sure.any(0)
    decided = (sure | ~maybe)[:, asked]
    cosines = (images @ texts.T)[:, asked]
    return cosines[decided], sure[:, asked][decided]


def facts_for(records: Sequence[CropRecord]) -> list[Facts]:
    """Facts of records as measured, nothing said of patterns."""
    return [facts_of(record) for record in records]
