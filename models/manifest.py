"""The manifest of a model profile: which file plays which role, and how its input is prepared.

A profile is a folder (`weights/starter`, or `<home>/models/<profile>`) with one
`manifest.json` and the ONNX files that it names. Whoever exports a model registers it here:

    register(folder, ModelSpec(role="visual", file="visual.onnx", architecture="densenet121",
                               input_size=(160, 160), mean=(…), std=(…), resize="pad_square",
                               pad_value=255, dim=1024, calibration={"image": Calibration(0.8, 0.05)}))

Names inside the ONNX files: pictures go in as `images`, texts as `tokens`; `embeddings`, `heatmaps`,
or `output0` and `output1` (segmenter) come out. `models.export.onnx_file` writes such files from torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
from filelock import FileLock

from engine.errors import ModelUnavailable
from engine.seams import Calibration
from engine.vision.kinds import LearntKinds

Role = Literal["segmenter", "pose", "visual", "semantic_image", "semantic_text"]
ROLES: tuple[Role, ...] = get_args(Role)

Resize = Literal["letterbox", "pad_square", "stretch", "crop", "affine", "none"]
"""`letterbox`: fit inside, centred on `pad_value`. `pad_square`: pad to a square with `pad_value`, then resize.
`stretch`: resize both sides. `crop`: resize to cover the input, then cut the middle out. `affine`: the pose
model's crop around a box. `none`: no picture goes in."""

MANIFEST = "manifest.json"
_NOT_PREPROCESSING = frozenset({"role", "file", "architecture", "calibration", "tokenizer", "kinds", "notes"})


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model file and everything its wrapper needs to know.

    Attributes:
        file: name of the ONNX file in the profile's folder.
        architecture: for people, such as `densenet121` or `yolo11n-seg`.
        input_size: (height, width); (0, 0) where no picture goes in.
        mean: subtracted from RGB in 0–1; std: divided by afterwards.
        pad_value: 0–255 grey that padding is painted with.
        classes: names in the order of the model's outputs (segmenter).
        dim: length of an embedding (visual, semantic_*).
        calibration: `image` and, for a CLIP tower, `text`: how cosines of this model are to be read.
        context_length: tokens per text (semantic_text).
        tokenizer: name of the `tokenizers` JSON in the folder (semantic_text).
        extra: further values that the wrapper reads (thresholds, padding, `interpolation` of pictures, `pad_id` of
            texts); part of the fingerprint.
        kinds: where embeddings tell kinds of garments (semantic_image); no other embedding, so not in the fingerprint.
        notes: where the weights come from and how well they do; not part of the fingerprint.
    """

    role: Role
    file: str
    architecture: str
    input_size: tuple[int, int] = (0, 0)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resize: Resize = "none"
    pad_value: int = 0
    classes: tuple[str, ...] = ()
    dim: int | None = None
    calibration: Mapping[str, Calibration] = field(default_factory=dict)
    context_length: int | None = None
    tokenizer: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    kinds: LearntKinds | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A profile: its models by role, and the fingerprint that each had when it was registered."""

    profile: str
    models: Mapping[Role, ModelSpec] = field(default_factory=dict)
    fingerprints: Mapping[Role, str] = field(default_factory=dict)

    def require(self, role: Role) -> ModelSpec:
        """The model of a role.

        Raises:
            ModelUnavailable: this profile has none.
        """
        if role not in self.models:
            has = ", ".join(sorted(self.models)) or "no model at all"
            raise ModelUnavailable(
                f"The model profile {self.profile!r} has no {role} model (it has {has}). "
                f"Export one into it, or use another profile."
            )
        return self.models[role]


def load_manifest(folder: Path) -> Manifest:
    """Read a profile's manifest; the models themselves stay unread.

    Raises:
        ModelUnavailable: there is no manifest, or it cannot be understood.
    """
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise ModelUnavailable(
            f"There is no model profile in {folder}: {MANIFEST} is missing. Run `thatlook models list` to see "
            f"what is there, or `thatlook models fetch` to get the official weights."
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelUnavailable(f"The manifest {path} cannot be read: {error}. Export its models again.") from error
    for role, spec in manifest.models.items():
        if spec.role != role:
            raise ModelUnavailable(f"The manifest {path} lists a {spec.role} model under {role}; export it again.")
        _plain_names(spec)
    return manifest


def register(folder: Path, spec: ModelSpec) -> str:
    """Add a model to the folder's manifest, or replace the one of its role, and return its fingerprint.

    Several trainers may register into one folder at once; readers see the old or the new manifest, never half.

    Raises:
        ModelUnavailable: a file that the spec names is not in the folder.
    """
    _plain_names(spec)
    mark = fingerprint(folder, spec)
    with FileLock(folder / f".{MANIFEST}.lock", timeout=60):
        present = (folder / MANIFEST).exists()
        manifest = load_manifest(folder) if present else Manifest(profile=folder.name)
        manifest = replace(
            manifest,
            models=_in_order({**manifest.models, spec.role: spec}),
            fingerprints=_in_order({**manifest.fingerprints, spec.role: mark}),
        )
        draft = folder / f".{MANIFEST}.{os.getpid()}"
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        draft.replace(folder / MANIFEST)
    return mark


def fingerprint(folder: Path, spec: ModelSpec) -> str:
    """SHA-256 over the model file, its tokenizer, and the preprocessing as canonical JSON.

    Raises:
        ModelUnavailable: a file is missing or cannot be read.
    """
    digest = hashlib.sha256()
    for name in filter(None, (spec.file, spec.tokenizer)):
        digest.update(bytes.fromhex(file_sha256(folder / name)))
    fields = msgspec.to_builtins(spec)
    preprocessing = {key: value for key, value in fields.items() if key not in _NOT_PREPROCESSING}
    digest.update(json.dumps(preprocessing, sort_keys=True, separators=(",", ":")).encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex.

    Raises:
        ModelUnavailable: the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailable(
            f"The model file {path} cannot be read ({error.strerror}). Export or fetch it again."
        ) from error


def _plain_names(spec: ModelSpec) -> None:
    for name in filter(None, (spec.file, spec.tokenizer)):
        if Path(name).name != name:
            raise ModelUnavailable(f"The {spec.role} model names the file {name!r}; it must be a plain file name.")


def _in_order(by_role: Mapping[Role, Any]) -> dict[Role, Any]:
    return {role: by_role[role] for role in ROLES if role in by_role}
