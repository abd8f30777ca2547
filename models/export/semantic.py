"""The CLIP's way out: one checkpoint → an image tower, a text tower and the tokenizer, registered in the manifest."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.seams import Calibration
from engine.vision.kinds import LearntKinds
from models.export.onnx_file import check_parity, export_module, store_half, store_int8
from models.manifest import ModelSpec, register

IMAGE_FILE, TEXT_FILE, TOKENIZER_FILE = "semantic_image.onnx", "semantic_text.onnx", "tokenizer.json"
TOLERANCE = 0.02
"""Of the outputs' range: what rounding weights to 11 bits may change."""
TEXT_TOLERANCE = 0.08
"""The same for a text tower whose weights are rounded to 8 bits."""


def load_clip(checkpoint: Path) -> tuple[Any, Any]:
    """The averaged network of a checkpoint, and the tokenizer that lies beside it."""
    import torch
    from tokenizers import Tokenizer

    from models.architectures.semantic import build_semantic

    tokenizer = Tokenizer.from_file(str(checkpoint.with_name(TOKENIZER_FILE)))
    state = torch.load(checkpoint, weights_only=True)["average"]
    layers = len({name.split(".")[3] for name in state if name.startswith("text.encoder.layers.")})
    clip = build_semantic(tokenizer.get_vocab_size(), layers)
    clip.load_state_dict(state)
    return clip.eval(), tokenizer


def export_semantic(
    checkpoint: Path,
    folder: Path,
    image_calibration: Calibration,
    text_calibration: Calibration,
    *,
    side: int = 208,
    kinds: LearntKinds | None = None,
    notes: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Write both towers (`images` or `tokens` → `embeddings` (n, DIM)) and register them.

    Returns:
        the fingerprints by role.
    """
    import torch

    from models.architectures.semantic import DIM, MEAN, STD
    from models.architectures.tokenizer import CONTEXT_LENGTH, tokens_of

    clip, tokenizer = load_clip(checkpoint)
    shutil.copyfile(checkpoint.with_name(TOKENIZER_FILE), folder / TOKENIZER_FILE)
    texts = {"tokens": torch.from_numpy(tokens_of(tokenizer, ["navy dress", "the same coat but in dark red please"]))}
    write_images(clip.visual, folder, side)
    _write(clip.text, texts, folder / TEXT_FILE, TEXT_TOLERANCE)
    calibration = {"image": image_calibration, "text": text_calibration}
    image = ModelSpec(
        role="semantic_image",
        file=IMAGE_FILE,
        architecture="open_clip, tf_efficientnet_lite2 at four depths, kinds",
        input_size=(side, side),
        mean=MEAN,
        std=STD,
        resize="pad_square",
        pad_value=255,
        dim=DIM,
        calibration=calibration,
        kinds=kinds,
        notes=dict(notes or {}),
    )
    text = ModelSpec(
        role="semantic_text",
        file=TEXT_FILE,
        architecture="MiniLM sentence encoder, 6 layers of 384",
        dim=DIM,
        calibration=calibration,
        context_length=CONTEXT_LENGTH,
        tokenizer=TOKENIZER_FILE,
    )
    return {"semantic_image": register(folder, image), "semantic_text": register(folder, text)}


def write_images(tower: Any, folder: Path, side: int = 208) -> None:
    """Write the image tower, `images` → `embeddings` (n, DIM)."""
    import torch

    pictures = {"images": torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))}
    _write(tower, pictures, folder / IMAGE_FILE, TOLERANCE)


def _write(tower: Any, sample: Mapping[str, Any], path: Path, tolerance: float) -> None:
    export_module(tower, sample, ["embeddings"], path, {"role": path.stem})
    store_int8(path)
    store_half(path)
    check_parity(tower, path, sample, tolerance)
