"""Where a training of the CLIP begins: at random, or at weights that a profile holds already."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from engine.errors import ModelUnavailable
from models.architectures.semantic import build_semantic
from models.manifest import load_manifest
from models.train.warm_start import WeightsUnfit, onnx_initialisers, restore

HE_LENGTH = 2**0.5
"""The length of a filter that He's initialisation draws: √(2 / fan-in) for each of fan-in values."""
FOLDED = {"trunk.conv1.0": "trunk.conv1.1", "trunk.conv1.3": "trunk.conv1.4", "trunk.conv1.6": "trunk.bn1"}
"""Convolutions of the stem and the norms behind them; those of the layers follow from their names."""


def start_from(profile: Path, out: Path, pictures: Tensor) -> Any:
    """The CLIP of a profile, ready to be trained on; its tokenizer is copied into `out`.

    A file from before the colours' way fits too: that part then starts anew and adds nothing at first.

    Args:
        pictures: (n, 3, s, s), normalised; the norms that the exporter folded away take their statistics from them.
    Raises:
        ModelUnavailable: there is no such profile, or it has no CLIP.
        WeightsUnfit: its files are of another architecture.
    """
    manifest = load_manifest(profile)
    image, text = manifest.require("semantic_image"), manifest.require("semantic_text")
    if not text.tokenizer:
        raise ModelUnavailable(f"The text model of {profile} names no tokenizer: export it again.")
    shutil.copyfile(profile / text.tokenizer, out / "tokenizer.json")
    clip = build_semantic(Tokenizer.from_file(str(out / "tokenizer.json")).get_vocab_size())
    fill_text(clip, profile / text.file)
    fill_images(clip, profile / image.file, pictures)
    return clip


def fill_images(clip: Any, path: Path, pictures: Tensor) -> None:
    """Give the image tower the weights of its ONNX file."""
    values = weights_of(path)
    fresh = {f"visual.{name}": value.detach().numpy() for name, value in clip.visual.colour.named_parameters("colour")}
    if not any(name in values for name in fresh):
        values = fresh | values
    folded = folded_norms(clip)
    restore(clip.visual, values, folded, [pictures], "visual.")
    with torch.no_grad():
        for conv, norm in folded.items():
            _lengthen(clip.visual.get_submodule(conv), clip.visual.get_submodule(norm))


def _lengthen(conv: Any, norm: Any) -> None:
    """Give filters the length of newly drawn ones, and let the norm behind them take it back.

    Folded filters are as short as the norm was small (a block's last norm begins at 0); steps of the
    optimiser, which do not know that, would overthrow them at once.
    """
    by = HE_LENGTH / conv.weight.flatten(1).norm(dim=1).clamp(min=1e-6)
    conv.weight.mul_(by[:, None, None, None])
    norm.running_mean.mul_(by)
    norm.running_var.mul_(by**2)
    norm.weight.copy_((norm.running_var + norm.eps).sqrt() / by)


def fill_text(clip: Any, path: Path) -> None:
    """Give the text tower the weights of its ONNX file."""
    restore(clip.text, weights_of(path), {}, [], "text.")


def folded_norms(clip: Any) -> dict[str, str]:
    """Every convolution of the image tower with the batch norm that follows it."""
    layers = [name for name, _ in clip.visual.named_modules() if name.startswith("trunk.layer")]
    found = {name: name.replace(".conv", ".bn") for name in layers if name.endswith((".conv1", ".conv2"))}
    found |= {name: name[:-1] + "2" for name in layers if name.endswith("downsample.1")}
    return FOLDED | found


def weights_of(path: Path) -> dict[str, NDArray[np.float32]]:
    """The file's weights by their module's names, which the exporter keeps in the nodes where it renames the weights.

    It does so for convolutions with a norm folded in, and for products without a bias, whose weights it turns.
    """
    import onnx

    values = onnx_initialisers(path)
    for node in onnx.load(path).graph.node:
        if node.op_type == "Conv" and len(node.input) == 3:
            module = _module(node.name)
            values[f"{module}.weight"], values[f"{module}.bias"] = values[node.input[1]], values[node.input[2]]
        elif node.op_type == "MatMul" and node.input[1] in values:
            module = _module(node.name)
            own = "in_proj_weight" if module.endswith(".attn") else "weight"
            values[f"{module}.{own}"] = np.ascontiguousarray(values[node.input[1]].T)
    return values


def _module(node: str) -> str:
    """`/trunk/layer1/layer1.0/conv1/Conv` → `trunk.layer1.0.conv1`: a part of a sequence repeats its name."""
    parts = node.strip("/").split("/")[:-1]
    following = [*parts[1:], ""]
    return ".".join(part for part, after in zip(parts, following, strict=True) if not after.startswith(f"{part}."))


__all__ = ["WeightsUnfit", "fill_images", "fill_text", "start_from"]
