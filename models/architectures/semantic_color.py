"""A short way for colour: soft shares of named shades, counted from the pixels, added to the embedding of a shape.

Colour names are measured on pixels (`models/train/data/colors.py`), so a network need not learn them from examples.
All of it is plain arithmetic and is exported with the tower; it costs a tenth of the convolutions.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from engine.color.naming import COLOR_NAMES, nearest_names, to_lab

MEAN = (127 / 255,) * 3
STD = (128 / 255,) * 3
SHADES = (
    (12, 12, 13), (32, 31, 33), (48, 46, 46), (255, 255, 255), (236, 236, 238), (222, 222, 224),
    (236, 232, 224), (220, 216, 208), (196, 196, 198), (160, 160, 162), (125, 126, 128), (92, 93, 96),
    (226, 208, 178), (206, 184, 150), (240, 228, 206), (230, 192, 152), (74, 50, 36), (112, 74, 46),
    (146, 102, 64), (58, 44, 38), (196, 28, 36), (226, 52, 50), (156, 20, 30), (176, 28, 52),
    (96, 22, 38), (122, 32, 52), (246, 178, 194), (232, 116, 152), (222, 60, 122), (214, 96, 104),
    (236, 140, 132), (206, 36, 88), (238, 116, 36), (250, 148, 62), (248, 216, 52), (236, 224, 120),
    (222, 178, 40), (98, 94, 52), (124, 118, 72), (72, 72, 46), (40, 128, 62), (92, 176, 84),
    (24, 78, 46), (150, 206, 96), (22, 128, 132), (92, 200, 182), (150, 222, 206), (152, 196, 230),
    (186, 212, 236), (110, 172, 222), (140, 166, 196), (30, 84, 190), (48, 112, 196), (72, 104, 160),
    (88, 108, 140), (104, 128, 162), (22, 28, 62), (34, 44, 84), (46, 58, 96), (62, 72, 94),
    (36, 42, 58), (28, 32, 46), (112, 52, 140), (146, 98, 178), (82, 38, 92), (186, 158, 212),
    (62, 40, 84), (122, 104, 146), (206, 198, 220),
)  # fmt: skip
"""sRGB of the shades that are counted. A table of its own: weights must not change when a shop names colours anew."""
TO_XYZ = ((0.412453, 0.35758, 0.180423), (0.212671, 0.71516, 0.072169), (0.019334, 0.119193, 0.950227))
"""Linear sRGB → CIE XYZ, D65."""
WHITE_POINT = (0.950456, 1.0, 1.088754)
STRIDE = 8
"""Every eighth pixel of every eighth row says as much of a colour as all of them."""
SOFTNESS = 50.0
"""Of a pixel's membership, in squared units of Lab: a pixel ten units from a shade belongs to it e⁻² as much."""
PAPER = 252.5 / 255
"""Pixels whose darkest channel is brighter are taken for the white that crops are masked with."""
WIDTH = 160


class ColorPath(nn.Module):
    """(n, 3, s, s) normalised pictures on white → (n, dim), a function of how much of each shade they hold."""

    lab: Tensor
    owners: Tensor
    members: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        shades = np.array(SHADES, np.uint8)
        owners = np.eye(len(COLOR_NAMES), dtype=np.float32)[nearest_names(shades)]
        self.register_buffer("lab", torch.from_numpy(to_lab(shades)))
        self.register_buffer("owners", torch.from_numpy(owners))
        self.register_buffer("members", self._members(), persistent=False)
        last = nn.Linear(WIDTH, dim)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.mix = nn.Sequential(nn.Linear(len(shades) + 2 * len(COLOR_NAMES), WIDTH), nn.GELU(), last)

    def forward(self, pictures: Tensor) -> Tensor:
        """What the colours add to an embedding; nothing before training."""
        return self.added(self.shares(pictures))

    def added(self, shares: Tensor) -> Tensor:
        """The same, of pictures whose shares (n, shades) are known."""
        named = shares @ self.owners
        added: Tensor = self.mix(torch.cat([(shares + 1e-4).sqrt(), named, (12 * named).softmax(1)], 1))
        return added

    @torch.no_grad()
    def shares(self, pictures: Tensor) -> Tensor:
        """(n, shades), each row a distribution over SHADES; an all-white picture is white.

        In training the pixels are looked up in a cube of 32 levels each, which is ten times as fast.
        """
        pixels = pictures[:, :, ::STRIDE, ::STRIDE].flatten(2).transpose(1, 2)
        rgb = (pixels * pixels.new_tensor(STD) + pixels.new_tensor(MEAN)).clamp(0, 1)
        garment = ((PAPER - rgb.amin(2, keepdim=True)) * 255 + 0.5).clamp(0, 1) + 1e-4
        if self.training:
            cell = ((rgb * 255).round().long() >> 3) @ torch.tensor([1024, 32, 1], device=rgb.device)
            counted = torch.einsum("np,nps->ns", garment[..., 0], self.members[cell])
        else:
            counted = (self.memberships(_lab(rgb)) * garment).sum(1)
        return counted / counted.sum(1, keepdim=True)

    def memberships(self, lab: Tensor) -> Tensor:
        """(…, 3) Lab → (…, shades): how much a pixel belongs to each shade, by a distance like that of the names."""
        chroma = (lab[..., 1:] ** 2).sum(-1, keepdim=True).sqrt()
        lightness = 1 - 0.5 * ((chroma - 20) / 4).sigmoid()
        light = (lightness * (lab[..., :1] - self.lab[:, 0])) ** 2
        hue = (lab[..., 1:2] - self.lab[:, 1]) ** 2 + (lab[..., 2:3] - self.lab[:, 2]) ** 2
        return (-(light + 1.6 * hue) / SOFTNESS).softmax(-1)

    def _members(self) -> Tensor:
        """(32768, shades): the memberships of every 5-bit RGB, at the middle of its cell."""
        level = (torch.arange(32) * 8 + 4) / 255
        return self.memberships(_lab(torch.cartesian_prod(level, level, level)))


def _lab(rgb: Tensor) -> Tensor:
    """(…, 3) sRGB of 0–1 → CIE Lab."""
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055).clamp(min=1e-4) ** 2.4, rgb / 12.92)
    xyz = linear @ rgb.new_tensor(TO_XYZ).T / rgb.new_tensor(WHITE_POINT)
    root = torch.where(xyz > 0.008856, xyz.clamp(min=1e-5) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = root.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)
