"""Going on from exported weights: the restored network computes what the file does, its norms as after a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.architectures.onnx_weights import WeightsUnfit, onnx_initialisers, restore
from models.export.onnx_file import export_module, store_half
from models.runtime import RuntimeOptions, open_session

torch = pytest.importorskip("torch", reason="needs the group `train`")

FOLDED = {"first": "first_norm", "second": "second_norm"}


class Small(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Two normed convolutions and a plain one; `fused` leaves the norms out, as an exporter does."""

    def __init__(self, channels: int = 24, fused: bool = False) -> None:
        super().__init__()
        nn, self.fused = torch.nn, fused
        self.first = nn.Conv2d(3, channels, 3, padding=1, bias=fused)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=fused)
        self.last = nn.Conv2d(channels, 5, 1)
        if not fused:
            self.first_norm, self.second_norm = nn.BatchNorm2d(channels, 1e-3), nn.BatchNorm2d(channels, 1e-3)

    def forward(self, x: Any) -> Any:
        for conv, norm in FOLDED.items():
            x = getattr(self, conv)(x)
            x = torch.relu(x if self.fused else getattr(self, norm)(x))
        return self.last(x)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A fused network whose channels lie far from mean 0 and variance 1, as after a training."""
    torch.manual_seed(3)
    network = Small(fused=True)
    with torch.no_grad():
        network.first.weight *= torch.linspace(0.2, 9, 24)[:, None, None, None]
        network.first.bias += torch.linspace(-3, 3, 24)
    path = tmp_path / "small.onnx"
    export_module(network, {"images": pictures(2)}, ("out",), path)
    store_half(path)
    return path


def pictures(count: int) -> Any:
    return torch.rand(count, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def test_weights_stored_at_half_size_come_under_their_own_name(exported: Path) -> None:
    """As float32, whatever the file holds."""
    values = onnx_initialisers(exported)
    assert {"first.weight", "first.bias", "second.weight", "second.bias", "last.weight", "last.bias"} <= set(values)
    assert {values[name].dtype for name in ("first.weight", "second.weight")} == {np.dtype(np.float32)}


def test_the_restored_network_computes_what_the_file_does(exported: Path) -> None:
    """On pictures that it was not calibrated with."""
    network = Small().train()
    restore(network, onnx_initialisers(exported), FOLDED, [pictures(4)])
    fresh = torch.rand(3, 3, 12, 12)
    with torch.no_grad():
        ours = network.eval()(fresh).numpy()
    session = open_session(exported, RuntimeOptions(runtime="onnxruntime", precision="f32", device="cpu"))
    theirs = session.run({"images": fresh.numpy()})["out"]
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


def test_norms_know_the_statistics_of_their_input(exported: Path) -> None:
    """So a training step on the calibration pictures starts from the same function, not from a shifted one."""
    network = Small()
    restore(network, onnx_initialisers(exported), FOLDED, [pictures(8)])
    with torch.no_grad():
        still, moving = network.eval()(pictures(8)), network.train()(pictures(8))
    assert network.training
    assert torch.allclose(still, moving, atol=2e-2 * float(still.abs().max()))
    assert float(network.first_norm.running_var.max() / network.first_norm.running_var.min()) > 20


def test_another_architecture_is_refused(exported: Path, tmp_path: Path) -> None:
    """A different width, a missing layer and a file that is no model: each with its own words."""
    values = onnx_initialisers(exported)
    with pytest.raises(WeightsUnfit, match="train from scratch"):
        restore(Small(channels=16), values, FOLDED, [pictures(2)])
    without = {name: value for name, value in values.items() if not name.startswith("second")}
    with pytest.raises(WeightsUnfit, match="another architecture"):
        restore(Small(), without, FOLDED, [pictures(2)])
    (tmp_path / "no.onnx").write_bytes(b"this is no model")
    with pytest.raises(WeightsUnfit, match="cannot be read"):
        onnx_initialisers(tmp_path / "no.onnx")
