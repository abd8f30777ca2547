"""What kind of garment it is, as a distribution: how the heads that say so are taught.

A label names one kind ("heels") or several that it may be ("shoes"); then any of them is right. Where a crop's label is
no more than "shoes" and ImageNet's network is sure of a running shoe or a sandal, that is the label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from engine.vision.kinds import LearntKinds
from models.architectures.semantic import JOINT
from models.train.clip.batches import Batch
from models.train.clip.captions import KINDS, Facts
from models.train.clip.start import GARMENTS

NAMES = tuple(KINDS)
LEARNT = LearntKinds(JOINT, tuple(kind.label for kind in KINDS.values()))
"""Where the embeddings tell them."""
OF_LABEL: Mapping[str, frozenset[str]] = MappingProxyType(
    {label: frozenset(n for n, k in KINDS.items() if k.label == label) for label in {k.label for k in KINDS.values()}}
)
GENERIC = "shoes"
"""A kind that says no more than its label."""
SEEN: Mapping[str, str] = MappingProxyType(
    {"running shoe": "sneakers", "sandal": "sandals", "loafer": "loafers", "cowboy boot": "boots"}
)
"""ImageNet's classes of shoes, and the kinds that they are."""
SURE = 3.0
"""The logit of a class from which the network counts as having seen it."""
SMOOTHING = 0.1


def kind_losses(clip: Any, batch: Batch) -> dict[str, Tensor]:
    """How badly pictures and texts are told by kind."""
    pictures = kinds_told(batch.facts, batch.classes)
    texts = [kinds_named(told.demands) for told in batch.told]
    return {
        "image kind": any_of(clip.visual.kinds(batch.features), kinds_table(pictures)),
        "text kind": evenly(clip.text.kinds(batch.sentences), kinds_table(texts, none=True)),
    }


def kinds_told(facts: Sequence[Facts], classes: Tensor) -> list[frozenset[str]]:
    """The kinds that each picture may be, by its label, and for shoes by ImageNet's network where it is sure."""
    named, seen = [kinds_named(one.sure) for one in facts], kinds_seen(classes)
    return [sure if sure and kinds == OF_LABEL["foot_wear"] else kinds for kinds, sure in zip(named, seen, strict=True)]


def any_of(logits: Tensor, right: Tensor, shares: Tensor | None = None) -> Tensor:
    """−log of the chance of all right ones together, over the rows that have one; a little smoothed.

    Args:
        shares: how much each row counts; alike without it.
    """
    some = right.any(1)
    if not some.any():
        return logits.sum() * 0
    chances = logits[some].log_softmax(1)
    missed = -chances.masked_fill(~right[some], -1e4).logsumexp(1)
    each = (1 - SMOOTHING) * missed - SMOOTHING * chances.mean(1)
    return each.mean() if shares is None else (each * shares[some]).sum() / shares[some].sum()


def evenly(logits: Tensor, right: Tensor) -> Tensor:
    """Cross-entropy against all right ones alike: a word for shoes means every kind of shoe."""
    wanted = right.float() / right.sum(1, keepdim=True).clamp(min=1)
    return -(logits.log_softmax(1) * wanted).sum(1).mean()


def kinds_named(facts: frozenset[str]) -> frozenset[str]:
    """The kinds that it may be; none where nothing is said of it."""
    known = {key: value for key, _, value in (fact.partition(":") for fact in sorted(facts))}
    kind, label = known.get("kind"), known.get("label", "")
    if kind == GENERIC:
        return OF_LABEL["foot_wear"]
    return frozenset({kind}) if kind else OF_LABEL.get(label, frozenset()) if label else frozenset()


def kinds_seen(classes: Tensor) -> list[frozenset[str]]:
    """The kind of shoe that ImageNet's network is sure of, for each row of logits of GARMENTS; none where it is not."""
    names = list(GARMENTS.values())
    if classes.shape[1] != len(names):
        return [frozenset()] * len(classes)
    best, at = classes.max(1)
    found = [SEEN.get(names[i]) if value > SURE else None for value, i in zip(best.tolist(), at.tolist(), strict=True)]
    return [frozenset({kind}) if kind else frozenset() for kind in found]


def kinds_table(rows: Sequence[frozenset[str]], *, none: bool = False) -> Tensor:
    """(rows, kinds) which are right; with `none`, a last column for rows of no kind."""
    table = torch.tensor([[name in row for name in NAMES] for row in rows])
    return torch.cat([table, ~table.any(1, keepdim=True)], 1) if none else table
