"""The manifest: what a profile says of its models, and the fingerprint that names a model."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ModelUnavailable
from engine.seams import Calibration
from models.manifest import ROLES, ModelSpec, fingerprint, load_manifest, register

SPEC = ModelSpec(
    role="visual",
    file="visual.onnx",
    architecture="densenet121",
    input_size=(160, 128),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    resize="pad_square",
    pad_value=255,
    dim=1024,
    calibration={"image": Calibration(0.8, 0.05)},
    extra={"pool": 2},
    notes={"trained_on": ["ccp"]},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "tiny"
    place.mkdir()
    (place / "visual.onnx").write_bytes(b"weights")
    (place / "tokenizer.json").write_bytes(b"{}")
    return place


def test_a_registered_spec_comes_back_as_it_was(folder: Path) -> None:
    """Tuples, nested calibrations and free-form fields survive the JSON."""
    mark = register(folder, SPEC)
    manifest = load_manifest(folder)
    assert manifest.profile == "tiny"
    assert manifest.require("visual") == SPEC
    assert manifest.fingerprints == {"visual": mark}


def test_registering_again_replaces_only_that_role(folder: Path) -> None:
    """Two exporters share a folder; neither loses the other's entry."""
    register(folder, SPEC)
    register(folder, replace(SPEC, role="pose", dim=None))
    register(folder, replace(SPEC, dim=7))
    manifest = load_manifest(folder)
    assert [(role, spec.dim) for role, spec in manifest.models.items()] == [("pose", None), ("visual", 7)]


def test_concurrent_registrations_all_stay(folder: Path) -> None:
    """The read-change-write of the manifest is locked."""
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda role: register(folder, replace(SPEC, role=role)), ROLES))
    assert tuple(load_manifest(folder).models) == ROLES


@pytest.mark.parametrize(
    "change",
    [{"pad_value": 0}, {"input_size": (128, 160)}, {"std": (1.0, 1.0, 1.0)}, {"extra": {"pool": 3}}],
)
def test_preprocessing_changes_the_fingerprint(folder: Path, change: dict[str, object]) -> None:
    """The same weights on differently prepared pictures give other embeddings."""
    assert fingerprint(folder, replace(SPEC, **change)) != fingerprint(folder, SPEC)  # type: ignore[arg-type]


def test_words_about_the_model_do_not_change_the_fingerprint(folder: Path) -> None:
    """A better model card or calibration must not force a re-embedding."""
    spoken = replace(SPEC, notes={}, architecture="DenseNet", calibration={"image": Calibration(0.5, 0.1)})
    assert fingerprint(folder, spoken) == fingerprint(folder, SPEC)


def test_the_files_bytes_change_the_fingerprint(folder: Path) -> None:
    """Model and tokenizer both count."""
    texts = replace(SPEC, tokenizer="tokenizer.json")
    before = fingerprint(folder, texts)
    (folder / "tokenizer.json").write_bytes(b"{ }")
    after_tokenizer = fingerprint(folder, texts)
    (folder / "visual.onnx").write_bytes(b"other")
    assert len({before, after_tokenizer, fingerprint(folder, texts)}) == 3


def test_missing_and_broken_manifests_say_what_to_do(folder: Path) -> None:
    """Every way to have no usable profile is a ModelUnavailable with advice."""
    with pytest.raises(ModelUnavailable, match="thatlook models"):
        load_manifest(folder)
    with pytest.raises(ModelUnavailable, match=r"absent\.onnx cannot be read"):
        register(folder, replace(SPEC, file="absent.onnx"))
    with pytest.raises(ModelUnavailable, match="plain file name"):
        register(folder, replace(SPEC, file="../visual.onnx"))
    (folder / "manifest.json").write_text('{"profile": "x", "models": {"visual": {"role": "nose"}}}')
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        load_manifest(folder)
    register_after = {"profile": "x", "models": {"pose": {"role": "visual", "file": "a", "architecture": "b"}}}
    (folder / "manifest.json").write_text(json.dumps(register_after))
    with pytest.raises(ModelUnavailable, match="under pose"):
        load_manifest(folder)


def test_a_role_that_is_not_there_is_named(folder: Path) -> None:
    """The message tells what the profile does have."""
    register(folder, SPEC)
    with pytest.raises(ModelUnavailable, match=r"no pose model \(it has visual\)"):
        load_manifest(folder).require("pose")
