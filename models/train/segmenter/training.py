"""Train the garment segmenter: ultralytics' YOLO11n-seg from its YAML, from scratch or from exported weights.

Small data and no pretrained backbone ask for many cheap steps, so the pictures grow while the learning rate
falls: most epochs see small pictures, the last ones the size that is served. Progress is measured by epochs or,
where `hours` is given, by the clock: on a shared machine the schedule then still ends in time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.architectures.accessories import CLASSES
from models.architectures.onnx_weights import WeightsUnfit, onnx_initialisers, restore
from models.architectures.quiet_ultralytics import quiet_ultralytics
from models.manifest import load_manifest
from models.networks.preprocess import place
from models.runtime import cpu_computes_bf16
from models.train.data.build import SceneMix, build_segmenter_folder
from models.train.data.pictures import read_pixels
from models.train.schedule import learning_rate_share


@dataclass(frozen=True, slots=True)
class SegmenterTraining:
    """What to train on, for how long, and how.

    Attributes:
        data: the mix of photos; ignored where `out/data/data.yaml` is there already.
        out: folder for data, checkpoints and logs.
        epochs: passes over the data, where `hours` is None.
        hours: wall-clock time to train for; decides over `epochs`.
        sizes: (progress, picture side) steps: from that share of the training on, pictures have that side.
        validate_every: epochs between measurements on the validation split; the last epoch is always measured.
        width: pictures are cut to the middle of that share of their side, because people stand upright; 1 leaves
            them square. What is served may be of another width: the network does not mind.
        close_mosaic_at: share of the training after which pictures come one by one.
        floor: final learning rate as a share of `learning_rate`.
        init: profile whose segmenter the training goes on from, or a checkpoint of ultralytics, or None to start
            from scratch.
        freeze: so many of the network's first layers stay as they are; 10 are the backbone.
        epoch_batches: batches after which an epoch ends, picked anew each time, so that a training on many photos
            still leaves a checkpoint and looks at the clock often; None for all photos.
    """

    data: SceneMix
    out: Path
    epochs: int = 60
    hours: float | None = None
    architecture: str = "yolo11n-seg.yaml"
    sizes: Sequence[tuple[float, int]] = ((0.0, 192), (0.42, 256), (0.8, 320))
    width: float = 1.0
    close_mosaic_at: float = 0.86
    validate_every: int = 5
    batch: int = 16
    learning_rate: float = 0.002
    floor: float = 0.01
    threads: int = 2
    bf16: bool = True
    seed: int = 0
    init: Path | None = None
    freeze: int = 0
    epoch_batches: int | None = None
    overrides: dict[str, Any] = field(default_factory=dict)


GENTLE: dict[str, Any] = {"mosaic": 0.5, "warmup_epochs": 1.0, "warmup_bias_lr": 0.0, "scale": 0.4}
"""What goes on from trained weights starts slowly, and sees fewer of the patchwork pictures."""


def planned(
    data: SceneMix,
    out: Path,
    init: Path | None = None,
    *,
    hours: float | None = None,
    epochs: int = 60,
    batch: int = 16,
    threads: int = 2,
    freeze: int = 0,
) -> SegmenterTraining:
    """A training from scratch, or one that goes on from a profile's segmenter or a checkpoint of ultralytics.

    The latter takes half the learning rate and larger pictures from the start.
    """
    plain = SegmenterTraining(data, out, epochs=epochs, hours=hours, batch=batch, threads=threads, freeze=freeze)
    if init is None:
        return plain
    return replace(
        plain,
        init=init,
        sizes=((0.0, 256), (0.5, 384)),
        width=0.75,
        close_mosaic_at=0.5,
        learning_rate=0.001,
        epoch_batches=BY_THE_CLOCK if hours else None,
        overrides=dict(GENTLE),
    )


BY_THE_CLOCK = 60
"""Batches of an epoch where the clock decides, which is looked at after each: on a busy machine some minutes."""

CLASS_BRANCH = "network.model.23.cv3.0.2.weight"
"""The last layer of the class branch, by its name in an exported file: (classes, width, 1, 1)."""

SMOKE_OVERRIDES: dict[str, Any] = {"warmup_epochs": 0.0, "mosaic": 0.0, "degrees": 0.0, "scale": 0.1}


def smoke(data: SceneMix, out: Path, init: Path | None = None) -> SegmenterTraining:
    """A training of seconds that really lowers the loss: eight photos, small pictures."""
    sizes, overrides = ((0.0, 96),), dict(SMOKE_OVERRIDES)
    return SegmenterTraining(data, out, epochs=12, sizes=sizes, batch=8, threads=1, init=init, overrides=overrides)


def train_segmenter(config: SegmenterTraining) -> Path:
    """Train, or go on where a stopped training left off, and return the last checkpoint (EMA weights).

    Each epoch leaves `run/weights/last.pt` and a line in `run/results.csv`. A training interrupted at any moment
    continues from its last whole epoch when called again with the same `out`; a finished one stays as it is.
    """
    config = replace(config, out=config.out.resolve())  # ultralytics puts a relative folder below one of its own.
    config.out.mkdir(parents=True, exist_ok=True)
    data = config.out / "data" / "data.yaml"
    if not data.exists():
        build_segmenter_folder(data.parent, config.data)
    quiet_ultralytics(config.out)
    import torch

    torch.set_num_threads(config.threads)
    last = config.out / "run" / "weights" / "last.pt"
    if last.exists() and _is_finished(last):
        return last
    trainer = _trainer_class()(config, data, resume=last if last.exists() else None)
    trainer.train()
    return last


def _is_finished(checkpoint: Path) -> bool:
    """ultralytics drops the optimiser's state from the checkpoint of a training that came to its end."""
    import torch

    state = torch.load(checkpoint, map_location="cpu", weights_only=False)  # Our own file, with a model inside.
    return state.get("optimizer") is None


