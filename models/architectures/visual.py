"""The visual embedder: DenseNet121's features, global average pooling, 1024-d.

Source: Huang et al. 2017, arXiv:1608.06993; as an embedder of looks: arXiv:2008.11638.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.train.torchvision_cpu import prepare

DIM = 1024
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class VisualEmbedder(nn.Module):
    """torchvision's DenseNet121 without its classifier: (n, 3, s, s) → (n, 1024), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        prepare()
        from torchvision.models import densenet121

        self.features = densenet121(weights=None).features

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures normalised with MEAN and STD."""
        maps = functional.relu(self.features(pictures))
        return torch.flatten(functional.adaptive_avg_pool2d(maps, 1), 1)
