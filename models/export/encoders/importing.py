"""`thatlook models import`: an encoder from outside as the semantic model of a profile, checked by value.

Three things are held against the source, on drawn pictures and on sentences: what becomes of a picture before the
network, what becomes of a sentence, and the embeddings of both. Nothing is registered where one differs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.domain import Pixels
from engine.errors import ModelUnavailable, QueryRejected
from engine.seams import Calibration
from engine.vision.crops import whole
from models.borrowing import borrow_missing
from models.export.encoders.drawn import Drawn, calibrations, drawn_garments
from models.export.encoders.encoder import Encoder, PictureForm
from models.export.encoders.licence import check_licence
from models.export.encoders.sources import Told, read_source
from models.export.encoders.tokenizing import SENTENCES
from models.manifest import ModelSpec, Role, register
from models.networks.preprocess import batch_of, unit_rows
from models.networks.semantic import SemanticEmbedder, TextTokenizer
from models.networks.visual import VisualEmbedder
from models.registry import STARTER, profile_folder
from models.runtime import RuntimeName, RuntimeOptions, open_session

IMAGE, TEXT, TOKENIZER = "semantic_image.onnx", "semantic_text.onnx", "tokenizer.json"
MOST_DIMENSIONS = 4096
PIXELS_APART = 0.02
"""Most that a prepared picture may differ from the source's, as a mean over its values of about -1 to 1."""
ALIKE = 0.999
"""Cosine that every embedding must reach with the source's; weights are rounded to 11 bits on the way."""
RUNTIMES: tuple[RuntimeName, ...] = ("openvino", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        pixels_apart: mean difference of prepared pictures from the source's; None where it brings no preprocessing.
        worst_picture, worst_text: lowest cosine with the source's embeddings, over both runtimes.
        borrowed: roles that the profile lacked and has of the starter now.
    """

    profile: str
    architecture: str
    licence: str
    dim: int
    input_size: tuple[int, int]
    resize: str
    context_length: int
    calibration: Mapping[str, Calibration]
    pixels_apart: float | None
    worst_picture: float
    worst_text: float
    borrowed: Sequence[Role]

    def in_words(self) -> str:
        """What a person wants to know of it."""
        height, width = self.input_size
        kept = f" It has the starter's {', '.join(self.borrowed)}." if self.borrowed else ""
        return (
            f"{self.architecture} is the semantic model of the profile {self.profile} now ({self.licence}): {self.dim} "
            f"dimensions, pictures {height} x {width} ({self.resize}), {self.context_length} tokens per text. Against "
            f"the source, cosine {self.worst_picture:.4f} at worst for pictures and {self.worst_text:.4f} for "
            f"sentences.{kept} Use it with THATLOOK_PROFILE={self.profile}, in a home of its own."
        )


def import_source(
    source: str, told: Told, home: Path, profile: str, *, licence: str | None = None, accepted: bool = False
) -> Imported:
    """Read what a source names, and import it into a profile of the home.

    Raises:
        QueryRejected: the starter, no known source, or a licence that is not open.
        ModelUnavailable: it cannot be read, is of a shape that is not known, or differs from the source.
    """
    if profile == STARTER:
        raise QueryRejected("The starter profile comes with thatlook; import into another one, such as `standard`.")
    folder = profile_folder(profile, home)
    encoder = read_source(source, told, home / "models" / "downloads")
    checked = check_licence(encoder.licence, licence, accepted=accepted)
    return import_encoder(encoder, folder, profile_folder(STARTER, home), form=told.form_of(encoder), licence=checked)


def import_encoder(encoder: Encoder, folder: Path, starter: Path, *, form: PictureForm, licence: str) -> Imported:
    """Write the encoder into the folder of a profile, and give the profile the starter's models for what it lacks.

    Args:
        form: how pictures are prepared when serving; see `PictureForm.served_as`.
    Raises:
        ModelUnavailable: the towers do not belong together, or do not give what the source gives.
    """
    garments = drawn_garments()
    apart = _check_pictures(encoder, [each.pixels for each in garments[:6]])
    dim = _common_dimension(encoder)
    notes = {**encoder.origin, "licence": licence, "calibration": f"measured on {len(garments)} drawn pictures"}
    images = replace(form.spec("semantic_image", IMAGE, encoder.name, dim), notes=notes)
    texts = ModelSpec(
        "semantic_text",
        TEXT,
        encoder.name,
        dim=dim,
        context_length=encoder.context_length,
        tokenizer=TOKENIZER,
        extra={"pad_id": encoder.pad_id} if encoder.pad_id else {},
        notes=notes,
    )
    with tempfile.TemporaryDirectory(prefix="thatlook-import-") as scratch:
        draft = Path(scratch)
        encoder.tokenizer.save(str(draft / TOKENIZER))
        encoder.write(images, texts, draft)
        worst = [_check(_embedder(draft, images, texts, runtime), encoder, images, garments) for runtime in RUNTIMES]
        read = calibrations(_embedder(draft, images, texts, RUNTIMES[0]), garments)
        _put(draft, folder)
    for spec in (images, texts):
        register(folder, replace(spec, calibration=read))
    return Imported(
        folder.name,
        encoder.name,
        licence,
        dim,
        form.size,
        form.resize,
        encoder.context_length,
        read,
        apart,
        min(pictures for pictures, _ in worst),
        min(words for _, words in worst),
        borrow_missing(folder, starter),
    )


def _put(draft: Path, folder: Path) -> None:
    """Each file is there as a whole, or as it was before."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (IMAGE, TEXT, TOKENIZER):
        part = folder / f".{name}"
        part.write_bytes((draft / name).read_bytes())
        part.replace(folder / name)


def _common_dimension(encoder: Encoder) -> int:
    height, width = encoder.form.size
    pictures = encoder.embed_pictures(np.zeros((1, 3, height, width), np.float32)).shape
    texts = encoder.embed_tokens(TextTokenizer(encoder.tokenizer, encoder.context_length, encoder.pad_id)(["a dress"]))
    if len(pictures) != 2 or pictures[1:] != texts.shape[1:]:
        raise ModelUnavailable(
            f"The towers do not belong together: pictures have {pictures[1:]} dimensions, texts {texts.shape[1:]}."
        )
    if not 2 <= pictures[1] <= MOST_DIMENSIONS:
        raise ModelUnavailable(f"Embeddings of {pictures[1]} dimensions: from 2 to {MOST_DIMENSIONS} can be stored.")
    return int(pictures[1])


def _check_pictures(encoder: Encoder, pictures: Sequence[Pixels]) -> float | None:
    """How far our preparation in the source's own form lies from the source's."""
    if encoder.own_pictures is None:
        return None
    spec = encoder.form.spec("semantic_image", IMAGE, encoder.name, 2)
    ours = batch_of(pictures, spec)
    theirs = np.stack([encoder.own_pictures(picture) for picture in pictures])
    if ours.shape != theirs.shape:
        raise ModelUnavailable(f"The source prepares pictures as {theirs.shape[1:]}, and we as {ours.shape[1:]}.")
    apart = float(np.abs(ours - theirs).mean())
    if not apart <= PIXELS_APART:
        raise ModelUnavailable(f"Pictures are prepared otherwise than by the source: {apart:.3f} apart on average.")
    return apart


def _embedder(folder: Path, images: ModelSpec, texts: ModelSpec, runtime: RuntimeName) -> SemanticEmbedder:
    options = RuntimeOptions(runtime=runtime, precision="f32", device="cpu")
    tokenizer = TextTokenizer.load(folder / TOKENIZER, texts.context_length or 0, int(texts.extra.get("pad_id", 0)))
    tower = VisualEmbedder(images, open_session(folder / images.file, options), "")
    return SemanticEmbedder(tower, texts, open_session(folder / texts.file, options), tokenizer)


def _check(
    embedder: SemanticEmbedder, encoder: Encoder, images: ModelSpec, garments: Sequence[Drawn]
) -> tuple[float, float]:
    """The lowest cosine of a picture's and of a sentence's embedding with the source's."""
    pictures = [each.pixels for each in garments[:6]]
    sentences = [*SENTENCES, *(each.title for each in garments[:6])]
    tokens = TextTokenizer(encoder.tokenizer, encoder.context_length, encoder.pad_id)(sentences)
    if encoder.own_tokens is not None and not np.array_equal(tokens, encoder.own_tokens(sentences)):
        raise ModelUnavailable("Sentences get other tokens than from the source.")
    seen = _worst(
        embedder.embed([whole(each) for each in pictures]), encoder.embed_pictures(batch_of(pictures, images))
    )
    read = _worst(embedder.embed_texts(sentences), encoder.embed_tokens(tokens))
    for what, worst in (("pictures", seen), ("sentences", read)):
        if not worst >= ALIKE:
            raise ModelUnavailable(f"Embeddings of {what} are not the source's: cosine {worst:.4f} at worst.")
    return seen, read


def _worst(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    return float((ours * unit_rows(theirs)).sum(axis=1).min())
