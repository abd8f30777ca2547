"""Training on a few generated garments lowers the loss, and goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.seams import Calibration
from models.architectures.semantic import CLASS_WEIGHT, DIM, GROUPS, KIND_WEIGHT
from models.architectures.torchvision_cpu import prepare
from models.export.semantic import export_semantic
from models.manifest import load_manifest
from models.runtime import RuntimeOptions, open_session
from models.train.embedder.cache import TEACHER, build_cache
from models.train.embedder.teacher import LITE2_FILE
from models.train.embedder.training import EmbedderConfig, train_embedder
from models.train.imagenet import TRUNK
from models.train.smoke import smoke_clip, smoke_embedder

pytestmark = pytest.mark.integration


def test_the_embedder_learns(tmp_path: Path) -> None:
    """A few steps on generated garments lower the loss clearly."""
    result = smoke_embedder(tmp_path)
    assert result.last < 0.9 * result.first


def test_the_clip_learns_and_is_exported(tmp_path: Path) -> None:
    """A few steps lower the loss; the towers go to ONNX, faithful to torch, and into the manifest."""
    result = smoke_clip(tmp_path)
    assert result.last < 0.9 * result.first
    checkpoint, profile = tmp_path / "clip" / "last.pt", tmp_path / "profile"
    profile.mkdir()
    export_semantic(checkpoint, profile, Calibration(0.5, 0.1), Calibration(0.3, 0.1), side=64)
    manifest = load_manifest(profile)
    assert manifest.require("semantic_image").dim == manifest.require("semantic_text").dim == DIM
    assert manifest.require("semantic_text").context_length == 32
    options = RuntimeOptions(device="cpu", precision="f32")
    for count in (1, 3):
        tokens = {"tokens": np.ones((count, 32), np.int64)}
        assert open_session(profile / "semantic_text.onnx", options).run(tokens)["embeddings"].shape == (count, DIM)
        pictures = {"images": np.random.default_rng(count).normal(size=(count, 3, 64, 64)).astype(np.float32)}
        rows = open_session(profile / "semantic_image.onnx", options).run(pictures)["embeddings"]
        assert np.allclose((rows**2).sum(1), 1 + KIND_WEIGHT + CLASS_WEIGHT, atol=1e-3)  # All rows of one length.


def test_an_imagenet_network_teaches_by_its_depths(tmp_path: Path) -> None:
    """Where its file lies beside the data, each crop's target is four depths of it, each of unit length."""
    prepare()
    import timm

    file = tmp_path / "data" / "weights" / LITE2_FILE
    file.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(timm.create_model(TRUNK, pretrained=False).state_dict(), file)
    count = build_cache(tmp_path / "cache", tmp_path / "data", outfits=1)
    targets = np.load(tmp_path / "cache" / TEACHER)
    assert targets.shape == (count, sum(GROUPS))
    for depth in np.split(targets, np.cumsum(GROUPS)[:-1], axis=1):
        assert np.allclose(np.linalg.norm(depth, axis=1), 1, atol=1e-4)


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    """Four steps, or two and then two more from the checkpoint, see the same batches and end alike."""
    build_cache(tmp_path / "cache", None, outfits=3)

    def run(out: str, steps: int) -> dict[str, torch.Tensor]:
        config = EmbedderConfig(
            tmp_path / "cache", tmp_path / out, steps=steps, identities=4, growth=((0.0, 32),), warm_up=0.0, rate=0.0
        )
        state = torch.load(train_embedder(config), weights_only=True)
        return {"rng": state["rng"], **state["average"]}

    whole = run("whole", 4)
    run("halves", 2)
    halves = run("halves", 4)
    assert whole["rng"] == halves["rng"]
    name = "features.conv0.weight"
    assert np.allclose(whole[name], halves[name], atol=1e-6)
