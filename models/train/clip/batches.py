"""What one step of the CLIP's training sees: views of crops, some dyed, captions, and changes for another colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.train.clip.bank import Bank
from models.train.clip.captions import Caption, Facts
from models.train.clip.data import CaptionedCrops, facts_in
from models.train.clip.views import DYED, Views

ODDS = (0.2, 0.1, 0.25, 0.25, 0.2)
"""How often each view is shown."""
PLAIN = (0, 2, 3)
"""The views that a query starts from."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How a batch is drawn.

    Attributes:
        garments: crops; `repeated` of them are seen a second time, dyed.
        pairs: further crops of products that have several pictures.
        captions: of the bank, beside every single fact.
    """

    garments: int
    repeated: int
    pairs: int
    captions: int


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """n crops, m of them dyed, then pairs; and what can be said of them.

    Attributes:
        features, shares: (n + m + pairs, …) of the pictures.
        names: what the pictures show, the same for pictures of one product variant in one colour.
        told: captions, then from `singles` on one text or more for every single fact.
        classes: (n + m + pairs, …) logits of ImageNet's garments, empty where no such network was asked.
        sentences: of `told`; changes: (m, …) the requests for the colours of the dyed crops.
        start: the number of the first dyed picture, whose crop is picture 0.
    """

    features: Tensor
    shares: Tensor
    classes: Tensor
    facts: list[Facts]
    names: list[str]
    told: list[Caption]
    singles: int
    sentences: Tensor
    changes: Tensor
    start: int


def draw(how: Draw, crops: CaptionedCrops, views: Views, bank: Bank, rng: np.random.Generator) -> Batch:
    """One batch of training rows."""
    n, m = how.garments, min(how.repeated, how.garments)
    at = rng.choice(len(views.rows), n, p=crops.odds, replace=len(views.rows) < n)
    shown = rng.choice(len(ODDS), n, p=ODDS)
    shown[:m] = rng.choice(PLAIN, m)
    more = rng.choice(views.paired, how.pairs) if len(views.paired) else views.paired
    at = np.concatenate([at, at[:m], more])
    shown = np.concatenate([shown, np.full(m, DYED), rng.choice(DYED, len(more))])
    dyes = [str(views.dyes[i]) if view == DYED else "" for i, view in zip(at, shown, strict=True)]
    facts = [facts_in(crops, int(views.rows[i]), dye) for i, dye in zip(at, dyes, strict=True)]
    names = [f"{crops.records[views.rows[i]].identity}/{dye}" for i, dye in zip(at, dyes, strict=True)]
    said = _said(how.captions, bank, rng)
    changes = [int(rng.choice(bank.changes[dye])) for dye in dyes[n : n + m]]
    return Batch(
        torch.from_numpy(views.features[shown, at]).float(),
        torch.from_numpy(views.shares[shown, at]).float(),
        torch.from_numpy(views.classes[shown, at]).float(),
        facts,
        names,
        [bank.told[row] for row in said],
        len(said) - _singles(bank),
        bank.sentences[torch.tensor(said)],
        bank.sentences[torch.tensor(changes)],
        n,
    )


def _said(count: int, bank: Bank, rng: np.random.Generator) -> list[int]:
    """Some captions, then a text for every single fact: two for a kind, for those are the finest to tell."""
    said = [int(row) for row in rng.choice(len(bank.told), min(count, len(bank.told)), replace=False)]
    for fact, rows in bank.singles.items():
        said += [int(row) for row in rng.choice(rows, _times(fact))]
    return said


def _singles(bank: Bank) -> int:
    return sum(_times(fact) for fact in bank.singles)


def _times(fact: str) -> int:
    return 2 if fact.startswith("kind:") else 1
