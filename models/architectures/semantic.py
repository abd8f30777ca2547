"""The starter CLIP: an ImageNet network's middle layers with a short way for colour, and a sentence encoder.

open_clip builds the model from `semantic.json`: its image tower is timm's EfficientNet-Lite2. The last stage stays
behind: it tells dogs apart, and the stages before it find garments of the same kind better, and the same garment too.
The text tower is MiniLM (`sentence.py`). Both towers stay as they come; a head behind each brings them together (Zhai
et al. 2022, arXiv:2111.07991).

Sources: Radford et al. 2021, arXiv:2103.00020 (CLIP); Tan and Le 2019, arXiv:1905.11946 (EfficientNet).
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.architectures.semantic_color import MEAN, STD, ColorPath
from models.architectures.sentence import WIDTH, SentenceEncoder
from models.architectures.torchvision_cpu import prepare

__all__ = ["DIM", "MEAN", "STD", "ImageTower", "TextTower", "build_semantic", "semantic_config"]
DIM = 256
STAGES = 6
"""Of the trunk's seven; the seventh stays behind."""
GROUPS = (88, 120, 208)
"""Channels of the stages 3, 4 and 5, averaged over the picture."""
FEATURES = sum(GROUPS)
SPREAD = 0.1
"""What features are multiplied by on their way into the head, which keeps the first steps small."""


def semantic_config() -> dict[str, Any]:
    """open_clip's configuration."""
    config: dict[str, Any] = json.loads(files("models.architectures").joinpath("semantic.json").read_text("utf-8"))
    return config


def build_semantic(vocabulary: int, layers: int = 6) -> Any:
    """An open_clip model with random weights; `encode_image` and `encode_text` give (n, DIM), not normalised."""
    prepare()
    import open_clip

    clip = open_clip.CustomTextCLIP(**semantic_config(), output_dict=False)
    clip.visual = ImageTower(clip.visual.trunk)
    clip.text = TextTower(vocabulary, layers)
    return clip


class ImageTower(nn.Module):
    """(n, 3, s, s) → (n, DIM), not normalised: what the shape says, and what its pixels' colours add."""

    def __init__(self, trunk: Any) -> None:
        super().__init__()
        self.stem, self.norm, self.stages = trunk.conv_stem, trunk.bn1, trunk.blocks[:STAGES]
        self.requires_grad_(False)
        self.mean = nn.Parameter(torch.zeros(FEATURES), requires_grad=False)
        self.spread = nn.Parameter(torch.ones(FEATURES), requires_grad=False)
        self.head = Head(FEATURES, 512)
        self.colour = ColorPath(DIM)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures normalised with MEAN and STD."""
        embeddings: Tensor = self.head(self.standard(self.pooled(pictures)[0])) + self.colour(pictures)
        return embeddings

    def standard(self, features: Tensor) -> Tensor:
        """(n, FEATURES): how many spreads from their mean features are, times SPREAD."""
        return (features - self.mean) / self.spread * SPREAD

    def pooled(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(n, FEATURES), each group of unit root mean square; and what the last stage gives, (n, 208, h, w)."""
        hidden, found = self.norm(self.stem(pictures)), []
        for number, stage in enumerate(self.stages):
            hidden = stage(hidden)
            if number >= STAGES - len(GROUPS):
                found.append(hidden.mean((2, 3)))
        alike = [functional.normalize(group) * size**0.5 for group, size in zip(found, GROUPS, strict=True)]
        return torch.cat(alike, 1), hidden


class TextTower(nn.Module):
    """(n, t) token ids → (n, DIM), not normalised."""

    def __init__(self, vocabulary: int, layers: int) -> None:
        super().__init__()
        self.encoder = SentenceEncoder(vocabulary, layers).requires_grad_(False)
        self.head = Head(WIDTH, 512)

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed texts that the tokenizer has cut and padded."""
        embeddings: Tensor = self.head(self.encoder(tokens))
        return embeddings


class Head(nn.Module):
    """A linear map, and a small perceptron beside it that adds nothing at first."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.straight = nn.Linear(width, DIM)
        last = nn.Linear(hidden, DIM)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.bent = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(0.15), last)

    def forward(self, rows: Tensor) -> Tensor:
        """(n, width) → (n, DIM)."""
        embeddings: Tensor = self.straight(rows) + self.bent(rows)
        return embeddings
