"""Embedders: order, batches, normalisation, and what they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from engine.domain import Crop
from engine.errors import ContractBroken, ModelUnavailable
from engine.seams import Calibration
from engine.vision.crops import whole
from models.manifest import ModelSpec
from models.networks.semantic import SemanticEmbedder, TextTokenizer
from models.networks.visual import UNCALIBRATED, VisualEmbedder

SPEC = ModelSpec(
    role="visual",
    file="v.onnx",
    architecture="hand",
    input_size=(8, 8),
    resize="pad_square",
    pad_value=255,
    dim=3,
    calibration={"image": Calibration(0.7, 0.1)},
)
TEXTS = ModelSpec(
    role="semantic_text",
    file="t.onnx",
    architecture="hand",
    dim=3,
    context_length=6,
    calibration={"text": Calibration(0.2, 0.05)},
)


class Colors:
    """Embeds a picture as its mean colour, times a gain; a text as its first three tokens."""

    def __init__(self, gain: float = 5.0) -> None:
        self.batches: list[int] = []
        self._gain = gain

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """(n, 3)."""
        ((name, array),) = inputs.items()
        self.batches.append(len(array))
        rows = array[:, :3] if name == "tokens" else array.mean(axis=(2, 3))
        return {"embeddings": (self._gain * rows).astype(np.float32)}


def crop(*rgb: int, height: int = 10, width: int = 10) -> Crop:
    """One colour."""
    return whole(np.full((height, width, 3), rgb, np.uint8))


def test_rows_are_unit_in_order_and_split_in_batches() -> None:
    """Seven crops of different sizes, three at a time; the gain of the model is gone."""
    session = Colors()
    crops = [crop(255, 0, 0), crop(0, 255, 0, height=40, width=40), crop(0, 0, 255), *[crop(30, 40, 0)] * 4]
    rows = VisualEmbedder(SPEC, session, "mark", batch=3).embed(crops)
    assert session.batches == [3, 3, 1]
    np.testing.assert_allclose(rows[:3], np.eye(3), atol=1e-6)
    np.testing.assert_allclose(rows[6], [0.6, 0.8, 0], atol=1e-6)
    assert rows.dtype == np.float32


def test_narrow_crops_are_padded_with_the_manifests_grey() -> None:
    """A black 10 × 5 crop covers half the input; the rest is white."""
    session = Colors(gain=1.0)
    rows = VisualEmbedder(SPEC, session, "mark")._forward([crop(0, 0, 0, height=10, width=5)])
    np.testing.assert_allclose(rows, [[0.5, 0.5, 0.5]], atol=1e-6)


def test_no_crops_and_crops_without_a_direction() -> None:
    """Nothing in, nothing out; zeros stay zeros and never become NaN."""
    embedder = VisualEmbedder(SPEC, Colors(), "mark")
    assert embedder.embed([]).shape == (0, 3)
    assert embedder.embed([crop(0, 0, 0)]).tolist() == [[0, 0, 0]]


def test_wrong_shapes_and_nan_never_leave() -> None:
    """An index once poisoned cannot be told from a good one."""
    with pytest.raises(ContractBroken, match="not 1 embeddings of 4"):
        VisualEmbedder(replace(SPEC, dim=4), Colors(), "mark").embed([crop(1, 2, 3)])
    with pytest.raises(ContractBroken, match="not numbers"):
        VisualEmbedder(SPEC, Colors(float("nan")), "mark").embed([crop(1, 2, 3)])
    with pytest.raises(ContractBroken, match="dim"):
        VisualEmbedder(replace(SPEC, dim=None), Colors(), "mark")


def test_calibrations_come_from_the_manifest() -> None:
    """Images and texts each have their own; unmeasured models get a neutral one."""
    images = VisualEmbedder(SPEC, Colors(), "mark")
    both = SemanticEmbedder(images, TEXTS, Colors(), tokenizer())
    assert both.calibration == Calibration(0.7, 0.1)
    assert both.text_calibration == Calibration(0.2, 0.05)
    assert (both.fingerprint, both.dim) == ("mark", 3)
    assert VisualEmbedder(replace(SPEC, calibration={}), Colors(), "mark").calibration == UNCALIBRATED


def tokenizer(context_length: int = 6) -> TextTokenizer:
    """Words of a small vocabulary between <start> 1 and <end> 2."""
    words = {"<pad>": 0, "<start>": 1, "<end>": 2, "<unk>": 3, "red": 4, "dress": 5, "long": 6}
    plain = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    plain.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)]
    )
    return TextTokenizer(plain, context_length)


def test_texts_are_padded_and_cut_before_their_end_token() -> None:
    """A text of ten thousand words keeps its start and its end token."""
    tokens = tokenizer()(["red dress", "", "long " * 10_000])
    assert tokens.tolist() == [[1, 4, 5, 2, 0, 0], [1, 2, 0, 0, 0, 0], [1, 6, 6, 6, 6, 2]]
    assert tokens.dtype == np.int64


def test_texts_are_embedded_in_batches_with_unit_norm() -> None:
    """Same rules as for crops."""
    session = Colors()
    embedder = SemanticEmbedder(VisualEmbedder(SPEC, Colors(), "mark"), TEXTS, session, tokenizer(), batch=2)
    rows = embedder.embed_texts(["red dress", "red dress", "long"])
    assert session.batches == [2, 1]
    np.testing.assert_allclose(rows[0], np.array([1, 4, 5]) / np.sqrt(42), rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)


def test_towers_of_different_clips_are_refused() -> None:
    """Cosines between two spaces mean nothing."""
    with pytest.raises(ContractBroken, match="do not belong together"):
        SemanticEmbedder(VisualEmbedder(SPEC, Colors(), "mark"), replace(TEXTS, dim=4), Colors(), tokenizer())


def test_a_missing_or_broken_tokenizer_says_what_to_do(tmp_path: Any) -> None:
    """No bare exception of the library."""
    (tmp_path / "broken.json").write_text("{}")
    for name in ("absent.json", "broken.json"):
        with pytest.raises(ModelUnavailable, match="Export the text model again"):
            TextTokenizer.load(tmp_path / name, 6)
