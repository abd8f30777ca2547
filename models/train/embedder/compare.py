"""Which backbone, and do triplets help: the paper's experiment again, each network under one small budget.

All start from random weights and see the same crops, views and batches for the same processor time, so a slow
network gets fewer steps: what counts is what a budget buys. The figures rank; they are far below a full training's.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from torch import nn
from torch.nn import functional

from engine.domain import Embeddings
from models.export.onnx_file import export_module
from models.runtime import RuntimeOptions, cpu_computes_bf16, open_session
from models.train.data.crops import CropRecord, read_cache
from models.train.embedder.augment import Augmentation, augmented, shrunk
from models.train.embedder.backbones import CANDIDATES, Candidate, backbone
from models.train.embedder.evaluation import back_to_front, embed_crops, hit_rates
from models.train.embedder.training import Classroom, EmbedderConfig, open_classroom, pixels_to_input

SHOPS = ("luma", "venia")
NOUGHT = 0.01
"""An embedding's value counts as 0 below this share of the row's largest."""
TIMED = 20


@dataclass(frozen=True, slots=True)
class Budget:
    """What every candidate gets.

    Attributes:
        cpu_seconds: processor time of training, whatever else the machine does meanwhile.
    """

    cache: Path
    cpu_seconds: float = 150.0
    size: int = 75
    identities: int = 16
    rate: float = 1e-3
    margin: float = 0.2
    seed: int = 0
    threads: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)


def compare_backbones(
    budget: Budget, candidates: Sequence[Candidate] = CANDIDATES, report: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """Train and measure each; one row of figures per candidate."""
    torch.set_num_threads(budget.threads)
    config = EmbedderConfig(budget.cache, budget.cache, identities=budget.identities)
    classroom = open_classroom(config)
    rows = []
    for candidate in candidates:
        network, steps = train_candidate(candidate, budget, classroom)
        rows.append({"name": candidate.name, "steps": steps} | measure_candidate(network, budget))
        if report:
            report(f"{candidate.name}: {steps} steps, hit_rate_at_1 {rows[-1]['hit_rate_at_1']:.2f}")
    return rows


def train_candidate(candidate: Candidate, budget: Budget, classroom: Classroom) -> tuple[nn.Module, int]:
    """From random weights until the budget is spent; at least one step."""
    torch.manual_seed(budget.seed)
    rng = np.random.default_rng(budget.seed)
    network, dim = backbone(candidate.backbone)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    head = nn.Linear(dim, len(classroom.category_names))
    optimizer = torch.optim.AdamW([*network.parameters(), *head.parameters()], lr=budget.rate, weight_decay=0.05)
    lesson = _Lesson(candidate.triplet, budget.margin)
    began, steps = time.process_time(), 0
    while (progress := (time.process_time() - began) / budget.cpu_seconds) < 1 or not steps:
        for group in optimizer.param_groups:
            group["lr"] = budget.rate * max(0.02, 0.5 * (1 + float(np.cos(np.pi * min(progress, 1)))))
        rows, codes = classroom.batches.draw(rng)
        pictures = pixels_to_input(_views(classroom.crops, rows, rng, budget))
        network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_computes_bf16()):
            embeddings = network(pictures)
        loss = lesson(embeddings.float(), head, classroom.categories[rows], torch.from_numpy(codes))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        steps += 1
    settle_norms(network, budget, classroom, rng)
    return network.eval(), steps


@torch.no_grad()
def settle_norms(
    network: nn.Module, budget: Budget, classroom: Classroom, rng: np.random.Generator, batches: int = 8
) -> None:
    """Norms take the plain mean over some batches: after few steps the running one lags, in some networks by far."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    network.train()
    for _ in range(batches):
        rows, _codes = classroom.batches.draw(rng)
        network(pixels_to_input(_views(classroom.crops, rows, rng, budget)))


class _Lesson:
    """Classes always; the paper's triplets, the hardest of the batch, where they are asked for."""

    def __init__(self, triplet: bool, margin: float) -> None:
        distance = LpDistance(normalize_embeddings=True)
        self.triplet = TripletMarginLoss(margin=margin, distance=distance) if triplet else None
        self.miner = BatchHardMiner(distance=distance)

    def __call__(self, rows: torch.Tensor, head: nn.Linear, kinds: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        loss = functional.cross_entropy(head(rows), kinds, ignore_index=-1) if (kinds >= 0).any() else rows.sum() * 0
        return loss if self.triplet is None else loss + self.triplet(rows, codes, self.miner(rows, codes))


def _views(
    crops: NDArray[np.uint8], rows: NDArray[np.int64], rng: np.random.Generator, budget: Budget
) -> NDArray[np.uint8]:
    return np.stack([augmented(shrunk(crops[row], budget.size), budget.size, rng, budget.augmentation) for row in rows])


def measure_candidate(network: nn.Module, budget: Budget) -> dict[str, Any]:
    """Back → front of both shops' held-out products, and what an embedding costs."""
    records, crops = read_cache(budget.cache)
    rows = np.flatnonzero([r.source in SHOPS and not r.cut and r.view in {"front", "back"} for r in records])
    kept = [records[row] for row in rows]
    embeddings = embed_crops(network, crops[rows], budget.size)
    return {
        **both_shops(kept, embeddings),
        "by_shop": back_to_front(kept, embeddings, SHOPS),
        "sparsity": sparsity(embeddings),
        "parameters": sum(p.numel() for p in network.parameters()),
        **milliseconds(network, budget.size),
    }


def both_shops(records: Sequence[CropRecord], embeddings: Embeddings) -> dict[str, float]:
    """Backs of what no training saw among the fronts of both shops."""
    fronts = np.flatnonzero([r.view == "front" for r in records])
    backs = np.flatnonzero([r.view == "back" and r.split != "train" for r in records])
    if not len(backs) or not len(fronts):
        return {"queries": 0, "hit_rate_at_1": 0.0, "hit_rate_at_5": 0.0, "hit_rate_at_10": 0.0}
    identities = np.array([r.identity for r in records])
    return hit_rates(embeddings[backs], embeddings[fronts], identities[backs][:, None] == identities[fronts][None])


def sparsity(embeddings: Embeddings) -> float:
    """The share of values that are next to nothing beside their row's largest."""
    if not len(embeddings):
        return 0.0
    sizes = np.abs(embeddings)
    return float((sizes < NOUGHT * sizes.max(1, keepdims=True)).mean())


@torch.no_grad()
def milliseconds(network: nn.Module, size: int) -> dict[str, float]:
    """Median time of one crop, in torch and exported (ONNX in OpenVINO or ONNX Runtime), one thread each."""
    network = network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    picture = torch.zeros(1, 3, size, size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "candidate.onnx"
        export_module(network, {"images": picture}, ["embeddings"], path)
        session = open_session(path, RuntimeOptions(threads=1))
        given = {"images": picture.numpy()}
        return {"torch_ms": _median_ms(lambda: network(picture)), "exported_ms": _median_ms(lambda: session.run(given))}


def _median_ms(run: Callable[[], Any]) -> float:
    run()
    times = []
    for _ in range(TIMED):
        began = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times))
