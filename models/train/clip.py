"""Trains the semantic embedder (a small CLIP) on captioned garment crops, from random weights or from a profile's.

Every batch holds crops and some of the same crops in another colour. Which caption fits which picture is
known from facts, so the contrast has many positives (Yang et al. 2022, arXiv:2204.03610, UniCL) and
leaves undecidable pairs out. Beside the captions, every batch is asked for every kind and every colour
there is; and image plus words, as the search adds them, must find that very garment in that colour.
Resumable: `last.pt` and `tokenizer.json` in the output folder.
"""

from __future__ import annotations

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
from models.runtime import cpu_computes_bf16
from models.train.captions import answered, truth
from models.train.clip_batches import Batch, Draw, captions_for_tokenizer, draw
from models.train.clip_data import CaptionedCrops, open_crops
from models.train.embedder import learning_rate, pixels_to_input
from models.train.embedder_augment import Augmentation, augmented, shrunk
from models.train.resumable import Report, ResumableRun
from models.train.tokenizer import train_tokenizer

MAX_SCALE = 60.0
"""Of the contrast's logits; the inverse of CLIP's temperature."""
CALIBRATION_PICTURES = 64
NORM_PACE = 4.0
DOUBT = 0.3
"""What a neighbouring word counts for against a picture, where a plainly wrong one counts 1."""


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """A run of training; see EmbedderConfig for `growth` and `minutes`.

    Attributes:
        garments: crops of a batch; `repeated` of them are seen a second time, in another colour.
        init: a profile whose CLIP is trained on; None for random weights.
    """

    cache: Path
    out: Path
    steps: int = 1500
    garments: int = 112
    repeated: int = 32
    growth: tuple[tuple[float, int], ...] = ((0.0, 80), (0.7, 96))
    rate: float = 8.0e-4
    weight_decay: float = 0.05
    warm_up: float = 0.05
    average: float = 0.995
    kind_weight: float = 1.0
    colour_weight: float = 0.5
    compose_weight: float = 0.7
    teacher_weight: float = 0.4
    seed: int = 0
    threads: int = 1
    minutes: float | None = None
    save_every: int = 50
    init: Path | None = None
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(light=0.14, saturation=0.12, hue_degrees=3))

    def draw(self) -> Draw:
        """How its batches are drawn."""
        return Draw(self.garments, min(self.repeated, self.garments), self.augmentation)


@dataclass(slots=True, kw_only=True)
class _Run(ResumableRun):
    PARTS = ("model", "average", "teacher", "optimizer")

    model: Any
    average: Any
    teacher: nn.Linear
    optimizer: torch.optim.Optimizer


def train_clip(config: ClipConfig, report: Report | None = None) -> Path:
    """Train, or go on where `last.pt` stopped; returns the checkpoint's path.

    Raises:
        ModelUnavailable: `config.init` holds no CLIP.
        WeightsUnfit: its CLIP is of another architecture.
    """
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    config.out.mkdir(parents=True, exist_ok=True)
    crops = open_crops(config.cache)
    checkpoint = config.out / "last.pt"
    model, tokenizer = _model(config, crops, resumed=checkpoint.exists())
    run = _start(config, crops, model, tokenizer)
    run.train(checkpoint, config, partial(_step, config, crops, tokenizer, run), report)
    return checkpoint


def _model(config: ClipConfig, crops: CaptionedCrops, *, resumed: bool) -> tuple[Any, Tokenizer]:
    """The network to begin with and the tokenizer, which lies beside the checkpoint."""
    path = config.out / "tokenizer.json"
    if config.init and not resumed:
        from models.train.clip_start import start_from

        model = start_from(config.init, config.out, _calibration_pictures(config, crops))
        return model, Tokenizer.from_file(str(path))
    if not path.exists():
        train_tokenizer(captions_for_tokenizer(crops, np.random.default_rng(config.seed))).save(str(path))
    tokenizer = Tokenizer.from_file(str(path))
    return build_semantic(tokenizer.get_vocab_size()), tokenizer


def _calibration_pictures(config: ClipConfig, crops: CaptionedCrops) -> Tensor:
    rng, size = np.random.default_rng(config.seed), config.growth[0][1]
    rows = rng.choice(crops.rows, CALIBRATION_PICTURES, p=crops.odds)
    views = [augmented(shrunk(crops.crops[row], size), size, rng, config.augmentation) for row in rows]
    return pixels_to_input(np.stack(views))


def _start(config: ClipConfig, crops: CaptionedCrops, model: Any, tokenizer: Tokenizer) -> _Run:
    average = build_semantic(tokenizer.get_vocab_size())
    model.visual.to(memory_format=torch.channels_last)
    average.load_state_dict(model.state_dict())
    teacher = nn.Linear(DIM, crops.teacher.shape[1])
    optimizer = torch.optim.AdamW(_groups(config, model, teacher), betas=(0.9, 0.98))
    rng = np.random.default_rng(config.seed)
    return _Run(model=model, average=average, teacher=teacher, optimizer=optimizer, rng=rng)


