"""Trains the visual embedder (DenseNet121), from random weights or from a profile's, by distillation and triplets.

Resumable: `last.pt` in the output folder holds everything. Pictures grow during training
(64 → 96 pixels), which buys most of the epochs at a fraction of the cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.architectures.visual import MEAN, STD, VisualEmbedder
from models.architectures.visual_color import ColorHistogram
from models.runtime import cpu_computes_bf16
from models.train.data.colors import COLOR_NAMES
from models.train.data.crops import CropRecord, masked, read_cache
from models.train.embedder.augment import Augmentation, augmented, shrunk
from models.train.embedder.batches import IdentityBatches
from models.train.embedder.cache import TEACHER
from models.train.embedder.losses import EmbedderLoss, Lessons, LossWeights
from models.train.embedder.start import start_from
from models.train.embedder.teacher import unit
from models.train.resumable import Report, ResumableRun, running_average
from models.train.schedule import learning_rate_share


@dataclass(frozen=True, slots=True)
class EmbedderConfig:
    """A run of training; `growth` is (share of the run, picture size) in order.

    Attributes:
        minutes: the run's length where time is short: the schedule follows whichever of
            steps and minutes is further along. None for steps alone.
        init: a profile whose visual embedder to begin with; None for random weights.
    """

    cache: Path
    out: Path
    steps: int = 3000
    identities: int = 32
    growth: tuple[tuple[float, int], ...] = ((0.0, 64), (0.6, 96))
    rate: float = 1.2e-3
    weight_decay: float = 0.05
    warm_up: float = 0.04
    average: float = 0.997
    margin: float = 0.2
    seed: int = 0
    threads: int = 1
    minutes: float | None = None
    save_every: int = 100
    init: Path | None = None
    weights: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)


FLOOR = 0.01
"""Of the learning rate, in the end."""
GOING_ON: Mapping[str, Any] = MappingProxyType(
    {"rate": 8e-4, "average": 0.995, "growth": ((0.0, 72), (0.35, 80)), "save_every": 50}
)
"""What suits a run that begins with trained weights: smaller steps, larger pictures."""


def pixels_to_input(
    pictures: NDArray[np.uint8], mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD
) -> Tensor:
    """(n, s, s, 3) RGB uint8 → (n, 3, s, s) float32, normalised, channels last in memory."""
    scaled = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255)
    middle, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in (mean, std))
    return scaled.sub_(middle).div_(spread).contiguous(memory_format=torch.channels_last)


def teacher_targets(rows: NDArray[np.float32], fit_on: NDArray[np.int64]) -> Tensor:
    """Teacher embeddings centred and scaled per dimension (on the rows to train on), then of unit norm."""
    mean, spread = rows[fit_on].mean(0), rows[fit_on].std(0)
    return torch.from_numpy(unit((rows - mean) / (spread + spread.mean())))


@dataclass(frozen=True, slots=True, eq=False)
class Classroom:
    """The training rows with their truths."""

    crops: NDArray[np.uint8]
    batches: IdentityBatches
    categories: Tensor
    colours: Tensor
    teacher: Tensor
    category_names: tuple[str, ...]

    def lessons(self, rows: NDArray[np.int64], codes: NDArray[np.int64]) -> Lessons:
        """The truths of a batch."""
        at = torch.from_numpy(rows)
        return Lessons(torch.from_numpy(codes), self.categories[at], self.colours[at], self.teacher[at])


def open_classroom(config: EmbedderConfig) -> Classroom:
    """Read the cache; only rows of split `train` are ever drawn."""
    records, crops = read_cache(config.cache)
    rows = np.flatnonzero([r.split == "train" for r in records])
    names = _categories(records, rows)
    number = {name: i for i, name in enumerate(names)}
    categories = torch.tensor([number.get(r.category, -1) for r in records])
    colours = torch.tensor([COLOR_NAMES.index(r.colours[0]) if r.colours else -1 for r in records])
    targets = teacher_targets(np.load(config.cache / TEACHER), rows)
    batches = IdentityBatches(records, rows.tolist(), config.identities)
    return Classroom(crops, batches, categories, colours, targets, names)


def _categories(records: list[CropRecord], rows: NDArray[np.int64], at_least: int = 20) -> tuple[str, ...]:
    names, counts = np.unique([records[row].category for row in rows], return_counts=True)
    return tuple(names[counts >= min(at_least, counts.max())].tolist())


@dataclass(slots=True, kw_only=True)
class _Run(ResumableRun):
    PARTS = ("model", "average", "loss", "optimizer")

    model: VisualEmbedder
    ema: Any
    average: VisualEmbedder
    loss: EmbedderLoss
    optimizer: torch.optim.Optimizer


def train_embedder(config: EmbedderConfig, report: Report | None = None) -> Path:
    """Train, or go on where `last.pt` stopped; returns the checkpoint's path."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    classroom = open_classroom(config)
    run = _start(config, classroom)
    config.out.mkdir(parents=True, exist_ok=True)
    checkpoint = config.out / "last.pt"
    run.train(checkpoint, config, partial(_step, config, classroom, run), report)
    return checkpoint


