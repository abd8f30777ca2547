"""ONNX files in eight bits: weights per channel, activations per tensor, by ONNX Runtime's static quantiser.

What is written is a graph of QuantizeLinear and DequantizeLinear around convolutions and matrix products, which both
runtimes run in int8 where the CPU has the instructions for it.

Weights keep seven of the eight bits. A CPU without VNNI adds pairs of products up in 16 bits, where eight-bit weights
overflow without a word: the same file would embed well on one machine and badly on another.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from engine.errors import ContractBroken
from models.export.onnx_file import SMALL, describe, store_half
from models.export.quiet import quiet_logs
from models.runtime import _onnxruntime

KINDS = ("Conv", "MatMul", "Gemm")
BATCH = 8
"""Pictures per step of calibration."""
LARGE = 8192
"""What stays in float is stored at half size from so many values on, which no layer's scales and biases reach."""
LEAST_SHARE = 0.002
"""Of a model's multiply-adds: a layer with less gains no time in int8."""


def quantize_file(source: Path, target: Path, inputs: Mapping[str, NDArray[Any]], words: Mapping[str, str]) -> int:
    """Write `source` with its weighted layers in int8 as `target`; returns how many layers those are.

    Args:
        inputs: by input name, prepared as in serving; what flows through the layers gives each its range.
        words: metadata for the file.
    Raises:
        ContractBroken: the model has no layer worth it.
    """
    with tempfile.TemporaryDirectory(prefix="thatlook-int8-") as scratch:
        plain = Path(scratch) / "plain.onnx"
        fold(source, plain)
        layers = weighted_layers(onnx.load(plain))
        if not layers:
            raise ContractBroken(f"{source.name} has no convolution or matrix of weights that int8 would speed up.")
        draft = Path(scratch) / "int8.onnx"
        _quantize(plain, draft, inputs, layers)
        store_half(draft, smallest=LARGE)
        describe(draft, words)
        target.write_bytes(draft.read_bytes())
    return len(layers)


def fold(source: Path, target: Path) -> None:
    """The same model with what is constant computed: half-size weights cast, normalisations folded into layers."""
    ort = _onnxruntime()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def weighted_layers(model: onnx.ModelProto) -> list[str]:
    """The nodes to quantise: those with weights of some size and a part in the work, but for those that read the input.

    Products of two activations, small matrices such as colour transforms, and what runs once on a pooled vector cost
    little and lose much; the first layer sees raw pixels through few channels and is as sensitive.
    """
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    ports, places = {port.name for port in model.graph.input}, _places(model)
    weights = {
        node.name: max((sizes.get(name, 0) for name in node.input[:2]), default=0)
        for node in model.graph.node
        if node.op_type in KINDS
    }
    work = {node.name: weights.get(node.name, 0) * places.get(node.output[0], 1) for node in model.graph.node}
    least = LEAST_SHARE * sum(work.values())
    reading = {node.name for node in model.graph.node if ports & set(node.input)}
    return [name for name, size in weights.items() if size >= SMALL and work[name] >= least and name not in reading]


def _places(model: onnx.ModelProto) -> dict[str, int]:
    """In how many places of one picture each value is computed: pixels of a map, tokens; 1 where it is not known."""
    found = {}
    for value in onnx.shape_inference.infer_shapes(model).graph.value_info:
        dims = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
        found[value.name] = int(np.prod(dims[2:] if len(dims) == 4 else dims[1:-1]))
    return found


def _quantize(plain: Path, draft: Path, inputs: Mapping[str, NDArray[Any]], layers: Collection[str]) -> None:
    _onnxruntime()
    from onnxruntime import quantization

    with quiet_logs():  # The quantiser advises to pre-process the model, which `fold` has done.
        quantization.quantize_static(
            str(plain),
            str(draft),
            _reader(quantization.CalibrationDataReader, list(_batches(inputs))),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_quantize=list(layers),
            op_types_to_quantize=list(KINDS),
            extra_options={"WeightSymmetric": True, "ActivationSymmetric": False, "QuantizeBias": False},
        )


def _batches(inputs: Mapping[str, NDArray[Any]]) -> Iterator[dict[str, NDArray[Any]]]:
    count = len(next(iter(inputs.values())))
    for start in range(0, count, BATCH):
        yield {name: array[start : start + BATCH] for name, array in inputs.items()}


def _reader(base: Any, batches: Sequence[Mapping[str, NDArray[Any]]]) -> Any:
    """ONNX Runtime's idea of an iterator; its class is known only once the library is imported."""
    waiting = iter(batches)
    return type("Reader", (base,), {"get_next": lambda _: next(waiting, None)})()
