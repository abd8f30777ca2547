"""What an encoder from outside is, wherever it was read from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from engine.domain import Pixels
from models.manifest import ModelSpec, Resize
from models.networks.preprocess import Interpolation

Pictures: TypeAlias = NDArray[np.float32]
Tokens: TypeAlias = NDArray[np.int64]
Rows: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PictureForm:
    """How an image tower wants its pictures.

    Attributes:
        size: (height, width).
        resize: `stretch` squashes, `pad_square` keeps the proportions on `pad_value`, `crop` cuts the middle out.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resize: Resize
    interpolation: Interpolation = "bicubic"
    pad_value: int = 0

    def spec(self, role: str, file: str, architecture: str, dim: int) -> ModelSpec:
        """The manifest's words for it."""
        return ModelSpec(
            role,  # type: ignore[arg-type]
            file,
            architecture,
            self.size,
            self.mean,
            self.std,
            self.resize,
            self.pad_value,
            dim=dim,
            extra={"interpolation": self.interpolation},
        )

    def served_as(self, resize: Resize | None) -> PictureForm:
        """The form that serving uses: the encoder's own, or another way to bring pictures to its size.

        A picture whose middle would be cut out is put on white instead, unless asked for: a long dress loses its hem.
        """
        if resize is None and self.resize != "crop":
            return self
        if resize in (None, "pad_square"):
            return replace(self, resize="pad_square", pad_value=255)
        return replace(self, resize=resize)


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """A pair of towers with all that belongs to them.

    Attributes:
        name: for people, such as `ViT-B-16-SigLIP (open_clip)`.
        tokenizer: adds the start and end tokens; cutting and padding is left to whoever uses it.
        embed_pictures: the source's own image tower, (n, 3, h, w) → (n, d).
        embed_tokens: the source's own text tower, (n, context_length) → (n, d).
        own_pictures: the source's own preprocessing of one picture, → (3, h, w); None where it brings none.
        own_tokens: the source's own tokenizer, → (n, context_length); None where it brings none.
        write: image spec, text spec, folder → the files that they name, checked against the towers.
        licence: as the source names it; None where it does not.
        origin: where it lay, and its revision if it has one.
    """

    name: str
    form: PictureForm
    tokenizer: Tokenizer
    context_length: int
    pad_id: int
    embed_pictures: Callable[[Pictures], Rows]
    embed_tokens: Callable[[Tokens], Rows]
    own_pictures: Callable[[Pixels], Pictures] | None
    own_tokens: Callable[[Sequence[str]], Tokens] | None
    write: Callable[[ModelSpec, ModelSpec, Path], None]
    licence: str | None = None
    origin: dict[str, str] = field(default_factory=dict)
