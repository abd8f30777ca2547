"""What to say where an import fails: which package is missing or in the way, and what helps."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from thatlook.own_packages import OURS, taken

TRAINING = frozenset({
    "ai_edge_litert", "chumpy", "huggingface_hub", "matplotlib", "mmcv", "mmengine", "mmpose", "onnx", "onnxscript",
    "open_clip", "pycocotools", "pytorch_metric_learning", "scipy", "sentencepiece", "sklearn", "timm", "torch",
    "torchvision", "transformers", "ultralytics", "xtcocotools",
})  # fmt: skip
"""Packages that only training, export and comparisons import."""
TRAINING_ADVICE = "in a checkout of thatlook, run `pip install -r requirements/test.txt`"


def import_advice(error: ImportError) -> str:
    """A sentence for a person."""
    package = (error.name or "").partition(".")[0]
    if package in OURS and (place := taken(package)):
        return _in_the_way(package, place)
    if package in TRAINING:
        return f"this command needs the package '{package}', which training and export bring along: {TRAINING_ADVICE}."
    if isinstance(error, ModuleNotFoundError) and package:
        return (
            f"the package '{package}' is not installed here, and thatlook needs it. Run `pip check`, and install what "
            "it names."
        )
    return f"a package cannot be loaded: {error}. Run `pip check`, and `thatlook doctor` for more."


def require_own_packages(names: Iterable[str] = OURS) -> None:
    """Check that the names of our packages are ours in this process.

    Raises:
        ImportError: one of them is another's, with what to do.
    """
    for name in names:
        if place := taken(name):
            raise ImportError(_in_the_way(name, place), name=name)


def _in_the_way(package: str, place: Path) -> str:
    return (
        f"{place} stands in the way of thatlook's own package '{package}'. Run this from another folder, take that "
        "folder out of PYTHONPATH, give yours another name, or ask a server with `thatlook.Client`."
    )
