"""ONNX files: written from torch, stored at half the size, and checked against the module they came from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engine.errors import ContractBroken
from models.runtime import RuntimeName, RuntimeOptions, open_session

OPSET = 17
SMALL = 512
"""Initialisers of fewer values stay float32: they are biases and norms, and weigh nothing."""


def export_module(
    module: Any,
    inputs: Mapping[str, Any],
    outputs: Sequence[str],
    path: Path,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a torch module as ONNX, the first axis of every input and output free.

    Args:
        module: in eval mode; takes the inputs in the order given.
        inputs: sample tensors by name.
    """
    import torch

    axes = {name: {0: "n"} for name in (*inputs, *outputs)}
    fastpath = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # The exporter cannot see inside the fused attention.
    try:
        with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # It warns of its age and of each branch.
            torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                str(path),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
    describe(path, metadata or {})


def describe(path: Path, metadata: Mapping[str, str]) -> None:
    """Write words about the model into the file, where viewers show them."""
    model = onnx.load(path)
    helper.set_model_props(model, dict(metadata))
    model.producer_name = "thatlook"
    onnx.save(model, path)


def store_half(path: Path, smallest: int = SMALL) -> None:
    """Store large float32 initialisers as float16 with a Cast to float32 behind them.

    The file is half the size, and both runtimes fold the casts as they load it, so they compute
    as before on weights rounded to 11 bits. Values beyond float16 stay as they are.
    """
    model = onnx.load(path)
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < smallest:
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name, half = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    kept = [port for port in graph.input if port.name not in {cast.output[0] for cast in casts}]
    del graph.input[:]
    graph.input.extend(kept)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def store_int8(path: Path, smallest: int = 4096) -> None:
    """Store the weights of products and of tables of words as int8, with a step for each output or word.

    A quarter of the size. Both runtimes turn them back into floats as they load the file, or compute with them as they
    are; activations stay as they were, so that nothing has to be calibrated.
    """
    model = onnx.load(path)
    graph = model.graph
    turned = {n.input[1]: 1 for n in graph.node if n.op_type == "MatMul"}
    rows = {n.input[1] for n in graph.node if n.op_type == "Gemm" and _is_turned(n)}
    turned |= dict.fromkeys(rows, 0)
    turned |= {n.input[0]: 0 for n in graph.node if n.op_type == "Gather"}
    undone = []
    for tensor in list(graph.initializer):
        axis = turned.get(tensor.name)
        if axis is None or len(tensor.dims) != 2 or np.prod(tensor.dims) < smallest:
            continue
        values, name = numpy_helper.to_array(tensor).astype(np.float32), tensor.name
        steps = np.maximum(np.abs(values).max(axis=1 - axis), 1e-8) / 127
        rounded = np.round(values / (steps[None] if axis else steps[:, None])).astype(np.int8)
        tensor.CopyFrom(numpy_helper.from_array(rounded, f"{name}.int8"))
        called = f"{name}.{'row_steps' if name in rows else 'steps'}"
        graph.initializer.append(numpy_helper.from_array(steps.astype(np.float32), called))
        inputs = [f"{name}.int8", called]
        undone.append(helper.make_node("DequantizeLinear", inputs, [name], name=f"{name}.undone", axis=axis))
    nodes = [*undone, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _is_turned(product: Any) -> bool:
    """Whether a Gemm's weights have a row for each output."""
    return any(attribute.name == "transB" and attribute.i for attribute in product.attribute)


@dataclass(frozen=True, slots=True)
class Parity:
    """How far a runtime's outputs lie from torch's, over all outputs.

    Attributes:
        worst: the largest absolute difference, as a share of the output's largest value.
        cosine: the lowest cosine similarity of any row.
    """

    worst: float
    cosine: float


def check_parity(
    module: Any,
    path: Path,
    inputs: Mapping[str, Any],
    tolerance: float,
    runtimes: Sequence[RuntimeName] = ("openvino", "onnxruntime"),
) -> dict[str, Parity]:
    """Run the same inputs through torch and through each runtime, and compare by value.

    Args:
        module: returns one tensor, or several in the order of the file's outputs.
        inputs: tensors by input name.
        tolerance: for `Parity.worst`.
    Raises:
        ContractBroken: an output differs by more.
    """
    import torch

    with torch.no_grad():
        answer = module.eval()(*inputs.values())
    wanted = [a.numpy() for a in ([answer] if isinstance(answer, torch.Tensor) else answer)]
    names = [port.name for port in onnx.load(path, load_external_data=False).graph.output]
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    report: dict[str, Parity] = {}
    for runtime in runtimes:
        options = RuntimeOptions(runtime=runtime, precision="f32", device="cpu")
        got = open_session(path, options).run(arrays)
        parities = [parity(want, got[name]) for want, name in zip(wanted, names, strict=True)]
        report[runtime] = Parity(max(p.worst for p in parities), min(p.cosine for p in parities))
        if not report[runtime].worst <= tolerance:
            raise ContractBroken(
                f"{path.name} in {runtime} differs from the module by {report[runtime].worst:.2g} of its range, "
                f"more than {tolerance:.2g}: the export is not faithful."
            )
    return report


def parity(want: NDArray[Any], got: NDArray[Any]) -> Parity:
    """Compare two outputs of one shape; the first axis is the rows.

    Raises:
        ContractBroken: the shapes differ.
    """
    if want.shape != got.shape:
        raise ContractBroken(f"The export gives {got.shape} where the module gives {want.shape}.")
    worst = float(np.abs(want - got).max() / max(np.abs(want).max(), 1e-12))
    a, b = want.reshape(len(want), -1).astype(np.float64), got.reshape(len(got), -1).astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return Parity(worst, float(np.min((a * b).sum(axis=1) / np.maximum(norms, 1e-12))))
