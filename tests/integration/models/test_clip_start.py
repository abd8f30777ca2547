"""A training of the CLIP can begin with what a profile holds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from engine.errors import ModelUnavailable
from models.architectures.tokenizer import tokens_of
from models.manifest import load_manifest
from models.registry import STARTER, WEIGHTS
from models.runtime import RuntimeOptions, open_session
from models.train.clip.start import Towers, WeightsUnfit, fill_images, start_from
from models.train.clip.training import ClipConfig, train_clip
from models.train.embedder.cache import build_cache

SHIPPED = WEIGHTS / STARTER
pytestmark = pytest.mark.integration


def _answer(role: str, **arrays: torch.Tensor) -> torch.Tensor:
    spec = load_manifest(SHIPPED).require(role)  # type: ignore[arg-type]
    options = RuntimeOptions(runtime="onnxruntime", precision="f32", device="cpu")
    found = open_session(SHIPPED / spec.file, options).run({name: value.numpy() for name, value in arrays.items()})
    return torch.nn.functional.normalize(torch.from_numpy(found["embeddings"]))


def test_the_network_computes_what_the_profile_does(tmp_path: Path) -> None:
    """Norms that the exporter folded away are back, and both towers still give the shipped files' embeddings."""
    side = load_manifest(SHIPPED).require("semantic_image").input_size[0]
    pictures = torch.randn(6, 3, side, side, generator=torch.Generator().manual_seed(0))
    clip = start_from(SHIPPED, tmp_path, pictures).eval()
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokens = torch.from_numpy(tokens_of(tokenizer, ["navy dress", "the same in dark red"]))
    with torch.no_grad():
        images = torch.nn.functional.normalize(clip.encode_image(pictures))
        texts = torch.nn.functional.normalize(clip.encode_text(tokens))
    assert (images * _answer("semantic_image", images=pictures)).sum(1).min() > 0.999
    assert (texts * _answer("semantic_text", tokens=tokens)).sum(1).min() > 0.995  # The runtime rounds to 8 bits.


def test_training_goes_on_from_a_profile(tmp_path: Path) -> None:
    """One step from the shipped weights begins with a loss that random weights have not."""
    build_cache(tmp_path / "cache", None, outfits=4)
    first: list[dict[str, float]] = []
    config = ClipConfig(
        tmp_path / "cache", tmp_path / "a", steps=1, garments=16, repeated=6, bank=200, side=64, layers=1
    )
    for one in (config, replace(config, out=tmp_path / "b", towers=Towers(profile=SHIPPED))):
        train_clip(one, lambda _, losses: first.append(losses))
    assert first[1]["contrast"] < first[0]["contrast"]
    assert (tmp_path / "b" / "tokenizer.json").read_bytes() == (SHIPPED / "tokenizer.json").read_bytes()


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    """The message says what does not fit."""
    clip = start_from(SHIPPED, tmp_path, torch.zeros(2, 3, 64, 64))
    with pytest.raises(WeightsUnfit, match=r"no weight|is .* in the file"):
        fill_images(clip, SHIPPED / "visual.onnx", torch.zeros(2, 3, 64, 64))


def test_a_folder_without_a_clip_is_refused(tmp_path: Path) -> None:
    """A profile that lacks the towers cannot be gone on from."""
    shutil.copyfile(SHIPPED / "pose.onnx", tmp_path / "pose.onnx")
    with pytest.raises(ModelUnavailable):
        start_from(tmp_path, tmp_path, torch.zeros(2, 3, 64, 64))
