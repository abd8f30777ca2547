"""The part that tells kinds is fitted anew, and nothing else of the model moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.errors import InputRejected
from engine.seams import Calibration
from models.architectures.semantic import CLASSES, JOINT, KINDS, build_semantic
from models.export.onnx_file import export_module
from models.manifest import load_manifest
from models.registry import STARTER, WEIGHTS
from models.runtime import RuntimeOptions, open_session
from models.train.clip.finish import Measured
from models.train.clip.kind_layer import fit_kinds, train_kinds
from models.train.clip.kind_views import SHARES, KindView, close_up, kind_views, labelled
from models.train.clip.kinds import NAMES, any_of
from models.train.clip.start import Begun, fill_images
from models.train.data.crops import CropRecord, read_cache, write_cache
from models.train.embedder.cache import build_cache

SHIPPED = WEIGHTS / STARTER


def _view(kinds: Sequence[str], share: float, seed: int = 0) -> KindView:
    """Twelve pictures of each kind, in features of which every kind has its own."""
    rng = np.random.default_rng(seed)
    at = np.repeat([NAMES.index(kind) for kind in kinds], 12)
    features = (0.3 * rng.normal(size=(len(at), len(NAMES)))).astype(np.float32)
    features[np.arange(len(at)), at] += 3
    return KindView(torch.from_numpy(features), torch.from_numpy(np.eye(len(NAMES), dtype=bool)[at]), share)


def test_kinds_are_learned_from_features() -> None:
    """New pictures of three kinds are told apart."""
    kinds = ("jeans", "dress", "boots")
    head, new = fit_kinds([_view(kinds, 1.0)], epochs=150), _view(kinds, 1.0, seed=1)
    assert (head(new.features).argmax(1) == new.right.int().argmax(1)).float().mean() > 0.9


def test_views_count_by_their_share() -> None:
    """Of two labels for the same features the one of the heavier view is believed."""
    heavy = _view(["jeans"], 1.0)
    light = KindView(heavy.features, _view(["skirt"], 1.0).right, 0.1)
    told = fit_kinds([heavy, light], epochs=150)(heavy.features).mean(0)
    assert told[NAMES.index("jeans")] > told[NAMES.index("skirt")] + 1


def test_rows_of_a_loss_count_by_their_share() -> None:
    """The mean of two rows' losses, weighted; a row that names no kind has no part in it."""
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    right = torch.tensor([[True, False], [True, False], [False, False]])
    first, second = (any_of(logits[i : i + 1], right[i : i + 1]) for i in range(2))
    found = any_of(logits, right, torch.tensor([3.0, 1.0, 9.0]))
    assert torch.isclose(found, (3 * first + second) / 4)


def test_close_ups_show_the_garment() -> None:
    """Windows lie on the garment in the corner, not on the empty rest, and differ."""
    crop = np.full((80, 80, 4), 255, np.uint8)
    crop[..., 3] = 0
    crop[:45, :45] = (200, 30, 40, 255)
    rng = np.random.default_rng(0)
    pictures = [close_up(crop, 32, rng) for _ in range(12)]
    assert all(picture.shape == (32, 32, 3) for picture in pictures)
    assert np.mean([(picture[..., 1] < 100).mean() for picture in pictures]) > 0.55
    assert len({picture.tobytes() for picture in pictures}) > 1


def test_a_crop_without_a_garment_is_shown_whole() -> None:
    """Outlines of a few pixels are gone once a crop is resized; one of them must not end a training."""
    crop = np.zeros((80, 80, 4), np.uint8)
    assert close_up(crop, 32, np.random.default_rng(0)).shape == (32, 32, 3)


def test_labelled_photos_of_the_training_split_are_learned_from() -> None:
    """Drawn crops, held-out ones and those that a segmenter cut are not."""
    one = CropRecord("ccp", "train", "a", "a", "dress", "dress", "street", ())
    others = [replace(one, source="studio"), replace(one, split="val"), replace(one, cut="served")]
    assert labelled([*others, one]).tolist() == [3]


