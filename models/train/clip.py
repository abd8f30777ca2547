"""Trains the semantic embedder (a small CLIP) from random weights on captioned garment crops.

Every batch holds crops and the same crops in another colour. Which caption fits which picture is
known from facts, so the contrast has many positives (Yang et al. 2022, arXiv:2204.03610, UniCL) and
leaves undecidable pairs out. A second contrast teaches composition as the search does it: image
plus words, normalised, must find that kind of garment in that colour.
Resumable: `last.pt` and `tokenizer.json` in the output folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from models.architectures.semantic import DIM, build_semantic
from models.train.captions import Facts, caption, facts_of, modification, truth
from models.train.clip_recolour import recoloured
from models.train.colours import COLOUR_NAMES, colour_shares
from models.train.embedder import learning_rate, pixels_to_input, teacher_targets
from models.train.embedder_augment import Augmentation, augmented, shrunk
from models.train.embedder_cache import TEACHER
from models.train.embedder_data import CropRecord, read_cache
from models.train.resumable import Report, ResumableRun
from models.train.tokenizer import tokens_of, train_tokenizer

PLAIN_SHARE = 0.85
"""A garment this much of one colour is plain; below PATTERNED_SHARE it is patterned."""
PATTERNED_SHARE = 0.5
GENERATED_SHARE = 0.5
"""How often a generated crop is drawn, against a photographed one."""


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """A run of training; see EmbedderConfig for `growth` and `minutes`."""

    cache: Path
    out: Path
    steps: int = 1500
    garments: int = 80
    growth: tuple[tuple[float, int], ...] = ((0.0, 64), (0.6, 96))
    rate: float = 1.0e-3
    weight_decay: float = 0.05
    warm_up: float = 0.05
    average: float = 0.995
    teacher_weight: float = 0.5
    compose_weight: float = 0.7
    seed: int = 0
    threads: int = 1
    minutes: float | None = None
    save_every: int = 50
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(light=0.14, saturation=0.12, hue_degrees=3))


@dataclass(frozen=True, slots=True, eq=False)
class CaptionedCrops:
    """The training rows: pictures, what is known of them, and how often each is drawn."""

    records: Sequence[CropRecord]
    crops: NDArray[np.uint8]
    rows: NDArray[np.int64]
    odds: NDArray[np.float64]
    plain: Sequence[bool | None]
    teacher: Tensor


def open_crops(config: ClipConfig) -> CaptionedCrops:
    """Read the cache; rare colours and kinds are drawn more often than they occur."""
    records, crops = read_cache(config.cache)
    rows = np.flatnonzero([r.split == "train" and bool(r.colours) for r in records])
    odds = balance([records[row].colours[0] for row in rows]) * balance([records[row].category for row in rows])
    odds *= np.where([records[row].source == "studio" for row in rows], GENERATED_SHARE, 1.0)
    teacher = teacher_targets(np.load(config.cache / TEACHER), rows)
    plain = [plainness(crop) for crop in crops]
    return CaptionedCrops(records, crops, rows, odds / odds.sum(), plain, teacher)


def balance(names: Sequence[str]) -> NDArray[np.float64]:
    """One weight per row, by the inverse root of how many share its name."""
    _, back, counts = np.unique(names, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / np.sqrt(counts[back]), np.float64)


def plainness(crop: NDArray[np.uint8]) -> bool | None:
    """Whether the garment is of one colour; None where it is hard to say."""
    shares = colour_shares(crop[..., :3], crop[..., 3] > 200, sample=400)
    top = next(iter(shares.values()), 0.0)
    return True if top >= PLAIN_SHARE else False if top < PATTERNED_SHARE else None


@dataclass(slots=True, kw_only=True)
class _Run(ResumableRun):
    PARTS = ("model", "average", "teacher", "optimizer")

    model: Any
    average: Any
    teacher: nn.Linear
    optimizer: torch.optim.Optimizer


def train_clip(config: ClipConfig, report: Report | None = None) -> Path:
    """Train, or go on where `last.pt` stopped; returns the checkpoint's path."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    config.out.mkdir(parents=True, exist_ok=True)
    crops = open_crops(config)
    tokenizer = open_tokenizer(config, crops)
    run = _start(config, crops, tokenizer)
    checkpoint = config.out / "last.pt"
    run.train(checkpoint, config, partial(_step, config, crops, tokenizer, run), report)
    return checkpoint


def open_tokenizer(config: ClipConfig, crops: CaptionedCrops) -> Tokenizer:
    """The tokenizer beside the checkpoint, learnt from captions of the training rows if it is not there yet."""
    path = config.out / "tokenizer.json"
    if not path.exists():
        rng = np.random.default_rng(config.seed)
        facts = [facts_of(crops.records[row], plain=crops.plain[row]) for row in crops.rows]
        picks = rng.integers(len(facts), size=20_000)
        texts = [caption(facts[i], rng).text for i in picks]
        texts += [modification(colour, rng) for colour in COLOUR_NAMES for _ in range(60)]
        train_tokenizer(texts).save(str(path))
    return Tokenizer.from_file(str(path))


