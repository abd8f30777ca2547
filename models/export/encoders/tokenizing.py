"""A source's tokenizer as a `tokenizers` JSON: taken over, and held against the source sentence by sentence."""

from __future__ import annotations

import importlib
import string
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, normalizers, processors

from engine.errors import ModelUnavailable
from models.export.encoders.encoder import Tokens
from models.networks.semantic import TextTokenizer

SENTENCES = (
    "a long red dress", "Blue   JEANS, size 32/34!!", "it's mom's t-shirt & we'll go", "café Größe 42, naïve",
    "navy_blue chinos", "black leather boots with a side zip", "long " * 200, "", "платье в горошек", "1234 5.99€",
)  # fmt: skip
"""Contractions, digits, accents, punctuation, white space, long and empty texts, another script."""
_SPACES = normalizers.Replace(Regex(r"\s+"), " ")


def carried_over(
    backend: Tokenizer, own: Callable[[Sequence[str]], Tokens], context_length: int, pad_id: int
) -> Tokenizer:
    """The source's tokenizer with what its library does to a text before, where it does something.

    Raises:
        ModelUnavailable: none of the known ways gives what the source gives.
    """
    wanted = own(SENTENCES)
    for candidate in _candidates(backend):
        if np.array_equal(TextTokenizer(bare(candidate), context_length, pad_id)(SENTENCES), wanted):
            return candidate
    raise ModelUnavailable(
        "The encoder's tokenizer prepares texts in a way that cannot be taken over: its tokens differ from the "
        "source's. Bring the encoder as an ONNX pair with a tokenizer.json that does everything (--tokenizer)."
    )


def backend_of(tokenizer: Any, folder: Path) -> Tokenizer:
    """The `tokenizers` object of a tokenizer of transformers, made from its SentencePiece file where it has none.

    Raises:
        ModelUnavailable: it is of a kind that cannot be made one.
    """
    if getattr(tokenizer, "is_fast", False):
        return bare(tokenizer.backend_tokenizer)
    vocabulary = Path(str(getattr(tokenizer, "vocab_file", "") or folder / "spiece.model"))
    if not vocabulary.is_file():
        raise ModelUnavailable(f"{folder} has no tokenizer.json and no SentencePiece file to make one from.")
    return sentencepiece_tokenizer(vocabulary)


def sentencepiece_tokenizer(path: Path) -> Tokenizer:
    """A SentencePiece file (`spiece.model`, `tokenizer.model`) as a tokenizer that ends each text with its end token.

    T5's kind (unigram) and Gemma's (BPE with bytes) alike.

    Raises:
        ModelUnavailable: it is no such file, has no end token, or gives other pieces than SentencePiece itself.
    """
    import sentencepiece

    converters: Any = importlib.import_module("transformers.convert_slow_tokenizer")
    forms: Any = importlib.import_module("sentencepiece.sentencepiece_model_pb2")
    model = forms.ModelProto()
    try:
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
        model.ParseFromString(path.read_bytes())
    except Exception as error:  # The libraries raise OSError, RuntimeError and DecodeError of protobuf.
        raise ModelUnavailable(f"{path} is no SentencePiece file.") from error
    end = int(pieces.eos_id())
    if end < 0:
        raise ModelUnavailable(f"The SentencePiece file {path} has no end token.")
    listed = [(piece.piece, piece.score) for piece in model.pieces]
    unigram = model.trainer_spec.model_type == 1
    vocabulary = listed if unigram else {piece: number for number, (piece, _) in enumerate(listed)}
    tokenizer: Tokenizer = converters.SpmConverter.build_tokenizer_from_spm_proto(model, vocabulary)
    for text in SENTENCES:
        if tokenizer.encode(text).ids != list(pieces.encode(text)):
            raise ModelUnavailable(f"The SentencePiece file {path} cannot be taken over: {text!r} has other pieces.")
    word = pieces.id_to_piece(end)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {word}", special_tokens=[(word, end)])
    return tokenizer


def canonical(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer behind what SigLIP was trained with: lower case, no punctuation, single spaces."""
    return _behind(tokenizer, _canonical())


def bare(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that neither pads nor cuts."""
    fresh = Tokenizer.from_str(tokenizer.to_str())
    fresh.no_padding()
    fresh.no_truncation()
    return fresh


def _candidates(backend: Tokenizer) -> Iterator[Tokenizer]:
    """As it is; with single spaces, in lower case, or both; and the two ways in which SigLIP is read."""
    yield bare(backend)
    lower, spaces = [normalizers.Lowercase()], [_SPACES, normalizers.Strip()]
    for steps in (spaces, lower, [*lower, *spaces], _canonical(), _canonical(underscore="")):
        yield _behind(backend, steps)


def _behind(tokenizer: Tokenizer, steps: Sequence[Any]) -> Tokenizer:
    changed = bare(tokenizer)
    own = [changed.normalizer] if changed.normalizer else []
    changed.normalizer = normalizers.Sequence([*steps, *own])
    return changed


def _canonical(underscore: str = " ") -> list[Any]:
    """open_clip makes spaces of underscores, transformers leaves them out."""
    marks = "".join(f"\\{mark}" for mark in string.punctuation if mark != "_")
    return [
        normalizers.Replace("_", underscore),
        normalizers.Replace(Regex(f"[{marks}]"), ""),
        normalizers.Lowercase(),
        _SPACES,
        normalizers.Strip(),
    ]
