"""A profile from its folder to working models, and every way in which that is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelMismatch, ModelUnavailable
from engine.taxonomy import load_taxonomy
from engine.vision.crops import cut
from engine.vision.pipeline import VisionPipeline
from models.manifest import load_manifest, register
from models.registry import load_models, profile_folder, profiles
from models.runtime import RuntimeOptions
from tests.fixtures.tiny_models import write_tiny_profile


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a profile named tiny."""
    write_tiny_profile(tmp_path / "models" / "tiny")
    return tmp_path


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_loaded_profile_sees_embeds_and_reads(home: Path, runtime: str) -> None:
    """All five models of the hand-made profile work together, in both runtimes."""
    models = load_models("tiny", home=home, options=RuntimeOptions(runtime=runtime, threads=1))  # type: ignore[arg-type]
    pipeline = VisionPipeline(
        models.segmenter, models.pose, models.visual, models.semantic, models.semantic, load_taxonomy()
    )
    image = np.full((640, 640, 3), 255, np.uint8)
    image[:320] = (255, 0, 0)
    garments = pipeline.garments(image)
    assert [(g.label, g.supercategory, g.box) for g in garments] == [
        ("upper_wear", "upper_wear", (200, 100, 440, 300)),
        ("lower_wear", "lower_wear", (200, 310, 440, 570)),
    ]
    gate = pipeline.gate(image)
    assert (gate.people, gate.view, gate.full_shot, gate.keep) == (1, "front", True, True)
    crops = [cut(image, garment) for garment in garments]
    assert models.visual.embed(crops).shape == (2, 48)
    red, green = models.semantic.embed_texts(["a red shirt", "green"])
    cosines = models.semantic.embed(crops) @ np.array([red, green]).T
    assert cosines[0, 0] > 0.5 > cosines[0, 1]


def test_fingerprints_are_those_of_the_manifest(home: Path) -> None:
    """What collections are labelled with is what was registered."""
    models = load_models("tiny", home=home)
    marks = load_manifest(home / "models" / "tiny").fingerprints
    assert models.visual.fingerprint == marks["visual"]
    assert models.semantic.fingerprint == marks["semantic_image"]
    assert models.segmenter.fingerprint == marks["segmenter"]
    assert models.pose.fingerprint == marks["pose"]


def test_changed_files_and_changed_preprocessing_are_refused(home: Path) -> None:
    """Neither swapped weights nor an edited manifest is served under the old name."""
    folder = home / "models" / "tiny"
    whole = (folder / "visual.onnx").read_bytes()
    (folder / "visual.onnx").write_bytes(whole + b" ")
    with pytest.raises(ModelMismatch, match=r"visual model .* is not the one that was registered"):
        load_models("tiny", home=home)
    (folder / "visual.onnx").write_bytes(whole)
    data = json.loads((folder / "manifest.json").read_text())
    data["models"]["visual"]["pad_value"] = 0
    (folder / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(ModelMismatch):
        load_models("tiny", home=home)


def test_missing_files_roles_and_profiles_are_named(home: Path) -> None:
    """Each message says which, and what to do."""
    folder = home / "models" / "tiny"
    with pytest.raises(ModelUnavailable, match="thatlook models"):
        load_models("absent", home=home)
    with pytest.raises(ModelUnavailable, match="plain word"):
        load_models("../tiny", home=home)
    texts = load_manifest(folder).require("semantic_text")
    register(folder, replace(texts, context_length=None))
    with pytest.raises(ModelUnavailable, match="names no tokenizer or context"):
        load_models("tiny", home=home)
    (folder / "pose.onnx").unlink()
    with pytest.raises(ModelUnavailable, match=r"pose\.onnx cannot be read"):
        load_models("tiny", home=home)
    data = json.loads((folder / "manifest.json").read_text())
    del data["models"]["pose"]
    (folder / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(ModelUnavailable, match="no pose model"):
        load_models("tiny", home=home)


def test_models_that_no_runtime_reads_fail_at_once_or_when_asked(home: Path) -> None:
    """A registered file that is no model: seen at loading where one asks for that, at the first call otherwise."""
    folder = home / "models" / "tiny"
    (folder / "pose.onnx").write_bytes(b"nothing")
    register(folder, load_manifest(folder).require("pose"))
    models = load_models("tiny", home=home)
    with pytest.raises(ModelUnavailable, match=r"pose\.onnx"):
        models.pose.estimate(np.zeros((64, 64, 3), np.uint8), [(0, 0, 64, 64)])
    with pytest.raises(ModelUnavailable, match=r"pose\.onnx"):
        load_models("tiny", home=home, lazy=False)


def test_profiles_are_listed(home: Path) -> None:
    """Folders without a manifest are none; starter lies in the package."""
    (home / "models" / "half").mkdir()
    assert [name for name in profiles(home) if name != "starter"] == ["tiny"]
    assert profile_folder("starter", home).parent.name == "weights"
    assert profile_folder("tiny", home) == home / "models" / "tiny"