def _groups(config: ClipConfig, model: Any, teacher: nn.Linear) -> list[dict[str, Any]]:
    """Norms of the image tower step faster: those at the end of a block begin at 0, and with them the block."""
    norms = [p for p in model.visual.trunk.parameters() if p.ndim <= 1]
    quick = {id(p) for p in norms}
    rest = [p for p in (*model.parameters(), *teacher.parameters()) if id(p) not in quick]
    return [
        {"params": [p for p in rest if p.ndim > 1], "weight_decay": config.weight_decay, "pace": 1.0},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0, "pace": 1.0},
        {"params": norms, "weight_decay": 0.0, "pace": NORM_PACE},
    ]


def _step(
    config: ClipConfig, crops: CaptionedCrops, tokenizer: Tokenizer, run: _Run, progress: float
) -> dict[str, float]:
    size = [s for start, s in config.growth if start <= progress][-1]
    batch = draw(config.draw(), crops, tokenizer, run.rng, size)
    for group in run.optimizer.param_groups:
        group["lr"] = group["pace"] * learning_rate(config.rate, progress, config.warm_up)
    run.model.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=cpu_computes_bf16()):
        raw = run.model.encode_image(batch.pictures).float()
        words = encode_unpadded(run.model, batch.tokens).float()
    losses = _losses(config, run, batch, raw, functional.normalize(words))
    total = torch.stack(list(losses.values())).sum()
    run.optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(run.model.parameters(), 5.0)
    run.optimizer.step()
    _average(run.average, run.model, min(config.average, (run.step + 1) / (run.step + 10)))
    return {**{name: float(value.detach()) for name, value in losses.items()}, "total": float(total.detach())}


def _losses(config: ClipConfig, run: _Run, batch: Batch, raw: Tensor, texts: Tensor) -> dict[str, Tensor]:
    images, scale = functional.normalize(raw), run.model.logit_scale.exp().clamp(max=MAX_SCALE)
    captions = slice(0, len(batch.facts))

    def asked(part: slice) -> Tensor:
        demands = [told.demands for told in batch.told[part]]
        sure, maybe = truth(batch.facts, demands)
        near = maybe & ~sure & answered(batch.facts, demands)
        return contrast(scale * images @ texts[part].T + doubt(near), sure, maybe & ~near)

    plain = batch.as_photographed
    taught = functional.cosine_similarity(run.teacher(raw[: len(plain)][plain]), batch.teacher[plain])
    return {
        "contrast": asked(captions),
        "kinds": config.kind_weight * asked(batch.singles),
        "colours": config.colour_weight * asked(batch.colours),
        "compose": config.compose_weight * composition(scale, images, texts[len(batch.told) :], batch),
        "teacher": config.teacher_weight * (1 - taught).mean(),
    }


def composition(scale: Tensor, images: Tensor, wishes: Tensor, batch: Batch) -> Tensor:
    """Image + wish, normalised, must find the same crop in the wished colour, not the crop as it was or another.

    Other garments of the same kind and colour would do as well and are left out.
    """
    n, m = len(batch.facts) - batch.wishes, batch.wishes
    moved = functional.normalize(images[:m] + wishes)
    dyed = [
        frozenset(f for f in facts.sure if f.startswith(("colour:", "shade:", "kind:"))) for facts in batch.facts[n:]
    ]
    _, maybe = truth(batch.facts, dyed)
    own = np.arange(m) + n
    as_good = torch.from_numpy(maybe.T.copy())
    as_good[torch.arange(m), torch.from_numpy(own)] = False
    logits = (scale * moved @ images.T).masked_fill(as_good, -1e4)
    return functional.cross_entropy(logits, torch.from_numpy(own))


def encode_unpadded(model: Any, tokens: Tensor) -> Tensor:
    """Embed texts, short and long ones apart, without the columns that none reaches: only the time changes.

    The tower is causal, so what stands behind a text's end does not reach it.
    """
    order = (tokens != 0).sum(1).argsort()
    parts = [part for part in order.tensor_split(2) if len(part)]
    embeddings = torch.cat([_encode(model.text, tokens[part]) for part in parts])
    return embeddings[order.argsort()]


def _encode(tower: Any, tokens: Tensor) -> Tensor:
    length, causal = int((tokens != 0).sum(1).max()), tower.attn_mask
    tower.attn_mask = causal[:length, :length]
    try:
        embeddings: Tensor = tower(tokens[:, :length])
    finally:
        tower.attn_mask = causal
    return embeddings


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
