"""The starter CLIP: a ResNet-10 image tower with a short way for colour, and a four-layer text tower.

Both are built by open_clip from `semantic.json`; the colours' way is ours (`semantic_colour.py`).

Sources: Radford et al. 2021, arXiv:2103.00020 (CLIP); He et al. 2019, arXiv:1812.01187 (the `t` stem).
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from torch import Tensor, nn

from models.architectures.semantic_colour import MEAN, STD, ColourPath
from models.train.torchvision_cpu import prepare

__all__ = ["DIM", "MEAN", "STD", "ImageTower", "TextTower", "build_semantic", "semantic_config"]
DIM = 256


def semantic_config(vocabulary: int) -> dict[str, Any]:
    """open_clip's configuration, for a tokenizer of this size."""
    config: dict[str, Any] = json.loads(files("models.architectures").joinpath("semantic.json").read_text("utf-8"))
    config["text_cfg"]["vocab_size"] = vocabulary
    return config


def build_semantic(vocabulary: int) -> Any:
    """An open_clip model with random weights; `encode_image` and `encode_text` give (n, DIM), not normalised."""
    prepare()
    import open_clip

    clip = open_clip.CustomTextCLIP(**semantic_config(vocabulary), output_dict=False)
    clip.visual = ColouredTower(clip.visual)
    return clip


class ColouredTower(nn.Module):
    """open_clip's image tower for the shape, and what its pixels' colours add."""

    def __init__(self, shape: Any) -> None:
        super().__init__()
        self.trunk, self.head = shape.trunk, shape.head
        self.colour = ColourPath(DIM)

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, 3, s, s) → (n, DIM), not normalised."""
        embeddings: Tensor = self.head(self.trunk(pictures)) + self.colour(pictures)
        return embeddings


class ImageTower(nn.Module):
    """(n, 3, s, s) → (n, DIM), not normalised."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.visual = clip.visual

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures normalised with MEAN and STD."""
        embeddings: Tensor = self.visual(pictures)
        return embeddings


class TextTower(nn.Module):
    """(n, context_length) token ids → (n, DIM), not normalised."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.text = clip.text

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed texts that the tokenizer has cut and padded."""
        embeddings: Tensor = self.text(tokens)
        return embeddings
