"""Trains the semantic embedder (a CLIP): heads that bring an image network and a sentence encoder together.

Both towers stay as they come (Zhai et al. 2022, arXiv:2111.07991, LiT), so the features of every crop and of every
caption are computed once, and a step costs milliseconds. Which caption fits which picture is known from facts, so the
contrast has many positives (Yang et al. 2022, arXiv:2204.03610, UniCL) and leaves undecidable pairs out. Beside the
captions, every batch is asked for every kind, colour, pattern and sleeve there is; image plus words, as the search
adds them, must find that very garment in that colour; garments of one kind are drawn together, and all keep the
neighbours that the image network gave them, so that what it knows of the world stays.
Resumable: `last.pt` and `tokenizer.json` in the output folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.architectures.semantic import JOINT
from models.train.clip.bank import Bank, bank_of, embed_sentences
from models.train.clip.batches import Batch, Draw, draw
from models.train.clip.captions import KINDS, answered, truth
from models.train.clip.data import CaptionedCrops, open_crops
from models.train.clip.kinds import kind_losses
from models.train.clip.start import GARMENTS, Towers, begin
from models.train.clip.views import SERVED, SIDE, Views, views_of
from models.train.resumable import Report, ResumableRun, running_average
from models.train.schedule import learning_rate_share

MAX_SCALE = 60.0
"""Of the contrast's logits; the inverse of CLIP's temperature."""
DOUBT = 0.3
"""What a neighbouring word counts for against a picture, where a plainly wrong one counts 1."""
NEIGHBOURS, SAME_KIND, SAME_VARIANT = 10.0, 10.0, 20.0
"""The scales of the contrasts among pictures."""
SURE = 3.0
"""The logit of an ImageNet class from which the network counts as having seen something."""
FLOOR = 0.01
"""Of the learning rate, in the end."""
_NEVER = -1e4


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """A run of training. `minutes` is its length by the clock, whichever of steps and minutes comes first.

    Attributes:
        towers: pretrained towers to begin with, or a profile to go on from; None for random ones.
    """

    cache: Path
    out: Path
    steps: int = 1200
    garments: int = 224
    repeated: int = 40
    pairs: int = 32
    captions: int = 224
    bank: int = 16000
    rate: float = 1.0e-3
    weight_decay: float = 0.05
    warm_up: float = 0.05
    average: float = 0.995
    kind_weight: float = 1.0
    compose_weight: float = 0.7
    neighbour_weight: float = 1.0
    likeness_weight: float = 0.5
    variant_weight: float = 0.3
    class_weight: float = 0.5
    kind_head_weight: float = 0.5
    seed: int = 0
    threads: int = 1
    minutes: float | None = None
    save_every: int = 200
    side: int = SIDE
    layers: int = 6
    towers: Towers | None = None

    def draw(self) -> Draw:
        """How its batches are drawn."""
        return Draw(self.garments, self.repeated, self.pairs, self.captions)


@dataclass(slots=True, kw_only=True)
class _Run(ResumableRun):
    PARTS = ("model", "average", "optimizer")

    model: Any
    ema: Any
    average: Any
    optimizer: torch.optim.Optimizer


def train_clip(config: ClipConfig, report: Report | None = None) -> Path:
    """Train, or go on where `last.pt` stopped; returns the checkpoint's path.

    Raises:
        ModelUnavailable: `config.towers` are not there.
        WeightsUnfit: they are of another architecture.
    """
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    config.out.mkdir(parents=True, exist_ok=True)
    crops = open_crops(config.cache)
    checkpoint = config.out / "last.pt"
    rng = np.random.default_rng(config.seed)
    begun = begin(config.towers, config.out, crops, config.layers)
    clip, tokenizer = begun.clip, begun.tokenizer
    views = views_of(begun, crops, config.out, config.side, config.seed)
    bank = bank_of(clip, tokenizer, crops, rng, config.bank)
    names = embed_sentences(clip.text.encoder, tokenizer, tuple(GARMENTS.values())) if begun.knows_classes else None
    if not (config.towers and config.towers.profile):
        _begin_with_axes(clip.visual.head.straight, torch.from_numpy(views.features[SERVED]).float())
    run = _start(config, clip, np.random.default_rng(config.seed))
    run.train(checkpoint, config, partial(_step, config, crops, views, bank, names, run), report)
    return checkpoint


def _start(config: ClipConfig, clip: Any, rng: np.random.Generator) -> _Run:
    average = deepcopy(clip)
    trained = _trained(clip)
    ema = running_average(trained, config.average, warm=True)
    ema.module = _trained(average)  # The towers are the same in both; averaging them would cost more than the step.
    optimizer = torch.optim.AdamW(trained, weight_decay=config.weight_decay)
    return _Run(model=clip, ema=ema, average=average, optimizer=optimizer, rng=rng)


def _trained(network: nn.Module) -> nn.ParameterList:
    return nn.ParameterList([p for p in network.parameters() if p.requires_grad])


@torch.no_grad()
def _begin_with_axes(straight: nn.Linear, features: Tensor) -> None:
    """The image head begins as the features' main axes, so that likeness begins as the image network has it."""
    centred = features - features.mean(0)
    _, axes = torch.linalg.eigh(centred.T @ centred)
    straight.weight.copy_(axes[:, -JOINT:].T)
    straight.bias.zero_()


