"""Half-size storage: what is rounded, what is not, and that both runtimes compute with the rounded weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engine.errors import ContractBroken
from models.export.onnx_file import describe, parity, store_half
from models.runtime import OnnxRuntimeSession, OpenVinoSession, RuntimeOptions

RNG = np.random.default_rng(3)
KERNEL = RNG.normal(size=(16, 3, 5, 5)).astype(np.float32)
MATRIX = RNG.normal(size=(16, 64)).astype(np.float32)
BIAS = RNG.normal(size=64).astype(np.float32)
HUGE = np.full((64, 64), 1e6, np.float32)


def rounded(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Through float16 and back."""
    return array.astype(np.float16).astype(np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Picture → convolution → mean → matrix + bias → times a matrix too large for float16."""
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "kernel"], ["maps"]),
            helper.make_node("GlobalAveragePool", ["maps"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "matrix", "bias"], ["mid"]),
            helper.make_node("MatMul", ["mid", "huge"], ["y"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 9, 9])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64])],
        [
            numpy_helper.from_array(KERNEL, "kernel"),
            numpy_helper.from_array(MATRIX, "matrix"),
            numpy_helper.from_array(BIAS, "bias"),
            numpy_helper.from_array(HUGE, "huge"),
        ],
    )
    path = tmp_path / "tiny.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def compute(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The model in NumPy on rounded weights: the mean of a valid convolution is linear in window means."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(2, 3)).mean(axis=(2, 3))
    pooled = np.einsum("ncij,kcij->nk", windows, rounded(KERNEL))
    return np.asarray((pooled @ rounded(MATRIX) + BIAS) @ HUGE, np.float32)


def test_large_weights_are_halved_and_both_runtimes_agree(model: Path) -> None:
    """Kernel and matrix are stored in float16; the bias and what float16 cannot hold are not."""
    before = model.stat().st_size
    store_half(model)
    types = {t.name: t.data_type for t in onnx.load(model).graph.initializer}
    assert types == {
        "kernel.half": TensorProto.FLOAT16,
        "matrix.half": TensorProto.FLOAT16,
        "bias": TensorProto.FLOAT,
        "huge": TensorProto.FLOAT,
    }
    saved = before - model.stat().st_size
    assert saved > 2 * (KERNEL.size + MATRIX.size) - 600
    x = RNG.random((3, 3, 9, 9)).astype(np.float32)
    for session in (OpenVinoSession, OnnxRuntimeSession):
        got = session(model, RuntimeOptions(precision="f32", threads=1)).run({"x": x})["y"]
        np.testing.assert_allclose(got, compute(x), rtol=1e-4)


def test_halving_twice_changes_nothing_more(model: Path) -> None:
    """An exporter may be run again over its own file."""
    store_half(model)
    once = model.read_bytes()
    store_half(model)
    assert model.read_bytes() == once


def test_words_are_kept_in_the_file(model: Path) -> None:
    """Viewers show where a file comes from."""
    describe(model, {"architecture": "tiny"})
    loaded = onnx.load(model)
    assert {p.key: p.value for p in loaded.metadata_props} == {"architecture": "tiny"}
    assert loaded.producer_name == "thatlook"


def test_parity_sees_one_wrong_value_and_one_wrong_row() -> None:
    """The worst value is relative to the range; the cosine is the worst row's."""
    want = np.array([[3.0, 4.0], [0.0, 10.0]])
    got = np.array([[3.0, 4.0], [10.0, 0.0]])
    assert parity(want, want).worst == 0
    assert parity(want, got).worst == pytest.approx(1.0)
    assert parity(want, got).cosine == pytest.approx(0.0)
    with pytest.raises(ContractBroken, match="gives"):
        parity(want, got[:1])