def _start(config: EmbedderConfig, classroom: Classroom) -> _Run:
    model = _beginning(config, classroom).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema = running_average(model, config.average, warm=True)
    loss = EmbedderLoss(
        classroom.teacher.shape[1],
        len(classroom.category_names),
        len(COLOR_NAMES),
        config.weights,
        margin=config.margin,
    )
    decayed = [p for m in (model, loss) for p in m.parameters() if p.ndim > 1]
    free = [p for m in (model, loss) for p in m.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    optimizer, rng = torch.optim.AdamW(groups, lr=config.rate), np.random.default_rng(config.seed)
    return _Run(model=model, ema=ema, average=ema.module, loss=loss, optimizer=optimizer, rng=rng)


def _beginning(config: EmbedderConfig, classroom: Classroom, pictures: int = 64) -> VisualEmbedder:
    """The network at step 0; after a kill `last.pt` overwrites it."""
    if config.init is None or (config.out / "last.pt").exists():
        return VisualEmbedder()
    size = config.growth[-1][1]
    rows, _ = classroom.batches.draw(np.random.default_rng(config.seed))
    views = [
        cv2.resize(v, (size, size), interpolation=cv2.INTER_AREA) for v in masked(classroom.crops[rows[:pictures]])
    ]
    return start_from(config.init, pixels_to_input(np.stack(views)))


def _step(config: EmbedderConfig, classroom: Classroom, run: _Run, progress: float) -> dict[str, float]:
    size = [s for start, s in config.growth if start <= progress][-1]
    rows, codes = classroom.batches.draw(run.rng)
    views = np.stack(
        [augmented(shrunk(classroom.crops[row], size), size, run.rng, config.augmentation) for row in rows]
    )
    for group in run.optimizer.param_groups:
        group["lr"] = config.rate * learning_rate_share(progress, FLOOR, config.warm_up)
    run.model.train()
    pictures = pixels_to_input(views)
    with torch.autocast("cpu", torch.bfloat16, enabled=cpu_computes_bf16()):
        embeddings = run.model(pictures)
    losses = run.loss(embeddings.float(), replace(classroom.lessons(rows, codes), counted=_counted(pictures)))
    total = torch.stack(list(losses.values())).sum()
    run.optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(run.model.parameters(), 5.0)
    run.optimizer.step()
    run.ema.update(run.model, run.step + 2)
    return {**{name: float(value.detach()) for name, value in losses.items()}, "total": float(total.detach())}


@torch.no_grad()
def _counted(pictures: Tensor) -> Tensor:
    return ColorHistogram(MEAN, STD)(pictures)  # type: ignore[no-any-return]