def _step(
    config: ClipConfig,
    crops: CaptionedCrops,
    views: Views,
    bank: Bank,
    names: Tensor | None,
    run: _Run,
    progress: float,
) -> dict[str, float]:
    batch = draw(config.draw(), crops, views, bank, run.rng)
    for group in run.optimizer.param_groups:
        group["lr"] = config.rate * learning_rate_share(progress, FLOOR, config.warm_up)
    losses = losses_of(config, run.model.train(), batch)
    for name, value in kind_losses(run.model, batch).items():
        losses[name] = config.kind_head_weight * value
    if names is not None:
        losses["classes"] = config.class_weight * class_loss(run.model, batch, names)
    total = torch.stack(list(losses.values())).sum()
    run.optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    run.optimizer.step()
    run.ema.update(_trained(run.model), run.step + 2)
    return {**{name: float(value.detach()) for name, value in losses.items()}, "total": float(total.detach())}


def losses_of(config: ClipConfig, clip: Any, batch: Batch) -> dict[str, Tensor]:
    """Every term of the loss, weighted."""
    shapes = clip.visual.head(batch.features)
    images = functional.normalize(shapes + clip.visual.colour.added(batch.shares))
    texts = functional.normalize(clip.text.head(batch.sentences))
    changes = functional.normalize(clip.text.head(batch.changes))
    scale, kinds = clip.logit_scale.exp().clamp(max=MAX_SCALE), functional.normalize(shapes)
    demands = [told.demands for told in batch.told]
    sure, maybe = truth(batch.facts, demands)
    near = maybe & ~sure & answered(batch.facts, demands)
    logits, maybe = scale * images @ texts.T + doubt(near), maybe & ~near
    captions, singles = slice(0, batch.singles), slice(batch.singles, None)
    return {
        "contrast": contrast(logits[:, captions], sure[:, captions], maybe[:, captions]),
        "kinds": config.kind_weight * contrast(logits[:, singles], sure[:, singles], maybe[:, singles]),
        "compose": config.compose_weight * composition(scale, images, changes, batch),
        "neighbours": config.neighbour_weight * neighbours(kinds, batch.features),
        "likeness": config.likeness_weight * likeness(kinds, batch),
        "variant": config.variant_weight * variants(images, batch.names),
    }


def composition(scale: Tensor, images: Tensor, changes: Tensor, batch: Batch) -> Tensor:
    """Image + change, normalised, must find the same crop in the asked colour, not the crop as it was or another.

    Other garments of the same kind and colour would do as well and are left out.
    """
    n, m = batch.start, len(changes)
    moved = functional.normalize(images[:m] + changes)
    dyed = [
        frozenset(f for f in facts.sure if f.startswith(("colour:", "shade:", "kind:")))
        for facts in batch.facts[n : n + m]
    ]
    _, maybe = truth(batch.facts, dyed)
    own = np.arange(m) + n
    as_good = torch.from_numpy(maybe.T.copy())
    as_good[torch.arange(m), torch.from_numpy(own)] = False
    logits = (scale * moved @ images.T).masked_fill(as_good, _NEVER)
    return functional.cross_entropy(logits, torch.from_numpy(own))


