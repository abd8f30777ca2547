"""What is searched with, and how each signal's cosines are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.color.palette import Palette
from engine.domain import Space
from engine.retrieval.confidence import NO_CONFIDENCES, Confidences
from engine.retrieval.fusion import DEFAULTS, QueryKind, Weights
from engine.retrieval.looks import Look
from engine.seams import Calibration
from engine.words.parsed_text import NO_TEXT, ParsedText


@dataclass(frozen=True, slots=True, eq=False)
class QueryVectors:
    """What one garment (or text, or product) is searched with. Vectors are (dim,) of unit norm.

    Attributes:
        visual, semantic: the query image's embeddings.
        positive, negative: embeddings of wanted and unwanted words, in the semantic space.
        palette: the colours of the query's garment; parsed: what its words ask for.
        words, facets, color: what the explanation compares hits with.
        titled: garments that the title of the product that asks names.
        exclude: product ids never to answer with; own: the look that asks, of which no other size is an answer.
    """

    visual: NDArray[np.float32] | None = None
    semantic: NDArray[np.float32] | None = None
    positive: NDArray[np.float32] | None = None
    negative: NDArray[np.float32] | None = None
    palette: Palette | None = None
    parsed: ParsedText = NO_TEXT
    words: tuple[str, ...] = ()
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    color: str | None = None
    titled: tuple[str, ...] = ()
    exclude: frozenset[str] = frozenset()
    own: Look = frozenset()

    @property
    def colors(self) -> tuple[str, ...]:
        """What the shop calls the colours of the product that asks."""
        return self.facets.get("color", ())

    @property
    def query_kind(self) -> QueryKind:
        """Whether a photo (or a product) asks, or words, or both; `recolor`: a photo, in another colour, no more."""
        if self.positive is None and self.negative is None:
            return "photo"
        if self.semantic is None and self.visual is None:
            return "words"
        return "recolor" if self.parsed.colors and not self.parsed.words else "both"

    def is_plain_photo(self, weights: Weights) -> bool:
        """Whether a photo (or a product) asks by itself and by the usual weights.

        Confidences and the votes of categories were measured on such queries.
        """
        return self.query_kind == "photo" and weights == DEFAULTS["photo"]

    def vectors(self, space: Space) -> list[NDArray[np.float32]]:
        """The vectors that bring candidates from one space."""
        if space == "visual":
            return [self.visual] if self.visual is not None else []
        return [v for v in (self.moved(), self.positive) if v is not None]

    def moved(self) -> NDArray[np.float32] | None:
        """The image's semantic embedding moved by the words: "the same in navy"."""
        if self.semantic is None:
            return None
        target = self.semantic.copy()
        if self.positive is not None:
            target += self.positive
        if self.negative is not None:
            target -= self.negative
        norm = float(np.linalg.norm(target))
        return (target / norm).astype(np.float32) if norm > 1e-6 else self.semantic


@dataclass(frozen=True, slots=True)
class Calibrations:
    """How each signal's cosines are to be read, and how sure hits of a score are, where that was fitted."""

    visual: Calibration
    semantic: Calibration
    text: Calibration
    confidences: Confidences = NO_CONFIDENCES
