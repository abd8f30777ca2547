"""A profile in int8: every model that pays is quantised, judged on pictures held out, and taken only if it is faithful.

Calibration and judgement both see pictures of the shop itself, as the models do when they serve: the segmenter whole
pictures, the embedders the garments that the float segmenter cuts out of them. A model that falls below the floor
stays in float. Pose and text towers stay so anyway: queries never run the one, and the other is a millisecond.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from engine.domain import Crop, Pixels
from engine.errors import ContractBroken, QueryRejected
from engine.taxonomy import Taxonomy
from engine.vision.crops import cut
from models.export.agreement import Agreement, Floor, compare_embeddings, compare_scenes
from models.export.int8 import quantize_file
from models.export.verdicts import Quantized
from models.manifest import Manifest, ModelSpec, Role, load_manifest, register
from models.networks.preprocess import batch_of
from models.networks.segmenter import YoloSegmenter
from models.networks.visual import VisualEmbedder
from models.registry import load_folder, verified
from models.runtime import RuntimeOptions, open_session

QUANTISED: tuple[Role, ...] = ("segmenter", "visual", "semantic_image")
HELD_OUT = 3
"""Each so many-th picture judges, the others calibrate."""
LEAST = 12
"""Crops, at least, on either side: fewer give neither a range nor a verdict."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Pictures, and the garments cut out of them, of one half of the material."""

    pictures: list[Pixels]
    crops: list[Crop]

    def of(self, spec: ModelSpec) -> list[Pixels]:
        """What a model sees of them."""
        return self.pictures if spec.role == "segmenter" else [crop.pixels for crop in self.crops]


def quantize_profile(
    source: Path,
    target: Path,
    pictures: Sequence[Pixels],
    *,
    taxonomy: Taxonomy,
    floor: Floor | None = None,
    options: RuntimeOptions | None = None,
    say: Callable[[str], object] = print,
) -> list[Quantized]:
    """Write the profile `source` in int8 into the folder `target`, model by model.

    Args:
        pictures: a third is held out and judges.
        options: how int8 models are run while they are judged; as they will be served.
    Raises:
        QueryRejected: too few garments in the pictures, or both folders are one.
        ModelMismatch: a file of `source` is not what was registered.
    """
    if source.resolve() == target.resolve():
        raise QueryRejected(f"{source.name!r} cannot be quantised into itself; name another profile for the result.")
    manifest, options = load_manifest(source), options or RuntimeOptions(device="cpu")
    say(f"looking at {len(pictures)} pictures with the float models")
    learnt, judging = looked_at(source, pictures, taxonomy, replace(options, precision="f32"))
    target.mkdir(parents=True, exist_ok=True)
    done: list[Quantized] = []
    for role in manifest.models:
        mark = verified(source, manifest, role)
        if role in QUANTISED:
            say(f"{role}: calibrating and judging")
            judge = _Judge(source, target, mark, taxonomy, options, floor or Floor())
            done.append(judge.decide(manifest.models[role], learnt, judging))
        else:
            done.append(_kept(source, target, manifest, role, "left as it is: it takes no part in a photo's search"))
    return done


def looked_at(
    source: Path, pictures: Sequence[Pixels], taxonomy: Taxonomy, options: RuntimeOptions
) -> tuple[Looks, Looks]:
    """Pictures and their garments in two parts: to calibrate with, and held out.

    Raises:
        QueryRejected: either part has too few garments.
    """
    models = load_folder(source, options=options, taxonomy=taxonomy)
    pipeline = models.pipeline(taxonomy)
    learnt, judging = Looks([], []), Looks([], [])
    for number, pixels in enumerate(pictures):
        part = judging if number % HELD_OUT == 0 else learnt
        part.pictures.append(pixels)
        part.crops.extend(cut(pixels, garment) for garment in pipeline.garments(pixels))
    fewest = min(len(learnt.crops), len(judging.crops))
    if fewest < LEAST:
        raise QueryRejected(
            f"In a part of these {len(pictures)} pictures only {fewest} garments were seen, and {LEAST} are needed; "
            "give more pictures, of the kind that you search with."
        )
    return learnt, judging


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """Makes a model's int8 form and decides whether it is taken."""

    source: Path
    target: Path
    mark: str
    taxonomy: Taxonomy
    options: RuntimeOptions
    floor: Floor

    def decide(self, spec: ModelSpec, learnt: Looks, judging: Looks) -> Quantized:
        draft = self.target / f".{spec.file}"
        try:
            words = {"role": spec.role, "architecture": spec.architecture, "precision": "int8"}
            layers = quantize_file(self.source / spec.file, draft, {"images": batch_of(learnt.of(spec), spec)}, words)
            agreement = self._agreement(spec, draft, judging)
            if not agreement.reaches(self.floor):
                return self._refused(spec, "stays in float: int8 falls below the floor", agreement)
            draft.replace(self.target / spec.file)
        except ContractBroken as error:
            return self._refused(spec, f"stays in float: {error.message}", None)
        finally:
            draft.unlink(missing_ok=True)
        register(self.target, in_int8(spec, self.mark, layers, agreement))
        return self._told(spec, "int8", f"{layers} layers in int8", agreement)

    def _agreement(self, spec: ModelSpec, draft: Path, judging: Looks) -> Agreement:
        plain = open_session(self.source / spec.file, replace(self.options, precision="f32"))
        int8 = open_session(draft, self.options)
        if spec.role == "segmenter":
            one, other = (YoloSegmenter(spec, session, "", self.taxonomy) for session in (plain, int8))
            seen = [(one.segment(pixels), other.segment(pixels)) for pixels in judging.pictures]
            return compare_scenes([a for a, _ in seen], [b for _, b in seen])
        rows = [VisualEmbedder(spec, session, "").embed(judging.crops) for session in (plain, int8)]
        return compare_embeddings(rows[0], rows[1])

    def _refused(self, spec: ModelSpec, reason: str, agreement: Agreement | None) -> Quantized:
        shutil.copyfile(self.source / spec.file, self.target / spec.file)
        register(self.target, spec)
        return self._told(spec, "float", reason, agreement)

    def _told(self, spec: ModelSpec, precision: str, reason: str, agreement: Agreement | None) -> Quantized:
        sizes = [(folder / spec.file).stat().st_size for folder in (self.target, self.source)]
        return Quantized(spec.role, precision, reason, sizes[0], sizes[1], agreement)


def in_int8(spec: ModelSpec, mark: str, layers: int, agreement: Agreement) -> ModelSpec:
    """The spec of a model's int8 form: it says what it is, what it was made of, and how near it comes."""
    told = {name: round(value, 5) for name, value in msgspec.to_builtins(agreement).items()}
    notes = {**spec.notes, "precision": "int8", "int8_layers": layers, "made_of": mark, "agreement_with_float": told}
    return replace(spec, architecture=f"{spec.architecture}, int8", notes=notes)


def _kept(source: Path, target: Path, manifest: Manifest, role: Role, reason: str) -> Quantized:
    spec = manifest.models[role]
    for name in filter(None, (spec.file, spec.tokenizer)):
        shutil.copyfile(source / name, target / name)
    register(target, spec)
    size = (target / spec.file).stat().st_size
    return Quantized(role, "float", reason, size, size)