def neighbours(kinds: Tensor, features: Tensor) -> Tensor:
    """How far the order of neighbours is from the one that the image network's features give (KL divergence)."""
    before = functional.normalize(features)
    own = torch.eye(len(kinds), dtype=torch.bool)
    wanted = (NEIGHBOURS * before @ before.T).masked_fill(own, _NEVER).softmax(1)
    found = (NEIGHBOURS * kinds @ kinds.T).masked_fill(own, _NEVER).log_softmax(1)
    return functional.kl_div(found, wanted, reduction="batchmean")


def likeness(kinds: Tensor, batch: Batch) -> Tensor:
    """Garments of one kind are more alike than those of kinds that nobody takes for each other."""
    every = [frozenset({f"kind:{kind}"}) for kind in KINDS]
    sure, maybe = (table.astype(np.float32) for table in truth(batch.facts, every))
    known, own = sure.sum(1) > 0, np.eye(len(kinds), dtype=bool)
    same = (sure @ sure.T > 0) & ~own
    unsure = (sure @ maybe.T > 0) | (maybe @ sure.T > 0) | ~known[:, None] | ~known[None]
    logits = (SAME_KIND * kinds @ kinds.T).masked_fill(torch.from_numpy(own), _NEVER)
    return contrast(logits, same, (unsure & ~same) | own, both_ways=False)


def class_loss(clip: Any, batch: Batch, names: Tensor) -> Tensor:
    """How far words for ImageNet's garments are from the classes that the network itself sees in a picture.

    So the text tower learns what a running shoe and a clog look like though no crop is labelled so. Pictures in which
    the network is sure of none do not count.
    """
    shapes = functional.normalize(clip.visual.head(batch.features))
    texts = functional.normalize(clip.text.head(names))
    scale = clip.logit_scale.exp().clamp(max=MAX_SCALE)
    found = (scale * shapes @ texts.T).log_softmax(1)
    apart = functional.kl_div(found, batch.classes.softmax(1), reduction="none").sum(1)
    return (apart * (batch.classes.amax(1) > SURE)).mean()


def variants(images: Tensor, names: Sequence[str]) -> Tensor:
    """Pictures of one product variant are more alike than any others."""
    of = np.array(names)
    own = np.eye(len(of), dtype=bool)
    logits = (SAME_VARIANT * images @ images.T).masked_fill(torch.from_numpy(own), _NEVER)
    return contrast(logits, (of[:, None] == of[None]) & ~own, own, both_ways=False)


def doubt(near: NDArray[np.bool_]) -> Tensor:
    """Added to logits: a neighbouring word counts against a picture, but DOUBT as much as one that is plainly wrong.

    Left out altogether, shirts would be as good as t-shirts for "t-shirt", and black as good as navy.
    """
    return torch.from_numpy(near) * float(np.log(DOUBT))


def contrast(logits: Tensor, sure: NDArray[np.bool_], maybe: NDArray[np.bool_], *, both_ways: bool = True) -> Tensor:
    """Cross-entropy against all that is sure, evenly; pairs that are only maybe true are left out.

    Args:
        logits: (pictures, texts); `sure` and `maybe` of the same shape.
        both_ways: also from each picture to its texts, not only from each text to its pictures.
    """
    holds, ignored = torch.from_numpy(sure), torch.from_numpy(maybe & ~sure)
    logits = logits.masked_fill(ignored, -1e4)

    def one_way(rows: Tensor, targets: Tensor) -> Tensor:
        some = targets.any(1)
        if not some.any():
            return rows.sum() * 0
        share = targets[some].float()
        return -(rows[some].log_softmax(1) * share / share.sum(1, keepdim=True)).sum(1).mean()

    by_text = one_way(logits.T, holds.T)
    return (by_text + one_way(logits, holds)) / 2 if both_ways else by_text
