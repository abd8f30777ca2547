"""CLIP: garment crops and texts in one space.

Source: Radford et al. 2021, arXiv:2103.00020.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from engine.domain import Crop, Embeddings
from engine.errors import ContractBroken, ModelUnavailable
from engine.seams import Calibration
from models.manifest import ModelSpec
from models.networks.preprocess import unit_rows
from models.networks.visual import BATCH, UNCALIBRATED, VisualEmbedder, checked, required_dim
from models.runtime import Session


class SemanticEmbedder:
    """Both towers of a CLIP: an embedder of images and of texts."""

    def __init__(
        self,
        images: VisualEmbedder,
        spec: ModelSpec,
        session: Session,
        tokenizer: TextTokenizer,
        *,
        batch: int = BATCH,
    ) -> None:
        if required_dim(spec) != images.dim:
            raise ContractBroken(
                f"The CLIP towers do not belong together: images have {images.dim} dimensions, texts {spec.dim}."
            )
        self._images = images
        self._spec = spec
        self._session = session
        self._tokenizer = tokenizer
        self._batch = batch

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the image tower and its preprocessing, which is what collections hold."""
        return self._images.fingerprint

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._images.dim

    @property
    def calibration(self) -> Calibration:
        """How image-to-image cosines are to be read."""
        return self._images.calibration

    @property
    def text_calibration(self) -> Calibration:
        """How text-to-image cosines are to be read; they lie lower than those between images."""
        return self._spec.calibration.get("text", UNCALIBRATED)

    def embed(self, crops: Sequence[Crop]) -> Embeddings:
        """(len(crops), dim) float32, rows of unit L2 norm; see `VisualEmbedder.embed`."""
        return self._images.embed(crops)

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts into the space of the images.

        Returns:
            (len(texts), dim) float32, rows of unit L2 norm.
        Raises:
            ContractBroken: the model gave something that is no embedding of its dimension.
            ModelUnavailable: the runtime failed.
        """
        rows = np.zeros((len(texts), self.dim), np.float32)
        for start in range(0, len(texts), self._batch):
            tokens = self._tokenizer(texts[start : start + self._batch])
            found = self._session.run({"tokens": tokens})["embeddings"]
            rows[start : start + self._batch] = checked(found, len(tokens), self._spec)
        return unit_rows(rows)


class TextTokenizer:
    """Texts → token ids, each text cut or padded to the model's context.

    The file's post-processor adds the start and end tokens; a long text loses its last
    words, never its end token, since CLIP reads the embedding off that place.
    """

    def __init__(self, tokenizer: Tokenizer, context_length: int, pad_id: int = 0) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(context_length)
        self._context_length = context_length
        self._pad_id = pad_id

    @classmethod
    def load(cls, path: Path, context_length: int, pad_id: int = 0) -> TextTokenizer:
        """Read a `tokenizers` JSON file.

        Raises:
            ModelUnavailable: the file is missing or is no tokenizer.
        """
        try:
            return cls(Tokenizer.from_file(str(path)), context_length, pad_id)
        except Exception as error:  # The library raises bare Exceptions.
            raise ModelUnavailable(
                f"The tokenizer {path} cannot be read ({error}). Export the text model again."
            ) from error

    def __call__(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(len(texts), context_length) int64."""
        tokens = np.full((len(texts), self._context_length), self._pad_id, np.int64)
        for row, encoding in zip(tokens, self._tokenizer.encode_batch(list(texts)), strict=True):
            row[: len(encoding.ids)] = encoding.ids
        return tokens
