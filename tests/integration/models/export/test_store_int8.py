"""Weights stored as int8: what is rounded, by how much, and that they come back under their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from models.architectures.onnx_weights import onnx_initialisers
from models.export.onnx_file import export_module, store_half, store_int8
from models.runtime import RuntimeName, RuntimeOptions, open_session

TOKENS = torch.tensor([[1, 2, 3, 0], [4, 4, 1, 2]])


class _Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(200, 48)
        self.words.weight.data[7] *= 100  # One loud word must not take the others' precision.
        self.square, self.wide = nn.Linear(48, 48), nn.Linear(48, 96)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, t) → (n, t, 96)."""
        read: Tensor = self.wide(self.square(self.words(tokens)))
        return read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small text network as it is shipped."""
    path = tmp_path / "reader.onnx"
    export_module(_Reader(), {"tokens": TOKENS}, ["read"], path)
    before = path.stat().st_size
    store_int8(path, smallest=1000)
    store_half(path)
    assert path.stat().st_size < 0.5 * before
    return path


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_both_runtimes_compute_nearly_what_torch_does(path: Path, runtime: RuntimeName) -> None:
    """Each output keeps its own step, so the error stays near one in two hundred."""
    session = open_session(path, RuntimeOptions(runtime=runtime, precision="f32", device="cpu"))
    found = session.run({"tokens": TOKENS.numpy()})["read"]
    with torch.no_grad():
        wanted = _Reader()(TOKENS).numpy()
    assert 0 < np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()


def test_weights_come_back_under_their_names(path: Path) -> None:
    """Tables by their rows, products by their outputs, a square one too."""
    kept = {tensor.data_type for tensor in onnx.load(path).graph.initializer}
    assert onnx.TensorProto.INT8 in kept
    values, network = onnx_initialisers(path), _Reader()
    table = network.words.weight.detach().numpy()
    steps = np.abs(table).max(axis=1, keepdims=True) / 127
    assert (np.abs(values["words.weight"] - table) <= 0.6 * steps + 1e-3 * np.abs(table)).all()
    products = sorted((v for v in values.values() if v.ndim == 2 and v.shape[0] == 48), key=lambda v: v.shape[1])
    for found, linear in zip(products, (network.square, network.wide), strict=True):
        assert np.abs(found - linear.weight.detach().numpy().T).max() < 0.002


def test_a_square_layer_of_single_rows_comes_back_too(tmp_path: Path) -> None:
    """Its file has a row for each output, so each row has its step; which way round shows in no shape."""
    torch.manual_seed(1)
    layer = nn.Linear(40, 40)
    layer.weight.data[3] *= 100
    path = tmp_path / "layer.onnx"
    export_module(layer, {"rows": torch.randn(2, 40)}, ["out"], path)
    store_int8(path, smallest=1000)
    found = onnx_initialisers(path)["weight"]
    steps = layer.weight.detach().abs().amax(1, keepdim=True).numpy() / 127
    assert (np.abs(found - layer.weight.detach().numpy()) <= 0.51 * steps).all()
    assert path.stat().st_size < 4000
