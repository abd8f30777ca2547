"""Where a training of the visual embedder begins: at random, or at weights that a profile holds already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.architectures.onnx_weights import onnx_initialisers, restore
from models.architectures.visual import VisualEmbedder
from models.manifest import load_manifest

HE_LENGTH = 2**0.5
"""The length of a filter that He's initialisation draws: √(2 / fan-in) for each of fan-in values."""


def start_from(profile: Path, pictures: Tensor) -> VisualEmbedder:
    """The network of a profile's visual embedder, ready to be trained on.

    Args:
        pictures: (n, 3, s, s), normalised; the norms that the exporter folded away take their statistics from them.
    Raises:
        ModelUnavailable: there is no such profile, or it has no visual embedder.
        WeightsUnfit: its file is of another architecture.
    """
    path = profile / load_manifest(profile).require("visual").file
    values, folded = named_values(path), folded_norms()
    model = VisualEmbedder()
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name in values:
                buffer.copy_(torch.from_numpy(np.array(values[name])))
        restore(model, values, folded, [pictures])
        for conv, norm in folded.items():
            _to_he_length(model.get_submodule(conv), model.get_submodule(norm))
    return model


def folded_norms() -> dict[str, str]:
    """DenseNet's convolutions that a norm follows at once; the other norms stand before their convolutions."""
    convs = [name for name, _ in VisualEmbedder().named_modules() if name.endswith((".conv0", ".conv1"))]
    return {conv: conv.replace("conv0", "norm0").replace("conv1", "norm2") for conv in convs}


def named_values(path: Path) -> dict[str, NDArray[np.float32]]:
    """The file's weights, those of folded convolutions too under their module's name, which the node's path tells."""
    import onnx

    values = onnx_initialisers(path)
    for node in onnx.load(path).graph.node:
        if node.op_type == "Conv" and len(node.input) == 3:
            conv = node.name.strip("/").rpartition("/")[0].replace("/", ".")
            values[f"{conv}.weight"], values[f"{conv}.bias"] = values[node.input[1]], values[node.input[2]]
    return values


def _to_he_length(conv: Any, norm: Any) -> None:
    """Filters as long as a new network's: behind a norm their length is free, and steps are sized for that one."""
    lengths = conv.weight.flatten(1).norm(dim=1)
    by = HE_LENGTH / lengths.clamp(min=1e-6)
    conv.weight.mul_(by[:, None, None, None])
    norm.running_mean.mul_(by)
    norm.running_var.mul_(by**2)
    norm.weight.copy_((norm.running_var + norm.eps).sqrt() / by)