@pytest.mark.parametrize("split", ["val", "train"])
def test_a_folder_that_does_not_fit_is_refused(tmp_path: Path, split: str) -> None:
    """Without labelled crops, and with features of other crops or of another network, the message says what to do."""
    record = CropRecord("ccp", split, "a", "a", "dress", "dress", "street", ())
    for name in SHARES:
        parts = {"features": np.zeros((1, 3)), "classes": np.zeros((1, CLASSES)), "made_of": "another network"}
        np.savez(tmp_path / f"kinds_{name}.npz", **parts)  # type: ignore[arg-type]
    begun = Begun(build_semantic(20, 1), None)  # type: ignore[arg-type]
    with pytest.raises(InputRejected, match="--data" if split == "val" else "--out"):
        kind_views(begun, [record], np.zeros((1, 8, 8, 4), np.uint8), tmp_path)


def test_a_linear_layer_of_before_is_taken_over(tmp_path: Path) -> None:
    """A profile whose kinds are told by a linear layer alone goes on as it is, the perceptron adding nothing."""
    clip = build_semantic(20, 1)
    before, head = torch.nn.Linear(clip.visual.kinds.straight.in_features, KINDS), clip.visual.kinds
    clip.visual.kinds = before
    export_module(clip.visual.eval(), {"images": torch.randn(2, 3, 64, 64)}, ["embeddings"], tmp_path / "x.onnx")
    clip.visual.kinds = head
    fill_images(clip, tmp_path / "x.onnx")
    features = torch.randn(3, before.in_features)
    assert torch.allclose(clip.visual.kinds.eval()(features), before(features), atol=1e-5)


def _photos(folder: Path) -> Path:
    """A cache of drawn garments, of which those to be learned from pass for photographs."""
    build_cache(folder / "drawn", None, outfits=3)
    records, crops = read_cache(folder / "drawn")
    named = [replace(record, source="ccp") if record.split == "train" else record for record in records]
    write_cache(folder / "cache", zip(named, map(np.asarray, crops), strict=True))
    return folder / "cache"


def _embeddings(profile: Path, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    options = RuntimeOptions(runtime="onnxruntime", precision="f32", device="cpu")
    return open_session(profile / "semantic_image.onnx", options).run({"images": pictures})["embeddings"]


@pytest.mark.integration
def test_only_the_kinds_of_a_profile_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text tower is the same file; of a picture all but its kinds stays; the manifest knows the new file.

    Figures want more held-out crops than a few drawn ones, so they are made up.
    """
    by_image, by_text = Calibration(0.4, 0.1), Calibration(0.2, 0.03)
    measured = Measured({"text_to_image": {}}, by_image, by_text)
    monkeypatch.setattr("models.train.clip.kind_layer.measure_clip", lambda *_: measured)
    figures = train_kinds(SHIPPED, _photos(tmp_path), tmp_path / "out", tmp_path / "profile")
    for name in ("semantic_text.onnx", "tokenizer.json"):
        assert (tmp_path / "profile" / name).read_bytes() == (SHIPPED / name).read_bytes()
    pictures = np.random.default_rng(0).normal(size=(3, 3, 208, 208)).astype(np.float32)
    before, after = (_embeddings(profile, pictures) for profile in (SHIPPED, tmp_path / "profile"))
    kept = np.r_[0:JOINT, JOINT + KINDS : JOINT + KINDS + CLASSES]
    assert np.abs(before[:, kept] - after[:, kept]).max() < 0.01
    assert np.abs(before - after).max() > 0.05
    manifest = load_manifest(tmp_path / "profile")
    assert manifest.require("semantic_text").calibration == {"image": by_image, "text": by_text}
    assert manifest.fingerprints["semantic_image"] == figures["fingerprints"]["semantic_image"]
    assert manifest.fingerprints["semantic_image"] != load_manifest(SHIPPED).fingerprints["semantic_image"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.npz")) == [f"kinds_{n}.npz" for n in sorted(SHARES)]
    train_kinds(
        tmp_path / "profile", tmp_path / "cache", tmp_path / "out"
    )  # Same network, so features are found again.