def middle_of(batch: dict[str, Any], share: float) -> dict[str, Any]:
    """A batch of ultralytics with its pictures cut to the middle; what is cut off is no longer labelled.

    Args:
        batch: `img` (n, 3, s, s), and per instance `batch_idx` (m), `cls` (m, 1), `bboxes` (m, 4) as centre and size
            in shares of the picture, `masks` (m, h, h).
        share: of the width that stays, rounded to the network's stride of 32 pixels.
    """
    import torch

    side, rows = batch["img"].shape[-1], batch["masks"].shape[-1]
    width = max(32, round(side * share / 32) * 32)
    left = (side - width) // 2
    first = round(left * rows / side)
    masks = batch["masks"][..., first : first + round(width * rows / side)]
    x, half = batch["bboxes"][:, 0] * side - left, batch["bboxes"][:, 2] * side / 2
    x0, x1 = (x - half).clamp(0, width), (x + half).clamp(0, width)
    boxes = torch.stack([(x0 + x1) / 2 / width, batch["bboxes"][:, 1], (x1 - x0) / width, batch["bboxes"][:, 3]], dim=1)
    stay = (x1 - x0 >= 2) & masks.flatten(1).any(1).bool()  # Of uint8 masks `any` is uint8, too.
    kept = {"cls": batch["cls"][stay], "batch_idx": batch["batch_idx"][stay], "bboxes": boxes[stay]}
    return {**batch, **kept, "masks": masks[stay], "img": batch["img"][..., left : left + width]}


def size_at(progress: float, sizes: Sequence[tuple[float, int]]) -> int:
    """The picture side that holds at a progress of 0 to 1."""
    return [side for start, side in sizes if progress >= start][-1]


def served_size(config: SegmenterTraining) -> tuple[int, int]:
    """Height and width that suit what a training ends with; landscape pictures are given a little more room."""
    side = config.sizes[-1][1]
    return side, side if config.width == 1 else round(side * max(config.width, 0.75) / 32) * 32


