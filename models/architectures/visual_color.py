"""What colours a garment has, as a part of the visual embedding: a soft histogram in CIE Lab.

A network trained on a few thousand garments is vague about colour, and colour is what a buyer sees first; from behind
it is often all that two pictures share. Counting is exact where learning is not. Pixels of the white that crops are
painted with do not count.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BINS = (6, 9, 9)
LOW, HIGH = (0.0, -56.0, -56.0), (100.0, 56.0, 72.0)
"""Of L*, a*, b*: what cloth reaches; beyond, the outermost bin counts."""
WHITE = 0.988
"""A pixel with every channel above this (of 1) is surroundings."""
ACROSS = 40
"""Pixels are skipped until so many are left from side to side: enough to count by."""
_TO_XYZ = (
    (0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883),
)


class ColorHistogram(nn.Module):
    """(n, 3, s, s) normalised pictures → (n, 486): square roots of the bins' shares, so rows are of unit length.

    A garment without one pixel that counts (pure white) gives zeros: no opinion.
    """

    mean: Tensor
    std: Tensor
    to_xyz: Tensor
    centres_l: Tensor
    centres_a: Tensor
    centres_b: Tensor

    def __init__(self, mean: tuple[float, float, float], std: tuple[float, float, float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1), persistent=False)
        self.register_buffer("to_xyz", torch.tensor(_TO_XYZ), persistent=False)
        for name, low, high, bins in zip("lab", LOW, HIGH, BINS, strict=True):
            self.register_buffer(f"centres_{name}", torch.linspace(low, high, bins).view(1, bins, 1), persistent=False)

    @property
    def dim(self) -> int:
        """How many bins there are."""
        return BINS[0] * BINS[1] * BINS[2]

    def forward(self, pictures: Tensor) -> Tensor:
        """Count the garment's colours."""
        skip = max(1, pictures.shape[-1] // ACROSS)
        pixels = pictures[:, :, ::skip, ::skip].flatten(2).float() * self.std + self.mean
        counts = (pixels.amin(1, keepdim=True) < WHITE).float()
        lightness, red, blue = self._lab(pixels.clamp(0, 1))
        chroma = (self._shares(red, self.centres_a)[:, :, None] * self._shares(blue, self.centres_b)[:, None]).flatten(
            1, 2
        )
        joint = (self._shares(lightness, self.centres_l) * counts) @ chroma.transpose(1, 2)
        bins = joint.flatten(1)
        return torch.sqrt(bins / bins.sum(1, keepdim=True).clamp(min=1.0) + 1e-12)

    def _lab(self, rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, 3, pixels) sRGB of 0–1 → L*, a*, b*, each (n, 1, pixels), by CIE 1976 under D65."""
        linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055).pow(2.4), rgb / 12.92)
        xyz = torch.matmul(self.to_xyz, linear)
        f = torch.where(xyz > 0.008856, xyz.clamp(min=1e-6).pow(1 / 3), 7.787 * xyz + 16 / 116)
        x, y, z = f[:, 0:1], f[:, 1:2], f[:, 2:3]
        return 116 * y - 16, 500 * (x - y), 200 * (y - z)

    @staticmethod
    def _shares(values: Tensor, centres: Tensor) -> Tensor:
        """Each pixel's share in each bin: linear between the two nearest centres, so that light may shift a little."""
        width = centres[:, 1:2] - centres[:, 0:1]
        lowest, highest = centres[:, :1], centres[:, -1:]
        inside = torch.minimum(torch.maximum(values, lowest), highest)
        return (1 - (inside - centres).abs() / width).clamp(min=0)
