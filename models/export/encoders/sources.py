"""Where an encoder is read from: a folder, a pair of files, or a name of the Hugging Face hub or of open_clip."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from engine.errors import ModelUnavailable, QueryRejected
from models.export.encoders.encoder import Encoder, PictureForm
from models.export.encoders.licence import licence_of
from models.export.encoders.picture_forms import HALF, PROCESSOR, transformers_form
from models.export.encoders.tokenizing import bare, canonical, sentencepiece_tokenizer
from models.manifest import ModelSpec, Resize

OPEN_CLIP, CONFIG = "open_clip_config.json", "config.json"
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth")
PAIRS = (("vision_model.onnx", "text_model.onnx"), ("image.onnx", "text.onnx"), ("visual.onnx", "textual.onnx"))
_HUB = re.compile(r"^(?:hf-hub:)?([\w.-]+/[\w.-]+)(?:@([\w.-]+))?$")
_OPEN_CLIP_NAME = re.compile(r"^([\w.-]+):([\w.-]+)$")
WORDS = ("*.json", "*.model", "*.txt", "README.md", "LICENSE*")
CHECKPOINTS = (
    "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors",
    "open_clip_pytorch_model.bin", "pytorch_model.bin",
)  # fmt: skip
"""What is downloaded of a repository: words and tokenizers, and the first of these that is there."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller says where the source does not.

    Attributes:
        text: the text tower of a pair of ONNX files.
        tokenizer: a `tokenizer.json` or a SentencePiece file.
        canonicalize: texts are brought to lower case without punctuation before, as SigLIP was trained.
        resize: how pictures are brought to the encoder's size when serving; own_resize: its own way, come what may.
    """

    text: Path | None = None
    tokenizer: Path | None = None
    size: tuple[int, int] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    context_length: int | None = None
    pad_id: int | None = None
    canonicalize: bool = False
    resize: Resize | None = None
    own_resize: bool = False

    @property
    def of_onnx(self) -> list[str]:
        """Options that were given and are for ONNX files alone."""
        names = ("tokenizer", "size", "mean", "std", "context_length", "pad_id", "canonicalize")
        return [name.replace("_", " ") for name in names if getattr(self, name) not in (None, False)]

    def form_of(self, encoder: Encoder) -> PictureForm:
        """How pictures are prepared when serving; see `PictureForm.served_as`."""
        return encoder.form if self.own_resize else encoder.form.served_as(self.resize)


RESIZES: dict[str, Resize] = {"squash": "stretch", "pad": "pad_square", "crop": "crop"}


def told_by(*, resize: str | None, size: int | None, context: int | None, **rest: Any) -> Told:
    """What the options of the command say."""
    side = (size, size) if size else None
    own = resize == "own"
    return Told(size=side, context_length=context, resize=RESIZES.get(resize or ""), own_resize=own, **rest)


def read_source(source: str, told: Told, downloads: Path) -> Encoder:
    """The encoder that a source names; see `thatlook models import --help`.

    Raises:
        QueryRejected: it is no source of any known kind.
        ModelUnavailable: it cannot be read, downloaded, or is of a shape that is not known.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        if told.text is not None:
            raise QueryRejected(f"{path} is a folder; --text goes with the image tower's own file.")
        return _with_origin(_of_folder(path, told), path.name, licence_of(path))
    if path.is_file():
        if path.suffix != ".onnx" or told.text is None:
            raise QueryRejected(f"{path} is one file; name a folder, or a pair: IMAGE.onnx --text TEXT.onnx.")
        return _with_origin(_onnx_encoder(path, told.text, path.parent, told), path.name, licence_of(path.parent))
    if source.startswith((".", "/", "~")) or path.suffix == ".onnx":
        raise QueryRejected(f"There is no file or folder {path}.")
    repository, revision = _repository(source)
    folder = _downloaded(repository, revision, downloads)
    return _with_origin(_of_folder(folder, told), f"{repository}@{folder.name}", licence_of(folder))


def _with_origin(encoder: Encoder, origin: str, licence: str | None) -> Encoder:
    return replace(encoder, origin={"source": origin}, licence=licence)


def _of_folder(folder: Path, told: Told) -> Encoder:
    weights = any(path for pattern in WEIGHTS for path in folder.glob(pattern))
    if weights and told.of_onnx:
        raise QueryRejected(f"{folder} holds a checkpoint, which tells its {', '.join(told.of_onnx)} itself.")
    if weights and (folder / OPEN_CLIP).is_file():
        from models.export.encoders.torch_pair import open_clip_folder

        return open_clip_folder(folder)
    if weights and (folder / CONFIG).is_file():
        from models.export.encoders.torch_pair import transformers_folder

        return transformers_folder(folder)
    for place in (folder, folder / "onnx"):
        for image, text in PAIRS:
            if (place / image).is_file() and (place / text).is_file():
                return _onnx_encoder(place / image, place / text, folder, told)
    raise QueryRejected(
        f"{folder} holds no encoder that is known here: needed are {OPEN_CLIP} or {CONFIG} with weights, or a pair of "
        f"ONNX files such as {PAIRS[0][0]} and {PAIRS[0][1]}."
    )


