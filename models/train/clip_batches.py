"""What one step of the CLIP's training sees: crops as photographed and dyed, captions, wishes for another colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from models.train.captions import (
    SHADES,
    Caption,
    Facts,
    caption,
    facts_of,
    modification,
    single_colours,
    single_facts,
)
from models.train.clip_data import CaptionedCrops
from models.train.clip_recolour import recoloured
from models.train.colours import COLOUR_NAMES
from models.train.embedder import pixels_to_input
from models.train.embedder_augment import Augmentation, augmented, shrunk
from models.train.tokenizer import tokens_of

DYED = 0.3
"""How often a crop is shown in a colour that it does not have, so that a kind is not known by its usual colours."""
DYES = (*COLOUR_NAMES, *SHADES)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """n crops, then the first m of them in another colour, and what can be said of them.

    Attributes:
        pictures: (n + m, 3, s, s).
        told: a caption each, then one for every single fact, then one for every colour.
        wishes: m requests for the colour of the m repeated crops.
        tokens: of the told captions, then of the wishes.
        teacher, as_photographed: (n, …) targets, and which of the n crops they hold for.
    """

    pictures: Tensor
    facts: list[Facts]
    told: list[Caption]
    singles: slice
    colours: slice
    wishes: int
    tokens: Tensor
    teacher: Tensor
    as_photographed: Tensor


@dataclass(frozen=True, slots=True)
class Draw:
    """How a batch is drawn: n crops, m of them twice."""

    garments: int
    repeated: int
    augmentation: Augmentation


def draw(how: Draw, crops: CaptionedCrops, tokenizer: Tokenizer, rng: np.random.Generator, size: int) -> Batch:
    """One batch of training rows, as pictures of `size` pixels."""
    rows = rng.choice(crops.rows, how.garments, p=crops.odds, replace=len(crops.rows) < how.garments)
    cuts = [shrunk(crops.crops[row], size) for row in rows]
    dyes = [_dye(rng) if rng.random() < DYED else "" for _ in rows]
    views = [_seen(cut, dye, size, rng, how.augmentation) for cut, dye in zip(cuts, dyes, strict=True)]
    facts = [_facts(crops, row, dye) for row, dye in zip(rows, dyes, strict=True)]
    wanted = [_other(rng, facts[i]) for i in range(how.repeated)]
    views += [_seen(cuts[i], dye, size, rng, how.augmentation) for i, dye in enumerate(wanted)]
    facts += [_facts(crops, rows[i], dye) for i, dye in enumerate(wanted)]
    told = [caption(f, rng) for f in facts]
    singles, colours = single_facts(rng), single_colours(rng)
    wishes = [modification(dye, rng) for dye in wanted]
    start = len(told)
    return Batch(
        pixels_to_input(np.stack(views)),
        facts,
        [*told, *singles, *colours],
        slice(start, start + len(singles)),
        slice(start + len(singles), start + len(singles) + len(colours)),
        len(wishes),
        torch.from_numpy(tokens_of(tokenizer, [c.text for c in (*told, *singles, *colours)] + wishes)),
        crops.teacher[torch.from_numpy(rows)],
        torch.tensor([not dye for dye in dyes]),
    )


def _dye(rng: np.random.Generator) -> str:
    return DYES[int(rng.integers(len(DYES)))]


def _other(rng: np.random.Generator, facts: Facts) -> str:
    """A colour that nobody would give the garment as it is."""
    while True:
        dye = _dye(rng)
        if not {f"colour:{dye}", f"shade:{dye}"} & facts.maybe:
            return dye


def _seen(
    cut: NDArray[np.uint8], dye: str, size: int, rng: np.random.Generator, how: Augmentation
) -> NDArray[np.uint8]:
    return augmented(recoloured(cut, dye, rng) if dye else cut, size, rng, how)


def _facts(crops: CaptionedCrops, row: int, dye: str) -> Facts:
    record, plain = crops.records[row], crops.plain[row]
    if dye in SHADES:
        return facts_of(record, (), plain=plain, shade=dye)
    return facts_of(record, [dye] if dye else None, plain=plain)


def captions_for_tokenizer(crops: CaptionedCrops, rng: np.random.Generator, count: int = 20_000) -> Sequence[str]:
    """Texts like those of the training, for a tokenizer to learn from."""
    facts = [_facts(crops, row, "") for row in crops.rows]
    texts = [caption(facts[i], rng).text for i in rng.integers(len(facts), size=count)]
    return texts + [modification(dye, rng) for dye in DYES for _ in range(60)]
