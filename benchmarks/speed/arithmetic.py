"""How much arithmetic a model cannot avoid: the multiply-adds of its graph, counted node by node.

The counting follows the textbook: a convolution costs two operations per weight and output position, a matrix
product two per inner step. Everything else (activations, pooling, normalisation folded into weights) is left out, so
the limit that follows is a floor no engine gets under without changing the network or its precision.
"""

from __future__ import annotations

from functools import cache
from math import prod
from pathlib import Path
from typing import Any

from benchmarks.speed.results import Work
from models.manifest import Role, load_manifest
from models.runtime import _openvino, cpu_computes_bf16

_TEXT = "semantic_text"


@cache
def model_gflop(file: Path, shape: tuple[int, ...]) -> float:
    """GFLOP of one run of an ONNX file over an input of this shape."""
    model = _openvino().Core().read_model(str(file))
    model.reshape(list(shape))
    return sum(node_flops(node) for node in model.get_ordered_ops()) / 1e9


def node_flops(node: Any) -> int:
    """Operations of one node; 0 for what is no convolution and no matrix product."""
    kind = node.get_type_name()
    if kind in {"Convolution", "GroupConvolution", "ConvolutionBackpropData"}:
        return 2 * _convolution(node, kind)
    if kind == "MatMul":
        left = list(node.input(0).get_shape())
        inner = left[-2] if node.get_attributes().get("transpose_a") else left[-1]
        return int(2 * inner * prod(node.output(0).get_shape()))
    return 0


def _convolution(node: Any, kind: str) -> int:
    """Multiply-adds: per output position, one per weight of its output channel (backwards: per input position)."""
    weights = list(node.input(1).get_shape())
    if kind == "ConvolutionBackpropData":
        per_position = prod(weights[1:])
        return int(per_position * prod(node.input(0).get_shape()))
    per_channel = prod(weights[2:]) if kind == "GroupConvolution" else prod(weights[1:])
    return int(per_channel * prod(node.output(0).get_shape()))


def role_gflop(folder: Path, role: Role, batch: int = 1) -> float:
    """GFLOP of a profile's model over a batch, at the input size of its manifest."""
    spec = load_manifest(folder).require(role)
    shape = (batch, spec.context_length or 0) if role == _TEXT else (batch, 3, *spec.input_size)
    return model_gflop(folder / spec.file, shape)


def photo_work(folder: Path, garments: int, *, pose: bool = False) -> Work:
    """What one photo costs: the segmenter once, both embedders per garment, and the pose model if it takes part."""
    gflop = role_gflop(folder, "segmenter")
    gflop += garments * (role_gflop(folder, "visual") + role_gflop(folder, "semantic_image"))
    gflop += role_gflop(folder, "pose") if pose else 0.0
    return Work(gflop=gflop, precision="bf16" if cpu_computes_bf16() else "f32")
