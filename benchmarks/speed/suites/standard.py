"""The standard architectures as a profile of a benchmark's home: seeded random weights, in float or in int8."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.errors import ModelUnavailable
from engine.taxonomy import load_taxonomy
from models.manifest import MANIFEST, load_manifest
from models.runtime import RuntimeOptions

STANDARD, INT8 = "standard", "standard-int8"
CALIBRATED_ON = 96
"""Drawn pictures: 64 give the ranges, 32 judge."""


class TrainingMissing(ModelUnavailable):
    """What can only be measured where the group `train` is installed."""


def link_standard(home: Path, profile: str, say: Callable[[str], object]) -> str:
    """Put `standard` or `standard-int8` into a home; the files lie once, beside all homes. Returns the folder's name.

    Raises:
        TrainingMissing: making the profile takes torch.
    """
    try:
        from models.export.stand_ins import PROFILE, ensure_stand_ins

        folder = ensure_stand_ins(home.parent / PROFILE)
        folder = folder if profile == STANDARD else ensure_int8(folder, say)
    except ImportError as error:
        raise TrainingMissing(
            f"The standard architectures need the `train` group ({error.name} is missing)."
        ) from error
    place = home / "models" / folder.name
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.symlink_to(folder.resolve(), target_is_directory=True)
    return folder.name


def ensure_int8(source: Path, say: Callable[[str], object]) -> Path:
    """The profile in int8, beside it; made on drawn pictures unless it was made of these very models already."""
    from models.export.material import drawn_pictures
    from models.export.quantize import quantize_profile
    from models.export.verdicts import agreement_words

    target = source.with_name(f"{source.name}-int8")
    if not is_int8_of(target, source):
        pictures = list(drawn_pictures(CALIBRATED_ON))
        options = RuntimeOptions(device="cpu")
        for verdict in quantize_profile(source, target, pictures, taxonomy=load_taxonomy(), options=options, say=say):
            say(f"{verdict.role}: {verdict.reason}. {agreement_words(verdict.agreement)}")
    return target


def is_int8_of(target: Path, source: Path) -> bool:
    """Whether every model of `target` is one of `source`, or was made of it."""
    if not (target / MANIFEST).exists():
        return False
    made, plain = load_manifest(target), load_manifest(source)
    return all(
        mark in (made.fingerprints.get(role), role in made.models and made.models[role].notes.get("made_of"))
        for role, mark in plain.fingerprints.items()
    )


def int8_roles(folder: Path) -> list[str]:
    """The roles whose model is int8."""
    return [role for role, spec in load_manifest(folder).models.items() if spec.notes.get("precision") == "int8"]
