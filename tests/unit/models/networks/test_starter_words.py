"""What the shipped text tower makes of words: other names of a kind lie near its plain one."""

from __future__ import annotations

import numpy as np
import pytest

from engine.domain import Embeddings
from models.networks.semantic import SemanticEmbedder
from models.registry import STARTER, WEIGHTS, load_folder
from models.runtime import RuntimeOptions

PLAIN = ("sneakers", "sweater", "trousers", "dress", "shorts", "jacket", "sandals", "boots", "shirt", "skirt")


@pytest.fixture(scope="module")
def texts() -> SemanticEmbedder:
    options = RuntimeOptions(runtime="onnxruntime", precision="f32", device="cpu")
    return load_folder(WEIGHTS / STARTER, options=options).semantic


@pytest.fixture(scope="module")
def plain(texts: SemanticEmbedder) -> Embeddings:
    return texts.embed_texts(PLAIN)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("trainers", "sneakers"),
        ("jumper", "sweater"),
        ("chinos", "trousers"),
        ("LBD", "dress"),
        ("flip flops", "sandals"),
        ("windbreaker", "jacket"),
        ("evening wear gown", "dress"),  # In no caption.
    ],
)
def test_other_words_for_a_kind_lie_nearest_to_it(
    texts: SemanticEmbedder, plain: Embeddings, word: str, kind: str
) -> None:
    """Of ten plain words the right one is the nearest, in any case of letters."""
    written, shouted = texts.embed_texts([word, word.upper()])
    assert PLAIN[int(np.argmax(plain @ written))] == kind
    assert np.allclose(written, shouted, atol=1e-5)
