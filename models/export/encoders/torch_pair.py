"""Checkpoints as encoders: folders as open_clip and as transformers write them, read without running their code."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.domain import Pixels
from engine.errors import ModelUnavailable
from models.architectures.torchvision_cpu import prepare
from models.export.clip_tokenizer import convert_tokenizer
from models.export.encoders.encoder import Encoder, PictureForm, Pictures, Rows, Tokens
from models.export.encoders.picture_forms import PROCESSOR, open_clip_form, read_json, transformers_form
from models.export.encoders.tokenizing import backend_of, carried_over
from models.export.publish import publish
from models.manifest import ModelSpec

OPEN_CLIP = "open_clip_config.json"
CONFIG = "config.json"
MOST_PARAMETERS = 500_000_000
"""Of one tower: an ONNX file of float32 weights ends at 2 GB."""
KINDS = ("clip", "siglip")
"""Kinds of transformers whose towers take whole pictures of one size."""


def open_clip_folder(folder: Path) -> Encoder:
    """A folder with `open_clip_config.json`, weights and, unless it is CLIP's own, a tokenizer.

    Raises:
        ModelUnavailable: something is missing, or of a shape that is not known.
    """
    prepare()
    import open_clip

    words = read_json(folder / OPEN_CLIP)
    text = words.get("model_cfg", {}).get("text_cfg", {})
    if "hf_model_name" in text:
        raise ModelUnavailable(f"{folder} builds its text tower from {text['hf_model_name']}, which is not known here.")
    source = f"local-dir:{folder}"
    with _Offline(folder):
        model = open_clip.create_model(source, require_pretrained=True).eval()
        tokenizer = open_clip.get_tokenizer(source)
        transform = open_clip.transform.image_transform_v2(
            open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg), False
        )
    context = int(tokenizer.context_length)

    def own_tokens(texts: Sequence[str]) -> Tokens:
        return np.asarray(tokenizer(list(texts), context_length=context).numpy(), np.int64)

    inner = getattr(tokenizer, "tokenizer", None)
    pad_id = 0 if inner is None else int(inner.pad_token_id or 0)
    backend = convert_tokenizer(tokenizer) if inner is None else backend_of(inner, folder)
    name = str(words.get("model_cfg", {}).get("vision_cfg", {}).get("timm_model_name", "ViT"))
    return _encoder(
        model,
        ("encode_image", "encode_text"),
        f"{name} (open_clip)",
        open_clip_form(model.visual.preprocess_cfg),
        lambda pixels: np.asarray(transform(_photo(pixels)).numpy(), np.float32),
        own_tokens,
        (backend, context, pad_id),
    )


def transformers_folder(folder: Path) -> Encoder:
    """A folder with `config.json` of a CLIP or a SigLIP (1, or 2 with pictures of one size), weights and tokenizer.

    Raises:
        ModelUnavailable: something is missing, or of a shape that is not known.
    """
    prepare()
    words = read_json(folder / CONFIG)
    kind = words.get("model_type")
    if "auto_map" in words:
        raise ModelUnavailable(f"{folder / CONFIG} asks to run its author's code, which is never done.")
    if kind not in KINDS:
        raise ModelUnavailable(
            f"{folder} is a model of the kind {kind!r}; known are {' and '.join(KINDS)} with pictures of one size."
        )
    transformers: Any = importlib.import_module("transformers")
    with _Offline(folder):
        model = transformers.AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=None).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    context = int(model.config.text_config.max_position_embeddings)

    def own_tokens(texts: Sequence[str]) -> Tokens:
        options = {"padding": "max_length", "max_length": context, "truncation": True, "return_tensors": "np"}
        return np.asarray(tokenizer(list(texts), padding_side="right", **options).input_ids, np.int64)

    def own_pictures(pixels: Pixels) -> Pictures:
        return np.asarray(processor(images=_photo(pixels), return_tensors="np").pixel_values[0], np.float32)

    return _encoder(
        model,
        ("get_image_features", "get_text_features"),
        f"{type(model).__name__} (transformers)",
        transformers_form(folder / PROCESSOR),
        own_pictures,
        own_tokens,
        (backend_of(tokenizer, folder), context, int(tokenizer.pad_token_id or 0)),
    )


def _encoder(
    model: Any,
    methods: tuple[str, str],
    name: str,
    form: PictureForm,
    own_pictures: Callable[[Pixels], Pictures],
    own_tokens: Callable[[Sequence[str]], Tokens],
    words: tuple[Any, int, int],
) -> Encoder:
    import torch

    model.float()
    backend, context, pad_id = words
    towers = [_tower(model, method) for method in methods]

    def run(tower: Any) -> Callable[[Any], Rows]:
        def embed(inputs: Any) -> Rows:
            with torch.no_grad():
                return np.asarray(tower(torch.from_numpy(np.ascontiguousarray(inputs))).numpy(), np.float32)

        return embed

    def write(images: ModelSpec, texts: ModelSpec, folder: Path) -> None:
        pictures = {"images": torch.rand(2, 3, *images.input_size, generator=torch.Generator().manual_seed(0))}
        tokens = {"tokens": torch.from_numpy(own_tokens(["a red dress", "blue jeans and white sneakers"]))}
        publish(towers[0], pictures, ["embeddings"], images, folder)
        publish(towers[1], tokens, ["embeddings"], texts, folder)

    return Encoder(
        name,
        form,
        carried_over(backend, own_tokens, context, pad_id),
        context,
        pad_id,
        run(towers[0]),
        run(towers[1]),
        own_pictures,
        own_tokens,
        write,
    )


def _tower(model: Any, method: str) -> Any:
    from torch import Tensor, nn

    class Tower(nn.Module):
        """One side of the pair, not normalised."""

        def __init__(self) -> None:
            super().__init__()
            self.pair = model

        def forward(self, inputs: Tensor) -> Tensor:
            """(n, …) → (n, dim)."""
            found = getattr(self.pair, method)(inputs)
            embeddings: Tensor = found if isinstance(found, Tensor) else found.pooler_output
            return embeddings

    part = model.visual if hasattr(model, "visual") else model.vision_model
    both, seeing = (sum(weights.numel() for weights in each.parameters()) for each in (model, part))
    if max(seeing, both - seeing) > MOST_PARAMETERS:
        raise ModelUnavailable(
            f"A tower of {max(seeing, both - seeing) / 1e6:.0f} million parameters is too large for an ONNX file; "
            f"take a model of at most {MOST_PARAMETERS / 1e6:.0f} million per tower."
        )
    return Tower().eval()


def _photo(pixels: Pixels) -> Any:
    from PIL import Image

    return Image.fromarray(pixels)


class _Offline:
    """While a folder is read nothing is asked of the network, and what its libraries raise becomes a plain refusal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._before = os.environ.get("HF_HUB_OFFLINE")

    def __enter__(self) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._before is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = self._before
        if isinstance(error, Exception) and not isinstance(error, (ImportError, ModelUnavailable)):
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelUnavailable(f"{self._folder} cannot be read as an encoder: {first}") from error