def _start(config: ClipConfig, crops: CaptionedCrops, tokenizer: Tokenizer) -> _Run:
    model, average = build_semantic(tokenizer.get_vocab_size()), build_semantic(tokenizer.get_vocab_size())
    model.visual.to(memory_format=torch.channels_last)
    average.load_state_dict(model.state_dict())
    teacher = nn.Linear(DIM, crops.teacher.shape[1])
    parameters = [*model.parameters(), *teacher.parameters()]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=config.rate, betas=(0.9, 0.98))
    rng = np.random.default_rng(config.seed)
    return _Run(model=model, average=average, teacher=teacher, optimizer=optimizer, rng=rng)


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """2 n pictures (n crops, then the same recoloured), a caption each, and n wishes for a colour."""

    pictures: Tensor
    facts: list[Facts]
    captions: Tensor
    demands: list[frozenset[str]]
    wishes: Tensor
    wished: list[frozenset[str]]
    teacher: Tensor


def _draw(
    config: ClipConfig, crops: CaptionedCrops, tokenizer: Tokenizer, rng: np.random.Generator, size: int
) -> _Batch:
    rows = rng.choice(crops.rows, config.garments, p=crops.odds, replace=len(crops.rows) < config.garments)
    views, facts, wishes, wished = [], [], [], []
    cuts = [shrunk(crops.crops[row], size) for row in rows]
    for row, cut in zip(rows, cuts, strict=True):
        facts.append(facts_of(crops.records[row], plain=crops.plain[row]))
        views.append(augmented(cut, size, rng, config.augmentation))
    for row, cut in zip(rows, cuts, strict=True):
        record, colour = crops.records[row], COLOUR_NAMES[rng.integers(len(COLOUR_NAMES))]
        changed = facts_of(record, [colour], plain=crops.plain[row])
        facts.append(changed)
        views.append(augmented(recoloured(cut, colour, rng), size, rng, config.augmentation))
        wishes.append(modification(colour, rng))
        kept = [f for f in changed.sure if f.startswith(("kind:", "label:"))]
        wished.append(frozenset({f"colour:{colour}", *kept}))
    told = [caption(f, rng) for f in facts]
    return _Batch(
        pixels_to_input(np.stack(views)),
        facts,
        torch.from_numpy(tokens_of(tokenizer, [c.text for c in told])),
        [c.demands for c in told],
        torch.from_numpy(tokens_of(tokenizer, wishes)),
        wished,
        crops.teacher[torch.from_numpy(rows)],
    )


def _step(
    config: ClipConfig, crops: CaptionedCrops, tokenizer: Tokenizer, run: _Run, progress: float
) -> dict[str, float]:
    size = [s for start, s in config.growth if start <= progress][-1]
    batch = _draw(config, crops, tokenizer, run.rng, size)
    n = config.garments
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(config.rate, progress, config.warm_up)
    run.model.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        raw = run.model.encode_image(batch.pictures)
        words = encode_unpadded(run.model, torch.cat([batch.captions, batch.wishes]))
    images, texts = functional.normalize(raw.float()), functional.normalize(words.float())
    told, wishes = texts[: 2 * n], texts[2 * n :]
    scale = run.model.logit_scale.exp().clamp(max=60)
    composed = functional.normalize(images[:n] + wishes)
    losses = {
        "contrast": contrast(scale * images @ told.T, *truth(batch.facts, batch.demands)),
        "compose": config.compose_weight
        * contrast(scale * images @ composed.T, *truth(batch.facts, batch.wished), both_ways=False),
        "teacher": config.teacher_weight
        * (1 - functional.cosine_similarity(run.teacher(raw[:n].float()), batch.teacher)).mean(),
    }
    total = torch.stack(list(losses.values())).sum()
    run.optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(run.model.parameters(), 5.0)
    run.optimizer.step()
    _average(run.average, run.model, min(config.average, (run.step + 1) / (run.step + 10)))
    return {**{name: float(value.detach()) for name, value in losses.items()}, "total": float(total.detach())}


def encode_unpadded(model: Any, tokens: Tensor) -> Tensor:
    """Embed texts without the columns that none reaches: the tower is causal, so only the time changes."""
    length = int((tokens != 0).sum(1).max())
    tower, causal = model.text, model.text.attn_mask
    tower.attn_mask = causal[:length, :length]
    try:
        embeddings: Tensor = tower(tokens[:, :length])
    finally:
        tower.attn_mask = causal
    return embeddings


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
        share = targets[some].float()
        return -(rows[some].log_softmax(1) * share / share.sum(1, keepdim=True)).sum(1).mean()

    by_text = one_way(logits.T, holds.T)
    return (by_text + one_way(logits, holds)) / 2 if both_ways else by_text


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, keep: float) -> None:
    for mine, theirs in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - keep)
        else:
            mine.copy_(theirs)
