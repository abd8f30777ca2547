"""Random stand-ins: their batch norms have the statistics of what flows through, so that no channel drowns another."""

from __future__ import annotations

import torch

from models.export.stand_ins import settle


def network() -> torch.nn.Module:
    """A layer whose channels lie a thousandfold apart, and its norm."""
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(3, 4, 3)
    with torch.no_grad():
        layer.weight *= torch.tensor([1.0, 10.0, 100.0, 1000.0])[:, None, None, None]
    return torch.nn.Sequential(layer, torch.nn.BatchNorm2d(4))


def test_channels_come_out_alike_and_the_same_each_time() -> None:
    """Standard deviation about 1 in every channel, for inputs that it was not settled with; in eval mode, seeded."""
    settled = settle(network(), 0)
    assert not settled.training
    with torch.no_grad():
        coarse = torch.randn(4, 3, 28, 28, generator=torch.Generator().manual_seed(9))
        pictures = torch.nn.functional.interpolate(coarse, size=224, mode="bilinear")
        spread = settled(pictures).std(dim=(0, 2, 3))
        assert torch.all((spread > 0.9) & (spread < 1.1))
        assert torch.equal(settled(pictures), settle(network(), 0)(pictures))
