"""The starter CLIP: several depths of an ImageNet network with a short way for colour, and a sentence encoder.

open_clip builds the model from `semantic.json`: its image tower is timm's EfficientNet-Lite2. Its last layer tells the
kinds of things apart, the stages before it one garment from another of its kind. The text tower is MiniLM
(`sentence.py`). Both towers stay as they come; a head behind each brings them together (Zhai et al. 2022,
arXiv:2111.07991). Beside what the heads say stands what kind of garment it is, as a distribution: kinds that were
learned from labels, and for pictures the classes that ImageNet taught. So two pictures of one kind are alike however
little else they share, and a word for a kind finds that kind.

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
JOINT = 256
"""Values in which pictures and texts meet."""
KINDS = 35
"""Kinds of garments that a picture is told apart by, `models.train.clip.captions.KINDS`; a text may also name none."""
CLASSES = 44
"""ImageNet's classes that are worn, `models.train.clip.start.GARMENTS`: what the network itself calls the picture."""
DIM = JOINT + KINDS + CLASSES
KIND_WEIGHT, CLASS_WEIGHT = 0.6, 0.2
"""How much the same kind, and the same class, say of two pictures beside what the joint values say, which count 1; the
square roots of two distributions have a product of 1 where they are the same (Bhattacharyya 1943)."""
WORD_SHARE = 0.3
"""How much of that a word for a kind says: among words and pictures the joint values differ less."""
HIDDEN = 384
"""Of the perceptron in each head."""
KINDS_HIDDEN = 192
"""Of the one that tells kinds of pictures."""
STAGES = (3, 4, 5)
"""Of the trunk's, those whose averages over the picture are features, beside the last layer's."""
GROUPS = (88, 120, 208, 1280)
"""Their channels, and the last layer's."""
SHARES = (0.5, 0.7, 1.0, 1.2)
"""How much each of them says of how alike two pictures are, as lengths, before a head is trained."""
FEATURES = sum(GROUPS)
LENGTH = 1.1
"""About what a group of share 1 measures on its way into the head, which keeps the first steps small."""


def semantic_config() -> dict[str, Any]:
    """open_clip's configuration."""
    config: dict[str, Any] = json.loads(files("models.architectures").joinpath("semantic.json").read_text("utf-8"))
    return config


def build_semantic(vocabulary: int, layers: int = 6) -> Any:
    """An open_clip model with random weights; `encode_image` and `encode_text` give (n, DIM)."""
    prepare()
    import open_clip

    clip = open_clip.CustomTextCLIP(**semantic_config(), output_dict=False)
    clip.visual = ImageTower(clip.visual.trunk)
    clip.text = TextTower(vocabulary, layers)
    return clip


class ImageTower(nn.Module):
    """(n, 3, s, s) → (n, DIM), rows of one length: what the shape says and its pixels' colours add, kinds, classes."""

    scales: Tensor

    def __init__(self, trunk: Any) -> None:
        super().__init__()
        self.stem, self.norm, self.stages = trunk.conv_stem, trunk.bn1, trunk.blocks
        self.last, self.last_norm = trunk.conv_head, trunk.bn2
        self.classes = nn.Linear(GROUPS[-1], CLASSES)
        self.requires_grad_(False)
        self.mean = nn.Parameter(torch.zeros(FEATURES), requires_grad=False)
        self.spread = nn.Parameter(torch.ones(FEATURES), requires_grad=False)
        scales = [torch.full((size,), LENGTH * share / size**0.5) for size, share in zip(GROUPS, SHARES, strict=True)]
        self.register_buffer("scales", torch.cat(scales), persistent=False)
        self.head = Head(FEATURES, HIDDEN)
        self.colour = ColorPath(JOINT)
        self.kinds = Head(FEATURES, KINDS_HIDDEN, KINDS)

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed pictures normalised with MEAN and STD."""
        pooled, last = self.pooled(pictures)
        features = self.standard(pooled)
        joint = functional.normalize(self.head(features) + self.colour(pictures))
        kinds, classes = self.kinds(features).softmax(1), self.classes(last).softmax(1)
        return torch.cat([joint, (KIND_WEIGHT * kinds).sqrt(), (CLASS_WEIGHT * classes).sqrt()], 1)

    def standard(self, features: Tensor) -> Tensor:
        """(n, FEATURES): how many spreads from their mean features are, each group scaled to its share."""
        return (features - self.mean) / self.spread * self.scales

    def pooled(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(n, FEATURES), each group of unit root mean square; and what the classifier would see, (n, 1280)."""
        hidden, found = self.norm(self.stem(pictures)), []
        for number, stage in enumerate(self.stages):
            hidden = stage(hidden)
            if number in STAGES:
                found.append(hidden.mean((2, 3)))
        found.append(self.last_norm(self.last(hidden)).mean((2, 3)))
        alike = [functional.normalize(group) * size**0.5 for group, size in zip(found, GROUPS, strict=True)]
        return torch.cat(alike, 1), found[-1]


class TextTower(nn.Module):
    """(n, t) token ids → (n, DIM): the same, of texts, which have no classes."""

    def __init__(self, vocabulary: int, layers: int) -> None:
        super().__init__()
        self.encoder = SentenceEncoder(vocabulary, layers).requires_grad_(False)
        self.head = Head(WIDTH, 512)
        self.kinds = nn.Linear(WIDTH, KINDS + 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Embed texts that the tokenizer has cut and padded."""
        sentences = self.encoder(tokens)
        named = self.kinds(sentences).softmax(1)[:, :KINDS]
        joint = functional.normalize(self.head(sentences))
        kinds = WORD_SHARE * (KIND_WEIGHT * named).sqrt()
        return functional.pad(torch.cat([joint, kinds], 1), (0, CLASSES))


class Head(nn.Module):
    """A linear map, and a small perceptron beside it that adds nothing at first."""

    def __init__(self, width: int, hidden: int, outputs: int = JOINT, dropout: float = 0.15) -> None:
        super().__init__()
        self.straight = nn.Linear(width, outputs)
        last = nn.Linear(hidden, outputs)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.bent = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), last)

    def forward(self, rows: Tensor) -> Tensor:
        """(n, width) → (n, outputs)."""
        embeddings: Tensor = self.straight(rows) + self.bent(rows)
        return embeddings
