"""Train the pose model: a narrow HRNet learns from a teacher's keypoints on people in street and shop pictures."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.architectures.pose import PoseArchitecture, build_pose_model
from models.train.datasets_pose import (
    MEAN,
    STD,
    PoseLabel,
    PoseSample,
    plain_sample,
    random_sample,
    read_catalogue_poses,
    read_ccp_poses,
    read_picture,
)
from models.train.segmenter import learning_rate_share


@dataclass(frozen=True, slots=True)
class PoseTraining:
    """What to train on, for how long, and how.

    Attributes:
        ccp: the CCP folder. catalogue: the Magento catalogue's folder (only its source `luma` is used), or None.
        steps: batches in all, where `minutes` is None; minutes: wall-clock time, decides over `steps`.
        back_share: share of each batch that shows people from behind; there are few of them, and the gate
            must tell front from back.
        limit: use only the first so many pictures of each data set (for a smoke run).
    """

    ccp: Path
    out: Path
    catalogue: Path | None = None
    architecture: PoseArchitecture = field(default_factory=PoseArchitecture)
    steps: int = 2500
    minutes: float | None = None
    batch: int = 32
    back_share: float = 0.2
    catalogue_share: float = 0.3
    learning_rate: float = 0.002
    weight_decay: float = 0.01
    save_every: int = 50
    threads: int = 1
    bf16: bool = True
    seed: int = 0
    limit: int | None = None


def smoke(ccp: Path, out: Path) -> PoseTraining:
    """A training of seconds that really lowers the loss."""
    tiny = PoseArchitecture(input_size=(64, 64), width=8, modules=(1, 1, 1), blocks=1)
    return PoseTraining(ccp, out, architecture=tiny, steps=40, batch=8, save_every=20, bf16=False, limit=16)


def train_pose(config: PoseTraining) -> Path:
    """Train, or go on where a stopped training left off, and return the checkpoint.

    The checkpoint holds `state_dict` (averaged weights, for export), `architecture`, and what resuming needs.
    `log.jsonl` beside it gets one line per save.
    """
    import torch

    torch.set_num_threads(config.threads)
    config.out.mkdir(parents=True, exist_ok=True)
    checkpoint = config.out / "pose.pt"
    run = _Run(config, checkpoint)
    labels = _labels(config)
    pictures = [read_picture(label.image) for label in labels]
    chances = sampling_chances(labels, config.back_share, config.catalogue_share)
    while run.progress() < 1:
        # Drawn anew from the step's number, so that a resumed training sees what an unbroken one would.
        rng = np.random.default_rng([config.seed, run.step])
        chosen = rng.choice(len(labels), config.batch, p=chances)
        run.learn([random_sample(pictures[i], labels[i], config.architecture, rng) for i in chosen])
        if run.step % config.save_every == 0:
            run.save()
    run.save()
    return checkpoint


def sampling_chances(
    labels: Sequence[PoseLabel], back_share: float, catalogue_share: float = 0.3
) -> NDArray[np.float64]:
    """How likely each picture is drawn: people from behind, catalogue and street each get their share."""
    kinds = np.array(["back" if not label.shows_front else label.view for label in labels])
    kinds[(kinds != "back") & (kinds != "street")] = "shop"
    shares = {"back": back_share, "shop": catalogue_share, "street": 1 - back_share - catalogue_share}
    chances = np.zeros(len(labels))
    for kind, share in shares.items():
        chances[kinds == kind] = share / max(1, int((kinds == kind).sum()))
    return np.asarray(chances / chances.sum())


def measure_loss(model: Any, config: PoseTraining, labels: Sequence[PoseLabel]) -> float:
    """Mean squared heatmap error on plain samples, times 1000."""
    import torch

    samples = [plain_sample(read_picture(label.image), label, config.architecture) for label in labels]
    pictures, heatmaps, weights = as_tensors(samples)
    model.eval()
    with torch.inference_mode():
        return float(model.head.loss_module(forward(model, pictures), heatmaps, weights)) * 1000


def as_tensors(samples: Sequence[PoseSample]) -> tuple[Any, Any, Any]:
    """Normalised pictures (n, 3, H, W), target heatmaps (n, 17, h, w) and weights (n, 17)."""
    import torch

    pictures = np.stack([sample.picture for sample in samples]).astype(np.float32) / 255
    mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)
    pictures = ((pictures - mean) / std).transpose(0, 3, 1, 2)
    heatmaps, weights = (np.stack([getattr(s, name) for s in samples]) for name in ("heatmaps", "weights"))
    return torch.from_numpy(pictures.copy()), torch.from_numpy(heatmaps), torch.from_numpy(weights)


def forward(model: Any, pictures: Any) -> Any:
    """Heatmaps (n, 17, h, w) of normalised pictures; mmpose's own `forward` wants data samples beside them."""
    return model.head.forward(model.backbone(pictures))


class _Run:
    """A training in progress: weights, their running average, optimiser, clock."""

    def __init__(self, config: PoseTraining, checkpoint: Path) -> None:
        import torch

        torch.manual_seed(config.seed)
        self.config, self.checkpoint = config, checkpoint
        self.model = build_pose_model(config.architecture).to(memory_format=torch.channels_last).train()
        ema: Any = torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)  # type: ignore[no-untyped-call]
        self.average = torch.optim.swa_utils.AveragedModel(self.model, multi_avg_fn=ema, use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.losses: list[float] = []
        self.step, self.spent_s = 0, 0.0
        if checkpoint.exists():
            state = torch.load(checkpoint, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.spent_s = state["step"], state["spent_s"]
        self.clock = time.monotonic()

    def progress(self) -> float:
        """How much of the training is done, 0 to 1."""
        if self.config.minutes is None:
            return self.step / self.config.steps
        return (self.spent_s + time.monotonic() - self.clock) / (60 * self.config.minutes)

    def learn(self, samples: Sequence[PoseSample]) -> None:
        """One step on one batch."""
        import torch

        pictures, heatmaps, weights = as_tensors(samples)
        warm = min(1.0, (self.step + 1) / 50)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * warm * learning_rate_share(self.progress(), 0.01)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16):
            found = forward(self.model, pictures.contiguous(memory_format=torch.channels_last))
        loss = self.model.head.loss_module(found.float(), heatmaps, weights) * 1000
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        self.losses.append(float(loss.detach()))
        self.step += 1

    def save(self) -> None:
        """Write the checkpoint, whole or not at all, and a line of the log."""
        import torch

        spent = self.spent_s + time.monotonic() - self.clock
        draft = self.checkpoint.with_suffix(".tmp")
        state = {
            "state_dict": self.average.module.state_dict(),
            "architecture": asdict(self.config.architecture),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "spent_s": spent,
        }
        torch.save(state, draft)
        draft.replace(self.checkpoint)
        line = {"step": self.step, "spent_s": round(spent, 1), "loss": float(np.mean(self.losses or [0.0]))}
        with (self.checkpoint.parent / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        self.losses.clear()


def _labels(config: PoseTraining) -> list[PoseLabel]:
    labels = read_ccp_poses(config.ccp, "train")[: config.limit]
    if config.catalogue is not None:
        labels += read_catalogue_poses(config.catalogue, "train")[: config.limit]
    return labels
