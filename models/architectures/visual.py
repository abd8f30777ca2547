"""The visual embedder: DenseNet121's features, global average pooling, and the garment's counted colours beside them.

Source: Huang et al. 2017, arXiv:1608.06993; as an embedder of looks: arXiv:2008.11638.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.architectures.torchvision_cpu import prepare
from models.architectures.visual_color import ColorHistogram

DIM = 1024
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
COLOR_SHARE = 0.5
"""How much the counted colours weigh beside the network's own unit of length."""


def joined(embeddings: Tensor, counted: Tensor) -> Tensor:
    """What the network says and what was counted, each of unit length before the weighing: (n, dim + bins)."""
    return torch.cat([functional.normalize(embeddings), COLOR_SHARE * functional.normalize(counted)], 1)


class VisualEmbedder(nn.Module):
    """torchvision's DenseNet121 without its classifier: (n, 3, s, s) → (n, 1024), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        prepare()
        from torchvision.models import densenet121

        self.features = densenet121(weights=None).features

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures normalised with MEAN and STD."""
        return pooled(self.features, pictures)


def pooled(features: nn.Module, pictures: Tensor) -> Tensor:
    """Feature maps → their averages over the picture: (n, channels)."""
    maps = functional.relu(features(pictures))
    return torch.flatten(functional.adaptive_avg_pool2d(maps, 1), 1)


class ServedEmbedder(nn.Module):
    """What is exported: (n, 3, s, s) → (n, 1024), the directions that tell products apart.

    Args:
        network: a trained one; its layers are shared, not copied.
        deep, colour: linear layers on the unit features and on the histogram; their outputs make DIM together.
    """

    def __init__(self, network: VisualEmbedder, deep: nn.Linear, colour: nn.Linear) -> None:
        super().__init__()
        self.features = network.features
        self.histogram = ColorHistogram(MEAN, STD)
        self.deep, self.colour = deep, colour

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures normalised with MEAN and STD."""
        seen = self.deep(functional.normalize(pooled(self.features, pictures)))
        return joined(seen, self.colour(self.histogram(pictures)))
