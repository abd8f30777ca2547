"""Train the pose model: a narrow HRNet learns from a teacher's keypoints on people in street and shop pictures.

Where a person faces is learned beside the keypoints: from the shop's file names, from the teacher's shoulders in
street photos, and from people made for it (`datasets_pose_made`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.domain import Pixels
from models.architectures.pose import PoseArchitecture, build_pose_model, forward
from models.runtime import cpu_computes_bf16
from models.train.datasets_pose import (
    MEAN,
    STD,
    UNKNOWN,
    PoseLabel,
    PoseSample,
    has_shoulders,
    plain_sample,
    random_sample,
    read_catalogue_poses,
    read_ccp_poses,
    read_picture,
)
from models.train.datasets_pose_made import Made, drawn_people, painted_backs, pictures_of_nobody, stitched_looks
from models.train.segmenter import learning_rate_share
from models.train.warm_start_pose import start_from

SHARES: Mapping[str, float] = {
    "street": 0.23,
    "street, turned": 0.04,
    "shop": 0.11,
    "shop, back": 0.11,
    "legs": 0.07,
    "legs, back": 0.10,
    "stitched": 0.06,
    "stitched, back": 0.09,
    "painted": 0.05,
    "drawn": 0.10,
    "nobody": 0.04,
}
"""What a batch is made of. Backs are rare in every source, and the gate must tell them from fronts."""
FACING_WEIGHT = 0.3
"""Of the facing head's cross-entropy beside the heatmaps' squared error times 1000."""


@dataclass(frozen=True, slots=True)
class PoseTraining:
    """What to train on, for how long, and how.

    Attributes:
        ccp: the CCP folder. catalogue: the Magento catalogue's folder (only its source `luma` is used), or None.
        flat_lays: the Clothing Dataset's folder, for pictures without people, or None.
        init: exported weights to go on from (an ONNX file or a profile's folder), or None for random ones.
        steps: batches in all, where `minutes` is None; minutes: wall-clock time, decides over `steps`.
        made: how many people of each kind are made (stitched, drawn, pictures of nobody).
        limit: use only the first so many pictures of each data set (for a smoke run).
    """

    ccp: Path
    out: Path
    catalogue: Path | None = None
    flat_lays: Path | None = None
    init: Path | None = None
    architecture: PoseArchitecture = field(default_factory=PoseArchitecture)
    steps: int = 2500
    minutes: float | None = None
    batch: int = 32
    made: int = 400
    learning_rate: float = 0.0015
    weight_decay: float = 0.01
    save_every: int = 25
    threads: int = 1
    bf16: bool = True
    seed: int = 0
    limit: int | None = None


def smoke(ccp: Path, out: Path) -> PoseTraining:
    """A training of seconds that really lowers the loss."""
    tiny = PoseArchitecture(input_size=(64, 64), width=8, modules=(1, 1, 1), blocks=1)
    return PoseTraining(ccp, out, architecture=tiny, steps=40, batch=8, made=6, save_every=20, bf16=False, limit=16)


def train_pose(config: PoseTraining) -> Path:
    """Train, or go on where a stopped training left off, and return the checkpoint.

    The checkpoint holds `state_dict` (averaged weights, for export), `architecture`, and what resuming needs.
    `log.jsonl` beside it gets one line per save.
    """
    import torch

    torch.set_num_threads(config.threads)
    config.out.mkdir(parents=True, exist_ok=True)
    checkpoint = config.out / "pose.pt"
    people = _people(config)
    run = _Run(config, checkpoint, people[:: max(1, len(people) // 16)])
    chances = sampling_chances([person.kind for person in people])
    while run.progress() < 1:
        # Drawn anew from the step's number, so that a resumed training sees what an unbroken one would.
        rng = np.random.default_rng([config.seed, run.step])
        chosen = [people[i] for i in rng.choice(len(people), config.batch, p=chances)]
        run.learn([random_sample(p.pixels, p.label, config.architecture, rng) for p in chosen])
        if run.step % config.save_every == 0:
            run.save()
    run.save()
    return checkpoint


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """One picture to learn from; `kind` is one of `SHARES`."""

    pixels: Pixels
    label: PoseLabel
    kind: str


def sampling_chances(kinds: Sequence[str], shares: Mapping[str, float] = SHARES) -> NDArray[np.float64]:
    """How likely each picture is drawn, so that every kind gets its share of a batch."""
    names = np.array(kinds)
    chances = np.zeros(len(names))
    for kind, share in shares.items():
        chances[names == kind] = share / max(1, int((names == kind).sum()))
    return np.asarray(chances / chances.sum())


def measure_loss(model: Any, config: PoseTraining, labels: Sequence[PoseLabel]) -> float:
    """Mean squared heatmap error on plain samples, times 1000."""
    import torch

    samples = [plain_sample(read_picture(label.image), label, config.architecture) for label in labels]
    pictures, heatmaps, weights = as_tensors(samples)
    model.eval()
    with torch.inference_mode():
        return float(model.head.loss_module(forward(model, pictures)[0], heatmaps, weights)) * 1000


def as_tensors(samples: Sequence[PoseSample]) -> tuple[Any, Any, Any]:
    """Normalised pictures (n, 3, H, W), target heatmaps (n, 17, h, w) and weights (n, 17)."""
    import torch

    pictures = np.stack([sample.picture for sample in samples]).astype(np.float32) / 255
    mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)
    pictures = ((pictures - mean) / std).transpose(0, 3, 1, 2)
    heatmaps, weights = (np.stack([getattr(s, name) for s in samples]) for name in ("heatmaps", "weights"))
    return torch.from_numpy(pictures.copy()), torch.from_numpy(heatmaps), torch.from_numpy(weights)


class _Run:
    """A training in progress: weights, their running average, optimiser, clock."""

    def __init__(self, config: PoseTraining, checkpoint: Path, calibration: Sequence[Learned]) -> None:
        import torch

        torch.manual_seed(config.seed)
        self.config, self.checkpoint = config, checkpoint
        self.model = build_pose_model(config.architecture)
        if config.init is not None and not checkpoint.exists():
            samples = [plain_sample(person.pixels, person.label, config.architecture) for person in calibration]
            start_from(self.model, config.init, [as_tensors(samples)[0]])
        self.model = self.model.to(memory_format=torch.channels_last).train()
        ema: Any = torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)  # type: ignore[no-untyped-call]
        self.average = torch.optim.swa_utils.AveragedModel(self.model, multi_avg_fn=ema, use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.losses: list[float] = []
        self.facing_right: list[float] = []
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
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16 and cpu_computes_bf16()):
            found, facing = forward(self.model, pictures.contiguous(memory_format=torch.channels_last))
        loss = self.model.head.loss_module(found.float(), heatmaps, weights) * 1000
        if facing is not None:
            loss = loss + FACING_WEIGHT * self._facing_loss(facing.float(), [sample.facing for sample in samples])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        self.losses.append(float(loss.detach()))
        self.step += 1

    def _facing_loss(self, logits: Any, wanted: Sequence[int]) -> Any:
        """Mean cross-entropy of the samples whose facing is known; slightly smoothed, so that scores stay scores."""
        import torch

        targets = torch.tensor(wanted)
        loss = torch.nn.functional.cross_entropy(
            logits, targets, ignore_index=UNKNOWN, label_smoothing=0.05, reduction="sum"
        )
        known = int((targets != UNKNOWN).sum())
        self.facing_right.append(float(((logits.argmax(1) == targets).sum() / max(1, known)).detach()))
        return loss / max(1, known)

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
        line["facing_right"] = float(np.mean(self.facing_right or [0.0]))
        with (self.checkpoint.parent / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        self.losses.clear()
        self.facing_right.clear()


def _people(config: PoseTraining) -> list[Learned]:
    """Everything that is learned from, pixels in memory."""
    street = read_ccp_poses(config.ccp, "train")[: config.limit]
    shop = read_catalogue_poses(config.catalogue, "train")[: config.limit] if config.catalogue else []
    files = [Learned(read_picture(label.image), label, _kind(label)) for label in (*street, *shop)]
    return files + [Learned(made.pixels, made.label, kind) for kind, made in _made(config, street, shop)]


def _kind(label: PoseLabel) -> str:
    if label.view == "street":
        return "street" if label.facing == "front" else "street, turned"
    part = "shop" if has_shoulders(label) or label.facing is None else "legs"
    return f"{part}, back" if label.facing == "back" else part


def _made(config: PoseTraining, street: Sequence[PoseLabel], shop: Sequence[PoseLabel]) -> Iterator[tuple[str, Made]]:
    rng = np.random.default_rng([config.seed, 33])
    for made in stitched_looks(shop, config.made, rng):
        yield ("stitched, back" if made.label.facing == "back" else "stitched"), made
    for made in painted_backs(config.ccp, street, rng):
        yield "painted", made
    for made in drawn_people(config.made, config.seed + 1000):
        yield "drawn", made
    for made in pictures_of_nobody(config.ccp, config.flat_lays, config.made // 2, config.seed):
        yield "nobody", made
