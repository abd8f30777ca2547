"""What a training of the CLIP may begin with, and what it says where that is not there."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
import torch

from engine.errors import ModelUnavailable
from models.architectures.sentence import CONTEXT_LENGTH, WIDTH, SentenceEncoder, from_bert
from models.train.clip.start import Towers, WeightsUnfit, _found
from models.train.embedding_commands import _towers
from models.train.imagenet import TRUNK, lite2


def test_what_init_names(tmp_path: Path) -> None:
    """A folder is a profile to go on from, a file holds the image tower, and timm's name lets timm fetch it."""
    file = tmp_path / "lite2.pt"
    file.touch()
    assert _towers(None, None) is None
    assert _towers(str(tmp_path), None) == Towers(profile=tmp_path)
    assert _towers(str(file), tmp_path) == Towers(images=file, sentences=tmp_path)
    assert _towers(TRUNK, None) == Towers()


def test_what_init_cannot_name(tmp_path: Path) -> None:
    """A path that is not there, and a sentence model without an image tower."""
    with pytest.raises(click.BadParameter, match="no folder or file"):
        _towers(str(tmp_path / "missing"), None)
    with pytest.raises(click.UsageError, match="goes with --init"):
        _towers(None, tmp_path)


@pytest.mark.integration  # It takes seconds.
def test_files_that_are_not_there_or_of_another_network_are_named(tmp_path: Path) -> None:
    """The message says which file is meant."""
    with pytest.raises(ModelUnavailable, match=r"no model\.safetensors in"):
        _found(tmp_path, "model.safetensors")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(WeightsUnfit, match="not timm's tf_efficientnet_lite2"):
        lite2(tmp_path / "other.pt")


def test_a_bert_is_read_under_our_names() -> None:
    """Every weight finds its place, and the first sentence's type is added to the places."""
    torch.manual_seed(0)
    encoder = SentenceEncoder(20, layers=1).eval()
    ours, names = encoder.state_dict(), {"query": "attention.self.query", "out_norm": "attention.output.LayerNorm"}
    names |= {"key": "attention.self.key", "value": "attention.self.value", "out": "attention.output.dense"}
    names |= {"up": "intermediate.dense", "down": "output.dense", "norm": "output.LayerNorm"}
    state = {
        "embeddings.word_embeddings.weight": ours["words.weight"],
        "embeddings.position_embeddings.weight": torch.cat([ours["places"] - 1, torch.zeros(480, WIDTH)]),
        "embeddings.token_type_embeddings.weight": torch.ones(2, WIDTH),
        "embeddings.LayerNorm.weight": ours["norm.weight"],
        "embeddings.LayerNorm.bias": ours["norm.bias"],
    }
    for name, value in ours.items():
        if name.startswith("layers.0."):
            module, kind = name.removeprefix("layers.0.").split(".")
            state[f"encoder.layer.0.{names[module]}.{kind}"] = value
    assert all(value.allclose(ours[name], atol=1e-6) for name, value in from_bert(state).items())
    assert set(from_bert(state)) == set(ours)
    assert ours["places"].shape == (CONTEXT_LENGTH, WIDTH)


def test_padding_does_not_change_a_sentence() -> None:
    """What stands behind the end is not read, and every sentence has unit length."""
    torch.manual_seed(0)
    encoder = SentenceEncoder(20, layers=2).eval()
    with torch.no_grad():
        short = encoder(torch.tensor([[3, 5, 7]]))
        padded = encoder(torch.tensor([[3, 5, 7, 0, 0, 0]]))
        other = encoder(torch.tensor([[3, 5, 9]]))
    assert short.allclose(padded, atol=1e-5)
    assert not short.allclose(other, atol=1e-2)
    assert short.norm() == pytest.approx(1, abs=1e-5)
