"""A profile's tables of confidence: a file beside its models, used only with what its scores were made of."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import ModelUnavailable
from engine.generations.fingerprint import digest
from engine.retrieval.confidence import NO_CONFIDENCES, Confidences
from engine.retrieval.fusion import DEFAULTS
from engine.retrieval.query_vectors import Calibrations

FILE = "confidence.json"


def scored_by(visual: str, semantic: str, calibrations: Calibrations) -> str:
    """Names all that a photo's scores are made of.

    Args:
        visual, semantic: fingerprints of the models.
    """
    told = (calibrations.visual, calibrations.semantic, DEFAULTS["photo"])
    return digest(visual, semantic, *(msgspec.json.encode(each).decode() for each in told))


def read_confidences(folder: Path, made_of: str) -> Confidences:
    """The tables of a profile's folder; none where there is no file, or it is of other scores.

    Raises:
        ModelUnavailable: the file cannot be understood.
    """
    path = folder / FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Confidences)
    except FileNotFoundError:
        return NO_CONFIDENCES
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelUnavailable(
            f"{path} cannot be read: {error}. Remove it, or fit it anew with `thatlook eval calibration --fit`."
        ) from error
    for table in found.tables.values():
        if not _rises(table.scores) or not _rises(table.confidence) or len(table.scores) != len(table.confidence):
            raise ModelUnavailable(
                f"{path} holds a table that does not rise. Fit it anew with `thatlook eval calibration --fit`."
            )
    return found if found.made_of == made_of else NO_CONFIDENCES


def write_confidences(folder: Path, confidences: Confidences) -> Path:
    """Put the tables into a profile's folder; returns the file."""
    path, part = folder / FILE, folder / f".{FILE}"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(confidences), indent=2) + b"\n")
    part.replace(path)
    return path


def _rises(values: tuple[float, ...]) -> bool:
    return bool(values) and 0 <= values[0] <= values[-1] <= 1 and list(values) == sorted(values)