def _trainer_class() -> Any:
    """The trainer, made on demand because its base needs ultralytics."""
    import torch
    from torch import nn
    from ultralytics.engine import trainer
    from ultralytics.models.yolo.segment import SegmentationTrainer

    engine: Any = trainer
    base: Any = SegmentationTrainer

    class ProgressTrainer(base):  # type: ignore[misc]
        """ultralytics' trainer, its schedule driven by `progress` instead of a fixed number of epochs."""

        def __init__(self, config: SegmenterTraining, data: Path, resume: Path | None) -> None:
            self.config = config
            self.spent_s = _spent_s(config.out) if resume else 0.0
            self.clock = time.monotonic()
            super().__init__(overrides=_overrides(config, data, resume))
            self.add_callback("on_train_epoch_start", type(self)._plan_epoch)
            self.add_callback("on_train_batch_start", type(self)._plan_batch)
            self.add_callback("on_train_batch_end", type(self)._watch_clock)
            self.add_callback("on_model_save", type(self)._note_time)

        def progress(self) -> float:
            """How much of the training is done, 0 to 1."""
            if self.config.hours is None:
                epoch: Any = getattr(self, "epoch", self.start_epoch)
                return float(epoch) / self.config.epochs
            return (self.spent_s + time.monotonic() - self.clock) / (3600 * self.config.hours)

        def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
            model: Any = super().get_model(cfg, weights, verbose)
            if self.config.init is None or weights is not None:
                return model
            if self.config.init.is_file():
                load_checkpoint_weights(model, self.config.init)
            else:
                given: Any = self.data["train"]
                folders = [Path(folder) for folder in (given if isinstance(given, list) else [given])]
                pictures = sorted(picture for folder in folders for picture in folder.iterdir())
                restore_segmenter(model, self.config.init, pictures)
            return model

        def _setup_scheduler(self) -> None:
            self.lf = lambda _epoch: learning_rate_share(self.progress(), self.config.floor)
            self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lr_lambda=self.lf)

        def _setup_train(self) -> None:
            super()._setup_train()
            self.model: Any = self.model.to(memory_format=torch.channels_last)
            if self.config.epoch_batches is not None:
                self.train_loader: Any
                self.train_loader.sampler._num_samples = self.config.epoch_batches * self.config.batch

        def _do_train(self) -> None:
            plain = engine.autocast
            if self.config.bf16 and self.device.type == "cpu" and cpu_computes_bf16():
                # ultralytics takes bf16 autocast for CUDA's alone; CPUs with AMX or AVX512-BF16 train twice as fast,
                # all others several times slower.
                engine.autocast = lambda *_args, **_named: torch.autocast("cpu", torch.bfloat16)
            try:
                super()._do_train()
            finally:
                engine.autocast = plain

        def _plan_batch(self) -> None:
            """Rate and picture size follow the progress within an epoch too: large data has few epochs."""
            self.side = size_at(self.progress(), self.config.sizes)
            for group in self.optimizer.param_groups:
                group["lr"] = group["initial_lr"] * learning_rate_share(self.progress(), self.config.floor)

        def _plan_epoch(self) -> None:
            self.args.val = (self.epoch + 1) % self.config.validate_every == 0
            if self.progress() >= self.config.close_mosaic_at:
                self.args.close_mosaic = self.epochs

        def _watch_clock(self) -> None:
            if self.config.hours is not None and self.progress() >= 1:
                self.stop = True

        def _note_time(self) -> None:
            spent = self.spent_s + time.monotonic() - self.clock
            (self.config.out / "spent.json").write_text(json.dumps({"spent_s": spent}))

        def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
            batch = dict(super().preprocess_batch(batch))
            if batch["img"].shape[-1] > self.side:
                size = (self.side, self.side)
                batch["img"] = nn.functional.interpolate(batch["img"], size, mode="bilinear", antialias=True)
            if self.config.width < 1:
                batch = middle_of(batch, self.config.width)
            batch["img"] = batch["img"].contiguous(memory_format=torch.channels_last)
            return batch

        def plot_training_labels(self) -> None:
            """No plots: they fetch a font."""

    return ProgressTrainer


def load_checkpoint_weights(model: Any, checkpoint: Path) -> None:
    """Start a YOLO-seg module from ultralytics' own weights (`yolo11n-seg.pt`), whatever their classes.

    Classes of the same name (COCO's `person`) keep their rows of the class branch; the others start anew.

    Raises:
        WeightsUnfit: the file is no checkpoint of ultralytics, or one of another architecture.
    """
    from ultralytics.nn import tasks

    library: Any = tasks
    try:
        source = library.load_checkpoint(checkpoint)[0].float()
    except Exception as error:  # Whatever unpickling meets in a file of somebody else's.
        raise WeightsUnfit(f"{checkpoint} cannot be read as a checkpoint of ultralytics: {error}.") from error
    model.load(source, verbose=False)
    given, taken = source.state_dict(), model.state_dict()
    missing = [
        n for n, value in taken.items() if ".cv3." not in n and getattr(given.get(n), "shape", None) != value.shape
    ]
    if missing:
        raise WeightsUnfit(f"{checkpoint} is of another architecture: it has no {missing[0]} of the same shape.")


def widen_class_branch(model: Any, width: int) -> None:
    """Build the class branch as wide as the weights that are to fill it.

    ultralytics makes it as wide as the classes of the first training: 80 channels for COCO, 64 for a few classes.
    """
    import torch
    from ultralytics.nn import modules

    blocks: Any = modules
    depthwise, conv = blocks.DWConv, blocks.Conv
    head = model.model[-1]
    for level, branch in enumerate(head.cv3):
        if branch[-1].in_channels == width:
            continue
        entry = branch[0][0].conv.in_channels
        head.cv3[level] = torch.nn.Sequential(
            torch.nn.Sequential(depthwise(entry, entry, 3), conv(entry, width, 1)),
            torch.nn.Sequential(depthwise(width, width, 3), conv(width, width, 1)),
            torch.nn.Conv2d(width, branch[-1].out_channels, 1),
        )


