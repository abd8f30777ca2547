"""What the visual embedder is taught: its teacher's view, the paper's triplets, and two helpers.

Triplets: L = max(0, D(a, p) − D(a, n) + margin) on unit embeddings, arXiv:2008.11638, mined in the
batch (hardest positive, hardest negative: Hermans et al. 2017, arXiv:1703.07737).
Beside it, the supervised contrast over the whole batch (Khosla et al. 2020, arXiv:2004.11362), which learns from
every pair. Both look at the embedding as it is served: what the network says, and the colours counted beside it
(`models.architectures.visual_color`), so that the network learns what colours do not tell.
Distillation: through a linear head that is thrown away, and by the order of neighbours
(each row's softmax over the batch; Park et al. 2019, arXiv:1904.05068, in spirit).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import SupConLoss, TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner
from torch import Tensor, nn
from torch.nn import functional

from models.architectures.visual import DIM, joined


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each lesson counts."""

    teacher: float = 1.5
    neighbours: float = 1.0
    triplet: float = 1.0
    contrast: float = 0.25
    category: float = 0.3
    colour: float = 0.3


@dataclass(frozen=True, slots=True)
class Lessons:
    """One batch's truths: (n,) identities, categories, colours (−1 where unknown), (n, t) unit teacher rows.

    `counted`: (n, bins), the colours counted in the very views that were embedded.
    """

    identities: Tensor
    categories: Tensor
    colours: Tensor
    teacher: Tensor
    counted: Tensor | None = None


class EmbedderLoss(nn.Module):
    """The sum of all lessons; holds the heads that are thrown away after training."""

    def __init__(
        self,
        teacher_dim: int,
        categories: int,
        colours: int,
        weights: LossWeights,
        *,
        margin: float = 0.2,
        semi_hard: bool = False,
        temperature: float = 0.1,
    ) -> None:
        super().__init__()
        self.weights = weights
        self.temperature = temperature
        self.teacher = nn.Linear(DIM, teacher_dim)
        self.category = nn.Linear(DIM, categories)
        self.colour = nn.Linear(DIM, colours)
        self.norm = nn.BatchNorm1d(DIM)
        distance = LpDistance(normalize_embeddings=True)
        self.triplet = TripletMarginLoss(margin=margin, distance=distance)
        self.contrast = SupConLoss(temperature=temperature)
        self.miner = (
            TripletMarginMiner(margin=margin, type_of_triplets="semihard", distance=distance)
            if semi_hard
            else BatchHardMiner(distance=distance)
        )

    def forward(self, embeddings: Tensor, lessons: Lessons) -> dict[str, Tensor]:
        """Each lesson's weighted loss by name; their sum is what to minimise."""
        w = self.weights
        steady = self.norm(embeddings)
        served = embeddings if lessons.counted is None else joined(embeddings, lessons.counted)
        mined = self.miner(served, lessons.identities)
        return {
            "teacher": w.teacher * (1 - functional.cosine_similarity(self.teacher(steady), lessons.teacher)).mean(),
            "neighbours": w.neighbours * self._neighbours(embeddings, lessons.teacher),
            "triplet": w.triplet * self.triplet(served, lessons.identities, mined),
            "contrast": w.contrast * self.contrast(served, lessons.identities),
            "category": w.category * _known(self.category(steady), lessons.categories),
            "colour": w.colour * _known(self.colour(steady), lessons.colours),
        }

    def _neighbours(self, embeddings: Tensor, teacher: Tensor) -> Tensor:
        rows = functional.normalize(embeddings)
        itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
        ours = (rows @ rows.T / self.temperature).masked_fill(itself, -1e4)
        theirs = (teacher @ teacher.T / self.temperature).masked_fill(itself, -1e4)
        return functional.kl_div(ours.log_softmax(1), theirs.softmax(1), reduction="batchmean")


def _known(logits: Tensor, truth: Tensor) -> Tensor:
    if not (truth >= 0).any():
        return logits.sum() * 0
    return functional.cross_entropy(logits, truth, ignore_index=-1, label_smoothing=0.1)
