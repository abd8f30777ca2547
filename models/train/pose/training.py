"""Train the pose model: a narrow HRNet learns from a teacher's keypoints on people in street and shop pictures.

Where a person faces is learned beside the keypoints: from the shop's file names, from the teacher's shoulders in
street photos, and from people made for it (`pose_people`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.architectures.pose import MEAN, STD, PoseArchitecture, build_pose_model, forward
from models.runtime import cpu_computes_bf16
from models.train.data.keypoints.pose import UNKNOWN, PoseSample, plain_sample, random_sample
from models.train.pose.people import TUNED, Learned, Sources, facing_by_kind, is_tune, pose_people, sampling_chances
from models.train.pose.warm_start import start_from
from models.train.resumable import Losses, ResumableRun, running_average
from models.train.schedule import learning_rate_share

FACING_WEIGHT = 0.3
"""Of the facing head's cross-entropy beside the heatmaps' squared error times 1000."""


FLOOR = 0.01
"""Of the learning rate, in the end."""
KEPT = 0.995
"""Of the averaged weights, at each step."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long a training is and how often it is saved; see `models.train.resumable.Schedule`."""

    steps: int
    minutes: float | None
    save_every: int


@dataclass(frozen=True, slots=True)
class PoseTraining:
    """What to train on, for how long, and how.

    Attributes:
        ccp: the CCP folder. catalogue: the Magento catalogue's folder (only its source `luma` is used), or None.
        flat_lays: the Clothing Dataset's folder, for pictures without people, or None.
        teachers: two pose checkpoints of ultralytics that label everybody anew, or None for MoveNet's labels alone.
        init: exported weights to go on from (an ONNX file or a profile's folder), or None for random ones.
        steps: batches in all, where `minutes` is None; minutes: wall-clock time, decides over `steps`.
        made: how many people of each kind are made (stitched, drawn); of legs and drawn people three times as many,
            of a drawn shop's eight times.
        hold_back: leave the tune products out, and log how their pictures fare.
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
    made: int = 200
    learning_rate: float = 0.0015
    weight_decay: float = 0.01
    save_every: int = 25
    threads: int = 1
    bf16: bool = True
    hold_back: bool = False
    seed: int = 0
    limit: int | None = None
    teachers: tuple[Path, Path] | None = None

    def length(self) -> Length:
        """Steps alone, or minutes alone."""
        return Length(self.steps if self.minutes is None else sys.maxsize, self.minutes, self.save_every)


def smoke(ccp: Path, out: Path) -> PoseTraining:
    """A training of seconds that really lowers the loss."""
    tiny = PoseArchitecture(input_size=(64, 64), width=8, modules=(1, 1, 1), blocks=1)
    return PoseTraining(ccp, out, architecture=tiny, steps=40, batch=8, made=6, save_every=20, bf16=False, limit=16)


def train_pose(config: PoseTraining) -> Path:
    """Train, or go on where a stopped training left off, and return the checkpoint.

    The checkpoint holds `state_dict` (averaged weights, for export), `architecture`, and what resuming needs.
    `log.jsonl` beside it gets one line per save.
    """
    torch.set_num_threads(config.threads)
    config.out.mkdir(parents=True, exist_ok=True)
    checkpoint = config.out / "pose.pt"
    everybody = pose_people(_sources(config))
    people = [p for p in everybody if not (config.hold_back and is_tune(p.label))]
    tune = [p for p in everybody if config.hold_back and is_tune(p.label) and p.kind in TUNED]
    run = _begun(config, checkpoint, people[:: max(1, len(people) // 16)])
    chances = sampling_chances([person.kind for person in people])

    def take_step(progress: float) -> Losses:
        # Drawn anew from the step's number, so that a resumed training sees what an unbroken one would.
        rng = np.random.default_rng([config.seed, run.step])
        chosen = [people[i] for i in rng.choice(len(people), config.batch, p=chances)]
        return run.learn([random_sample(p.pixels, p.label, config.architecture, rng) for p in chosen], progress)

    def report(step: int, losses: Losses) -> None:  # noqa: ARG001
        if tune and step % (4 * config.save_every) == 0:
            run.note({"step": step, "tune": run.judged(tune)})

    run.train(checkpoint, config.length(), take_step, report)
    return checkpoint


def _sources(config: PoseTraining) -> Sources:
    return Sources(
        config.ccp,
        config.catalogue,
        config.flat_lays,
        config.made,
        config.seed,
        config.limit,
        config.teachers,
        config.out / "teachers.jsonl",
    )


def as_tensors(samples: Sequence[PoseSample]) -> tuple[Any, Any, Any]:
    """Normalised pictures (n, 3, H, W), target heatmaps (n, 17, h, w) and weights (n, 17)."""
    pictures = np.stack([sample.picture for sample in samples]).astype(np.float32) / 255
    mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)
    pictures = ((pictures - mean) / std).transpose(0, 3, 1, 2)
    heatmaps, weights = (np.stack([getattr(s, name) for s in samples]) for name in ("heatmaps", "weights"))
    return torch.from_numpy(pictures.copy()), torch.from_numpy(heatmaps), torch.from_numpy(weights)


def _begun(config: PoseTraining, checkpoint: Path, calibration: Sequence[Learned]) -> _Run:
    """A run at step 0; where there is a checkpoint, it overwrites the weights."""
    torch.manual_seed(config.seed)
    model = build_pose_model(config.architecture)
    if config.init is not None and not checkpoint.exists():
        samples = [plain_sample(person.pixels, person.label, config.architecture) for person in calibration]
        start_from(model, config.init, [as_tensors(samples)[0]])
    model = model.to(memory_format=torch.channels_last).train()
    ema = running_average(model, KEPT)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    rng = np.random.default_rng(config.seed)
    return _Run(config=config, model=model, ema=ema, average=ema.module, optimizer=optimizer, rng=rng)


@dataclass(slots=True, kw_only=True)
class _Run(ResumableRun):
    """A training in progress: weights, their running average, optimiser, and what its log is to say."""

    PARTS = ("model", "average", "optimizer")

    config: PoseTraining
    model: Any
    ema: Any
    average: Any
    optimizer: torch.optim.Optimizer
    losses: list[float] = field(default_factory=list)
    facing_right: list[float] = field(default_factory=list)

    def learn(self, samples: Sequence[PoseSample], progress: float) -> Losses:
        """One step on one batch."""
        pictures, heatmaps, weights = as_tensors(samples)
        warm = min(1.0, (self.step + 1) / 50)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * warm * learning_rate_share(progress, FLOOR)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.bf16 and cpu_computes_bf16()):
            found, facing = forward(self.model, pictures.contiguous(memory_format=torch.channels_last))
        loss = self.model.head.loss_module(found.float(), heatmaps, weights) * 1000
        if facing is not None:
            loss = loss + FACING_WEIGHT * self._facing_loss(facing.float(), [sample.facing for sample in samples])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self.ema.update(self.model, self.step + 1)
        self.losses.append(float(loss.detach()))
        return {"total": self.losses[-1]}

    def _facing_loss(self, logits: Any, wanted: Sequence[int]) -> Any:
        """Mean cross-entropy of the samples whose facing is known; slightly smoothed, so that scores stay scores."""
        targets = torch.tensor(wanted)
        loss = torch.nn.functional.cross_entropy(
            logits, targets, ignore_index=UNKNOWN, label_smoothing=0.05, reduction="sum"
        )
        known = int((targets != UNKNOWN).sum())
        self.facing_right.append(float(((logits.argmax(1) == targets).sum() / max(1, known)).detach()))
        return loss / max(1, known)

    def exports(self) -> Mapping[str, Any]:
        """The averaged weights and their architecture, for the export."""
        return {"state_dict": self.average.state_dict(), "architecture": asdict(self.config.architecture)}

    def restored(self, state: dict[str, Any]) -> dict[str, Any]:
        """Checkpoints of 0.1.0 name the seconds otherwise, and wrap the average in a module."""
        if "spent_s" not in state:
            return state
        average = {name.removeprefix("module."): value for name, value in state["average"].items()}
        average.pop("n_averaged", None)
        rng = json.dumps(self.rng.bit_generator.state)
        return {**state, "average": average, "seconds": state["spent_s"], "rng": rng}

    def save(self, path: Path, config: Any) -> None:
        """Write the checkpoint, whole or not at all, and a line of the log."""
        ResumableRun.save(self, path, config)
        line = {"step": self.step, "spent_s": round(self.seconds, 1), "loss": float(np.mean(self.losses or [0.0]))}
        line["facing_right"] = float(np.mean(self.facing_right or [0.0]))
        self.note(line)
        self.losses.clear()
        self.facing_right.clear()

    def note(self, line: Mapping[str, Any]) -> None:
        """Add a line to the log."""
        with (self.config.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")

    def judged(self, people: Sequence[Learned], batch: int = 32) -> Mapping[str, Any]:
        """How the averaged weights tell fronts from backs, asked as they are served: of a person and of the mirror."""
        model, chances = self.average.eval(), []
        with torch.inference_mode():
            for start in range(0, len(people), batch):
                some = people[start : start + batch]
                pictures = as_tensors([plain_sample(p.pixels, p.label, self.config.architecture) for p in some])[0]
                both = [forward(model, asked)[1].softmax(1) for asked in (pictures, pictures.flip(3))]
                chances.append(((both[0] + both[1]) / 2).numpy())
        return facing_by_kind(people, np.concatenate(chances))