def restore_segmenter(model: Any, profile: Path, pictures: Sequence[Path], count: int = 64, side: int = 256) -> None:
    """Fill a YOLO-seg module of ultralytics with the weights of a profile's segmenter.

    Classes that the profile does not know start anew.

    Args:
        pictures: `count` of them, evenly chosen, calibrate the batch norms.
    Raises:
        WeightsUnfit: the profile's segmenter has none of our classes, or another architecture.
    """
    import torch

    spec = load_manifest(profile).require("segmenter")
    if not set(spec.classes) & set(CLASSES):
        raise WeightsUnfit(f"The segmenter of {profile} knows {spec.classes}, not {CLASSES}: train from scratch.")
    chosen = [pictures[i] for i in np.linspace(0, len(pictures) - 1, min(count, len(pictures))).astype(int)]
    tensors = [_calibration_picture(path, side) for path in chosen]
    batches = [torch.stack(tensors[i : i + 16]) for i in range(0, len(tensors), 16)]
    values = onnx_initialisers(profile / spec.file)
    if CLASS_BRANCH not in values:
        raise WeightsUnfit(f"The segmenter of {profile} is of another architecture: it has no {CLASS_BRANCH}.")
    widen_class_branch(model, values[CLASS_BRANCH].shape[1])
    if spec.classes != CLASSES:
        values |= _rows_of_our_classes(model, values, spec.classes)
    restore(model, values, folded_pairs(model), batches, "network.")


def _rows_of_our_classes(
    model: Any, values: dict[str, NDArray[Any]], classes: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """The last layers of the class branch in our order; rows of unknown classes as the module has them."""
    rows = {}
    for level, branch in enumerate(model.model[-1].cv3):
        for kind in ("weight", "bias"):
            name = f"network.model.23.cv3.{level}.2.{kind}"
            ours = getattr(branch[-1], kind).detach().numpy().copy()
            for number, label in enumerate(CLASSES):
                if label in classes:
                    ours[number] = values[name][classes.index(label)]
            rows[name] = ours
    return rows


def folded_pairs(model: Any) -> dict[str, str]:
    """Convolution → batch norm for every block of ultralytics that `fuse` folds into one."""
    import torch

    blocks = ((name, dict(block.named_children())) for name, block in model.named_modules())
    return {f"{name}.conv": f"{name}.bn" for name, parts in blocks if isinstance(parts.get("bn"), torch.nn.BatchNorm2d)}


def _calibration_picture(path: Path, side: int) -> Any:
    import torch

    placed, _ = place(read_pixels(path), (side, side), "letterbox", 114)
    return torch.from_numpy(placed.transpose(2, 0, 1).copy()).float() / 255


def _overrides(config: SegmenterTraining, data: Path, resume: Path | None) -> dict[str, Any]:
    start: dict[str, Any] = {"model": str(resume), "resume": str(resume)} if resume else {"model": config.architecture}
    return {
        **start,
        "data": str(data),
        "project": str(config.out),
        "name": "run",
        "exist_ok": True,
        "pretrained": False,
        "epochs": 10_000 if config.hours is not None else config.epochs,
        "imgsz": max(side for _, side in config.sizes),
        "batch": config.batch,
        "nbs": config.batch,
        "device": "cpu",
        "amp": False,
        "optimizer": "AdamW",
        "lr0": config.learning_rate,
        "momentum": 0.9,
        "weight_decay": 0.0005,
        "warmup_epochs": 2.0,
        "warmup_bias_lr": 0.01,
        "close_mosaic": 1,
        "patience": 100_000,
        "cache": "ram",
        "plots": False,
        "overlap_mask": False,
        "degrees": 4.0,
        "translate": 0.1,
        "scale": 0.5,
        "fliplr": 0.5,
        "hsv_h": 0.02,
        "hsv_s": 0.6,
        "hsv_v": 0.4,
        "seed": config.seed,
        "freeze": config.freeze or None,
        "verbose": True,
        **config.overrides,
    }


def _spent_s(out: Path) -> float:
    try:
        return float(json.loads((out / "spent.json").read_text())["spent_s"])
    except (OSError, ValueError, KeyError):
        return 0.0