def _onnx_encoder(image: Path, text: Path, folder: Path, told: Told) -> Encoder:
    from models.export.encoders.onnx_pair import Tower

    pictures, texts = Tower(image, pictures=True), Tower(text, pictures=False)
    tokenizer, pad_id = _tokenizer(folder, told)
    context = told.context_length or texts.context_length
    if context is None:
        raise QueryRejected(f"{text} does not say how many tokens a text has; name them with --context.")

    def write(images: ModelSpec, words: ModelSpec, into: Path) -> None:
        noise = np.random.default_rng(0).standard_normal((2, 3, *images.input_size)).astype(np.float32)
        pictures.write(into / images.file, "images", noise, {"role": images.role})
        tokens = np.full((2, context), pad_id, np.int64)
        tokens[:, :2] = [[1, 2], [2, 1]]
        texts.write(into / words.file, "tokens", tokens, {"role": words.role})

    return Encoder(
        f"{image.stem} and {text.stem} (ONNX)",
        _onnx_form(folder, pictures.side, told),
        tokenizer,
        context,
        pad_id,
        pictures.run,
        texts.run,
        None,
        None,
        write,
    )


def _onnx_form(folder: Path, side: tuple[int, int] | None, told: Told) -> PictureForm:
    if (folder / PROCESSOR).is_file() and told.size is None:
        form = transformers_form(folder / PROCESSOR)
    elif told.size or side:
        form = PictureForm(told.size or side or (0, 0), told.mean or HALF, told.std or HALF, told.resize or "stretch")
    else:
        raise QueryRejected(f"There is no {PROCESSOR} beside the files; name the pictures' size with --size.")
    if side is not None and side != form.size:
        raise ModelUnavailable(f"The image tower takes pictures of {side}, and {form.size} is what it is to be given.")
    return replace(form, mean=told.mean or form.mean, std=told.std or form.std)


def _tokenizer(folder: Path, told: Told) -> tuple[Tokenizer, int]:
    """The tokenizer beside ONNX files, and what it pads with."""
    names = ("tokenizer.json", "spiece.model", "tokenizer.model")
    beside = [folder / name for name in names if (folder / name).is_file()]
    path = told.tokenizer or next(iter(beside), None)
    if path is None:
        raise QueryRejected(f"{folder} has no {', '.join(names)}; name one with --tokenizer.")
    if path.suffix == ".model":
        tokenizer = sentencepiece_tokenizer(path)
    else:
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # The library raises bare Exceptions.
            raise ModelUnavailable(f"{path} cannot be read as a tokenizer: {error}") from error
    padding = tokenizer.padding["pad_id"] if tokenizer.padding else tokenizer.token_to_id("<pad>") or 0
    pad_id = int(padding) if told.pad_id is None else told.pad_id
    return (canonical(tokenizer) if told.canonicalize else bare(tokenizer)), pad_id


def _repository(source: str) -> tuple[str, str | None]:
    """The hub's repository and revision behind a name."""
    if named := _OPEN_CLIP_NAME.match(source):
        from models.architectures.torchvision_cpu import prepare

        prepare()
        import open_clip

        if source.startswith("hf-hub:"):
            raise QueryRejected(f"{source!r} names no repository; write hf-hub:OWNER/NAME.")
        known = open_clip.get_pretrained_cfg(named[1], named[2])
        if not known or not known.get("hf_hub"):
            tags = ", ".join(open_clip.list_pretrained_tags_by_model(named[1])) or "none"
            raise QueryRejected(f"open_clip has no weights {named[2]!r} of {named[1]} on the hub; it knows {tags}.")
        return str(known["hf_hub"]).rstrip("/"), None
    if not (hub := _HUB.match(source)):
        raise QueryRejected(
            f"{source!r} is no folder, no pair of ONNX files, no OWNER/NAME of the hub and no MODEL:WEIGHTS of "
            "open_clip."
        )
    return hub[1], hub[2]


def _downloaded(repository: str, revision: str | None, downloads: Path) -> Path:
    """A repository's folder, named after its revision; downloaded unless it is here."""
    import huggingface_hub

    try:
        there = huggingface_hub.list_repo_files(repository, revision=revision)
        weights = [name for name in CHECKPOINTS if name in there][:1]
        wanted = [*WORDS, *weights] if weights else [*WORDS, "*.onnx"]
        return Path(
            huggingface_hub.snapshot_download(
                repository, revision=revision, cache_dir=downloads, allow_patterns=wanted, ignore_patterns=["*/*.json"]
            )
        )
    except Exception as error:  # The hub's own errors, and those of whichever HTTP library it uses.
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelUnavailable(
            f"{repository} could not be downloaded: {first} Download it elsewhere and name the folder."
        ) from error
