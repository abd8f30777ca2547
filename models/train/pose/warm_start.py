"""The pose network's part of a warm start: which convolution of the file is which of the module's.

The exporter names folded convolutions by number, so they are told by order: the file's nodes stand in the order in
which the network calls its layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray

from models.architectures.onnx_weights import WeightsUnfit, onnx_initialisers, restore
from models.architectures.pose import forward

_FACING_WEIGHT = "facing.11.weight"
"""The facing head's linear layer; a file without it has heatmaps alone."""


def start_from(model: Any, source: Path, pictures: Sequence[Any]) -> None:
    """Fill backbone and heatmap head, and the facing head where the file has one, from an exported pose model.

    Args:
        source: the ONNX file, or a profile's folder.
        pictures: calibration batches of normalised pictures.
    Raises:
        WeightsUnfit: the file is of another architecture, or no ONNX file.
    """
    path = source / "pose.onnx" if source.is_dir() else source
    values = onnx_initialisers(path)
    part = _part(model, facing=_FACING_WEIGHT in values)
    order, folded = _call_order(part, pictures[0][:1])
    found = _convolutions(path, values)
    if len(found) != len(order):
        raise WeightsUnfit(
            f"{path} has {len(found)} convolutions and the network {len(order)}: it is of another architecture."
        )
    named = {
        f"{conv}.{what}": value
        for conv, pair in zip(order, found, strict=True)
        for what, value in zip(("weight", "bias"), pair, strict=True)
    }
    restore(part, {**values, **named}, folded, pictures)


def _part(model: Any, *, facing: bool) -> Any:
    """The parts of the model that a file has, as one module; they stay the model's own."""
    import torch

    class Part(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.head = model.backbone, model.head
            if facing and hasattr(model, "facing"):
                self.facing = model.facing

        def forward(self, pictures: Any) -> Any:
            return forward(self, pictures)

    return Part().train(model.training)


def _convolutions(path: Path, values: Mapping[str, NDArray[Any]]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Weight and bias of the file's convolutions, in its order."""
    nodes = [node for node in onnx.load(path).graph.node if node.op_type == "Conv"]
    try:
        return [(values[node.input[1]], values[node.input[2]]) for node in nodes]
    except (KeyError, IndexError):
        raise WeightsUnfit(f"{path} has convolutions without weight or bias: it is of another architecture.") from None


def _call_order(module: Any, picture: Any) -> tuple[list[str], dict[str, str]]:
    """Names of the convolutions as they are called, and which norm follows which."""
    import torch

    called: list[tuple[str, bool]] = []
    kinds = (torch.nn.Conv2d, torch.nn.BatchNorm2d)
    layers = [(name, layer) for name, layer in module.named_modules() if isinstance(layer, kinds)]

    def note(name: str, *, norm: bool) -> Any:
        return lambda *_: called.append((name, norm))

    hooks = [
        layer.register_forward_hook(note(name, norm=isinstance(layer, torch.nn.BatchNorm2d))) for name, layer in layers
    ]
    training = module.training
    try:
        with torch.no_grad():
            module.eval()(picture)
    finally:
        module.train(training)
        for hook in hooks:
            hook.remove()
    folded = {a: b for (a, no), (b, yes) in pairwise(called) if yes and not no}
    return [name for name, norm in called if not norm], folded
