"""An image tower's preprocessing, as the configurations of open_clip and transformers tell it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import ModelUnavailable
from models.export.encoders.encoder import PictureForm
from models.manifest import Resize
from models.networks.preprocess import Interpolation

PROCESSOR = "preprocessor_config.json"
_PILLOW: dict[int, Interpolation] = {2: "bilinear", 3: "bicubic"}
_OPEN_CLIP: dict[str, Resize] = {"squash": "stretch", "longest": "pad_square", "shortest": "crop"}
HALF = (0.5, 0.5, 0.5)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object out of a file.

    Raises:
        ModelUnavailable: there is none, or it is no object.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{path} cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise ModelUnavailable(f"{path} holds no JSON object.")
    return found


def open_clip_form(words: Mapping[str, Any]) -> PictureForm:
    """The form behind open_clip's `preprocess_cfg`, its defaults filled in.

    Raises:
        ModelUnavailable: a way to resize or to interpolate that is not known.
    """
    size = words["size"]
    height, width = (size, size) if isinstance(size, int) else size[-2:]
    mode, how = str(words.get("resize_mode", "shortest")), str(words.get("interpolation", "bicubic"))
    if mode not in _OPEN_CLIP or how not in ("bicubic", "bilinear", "random"):
        raise ModelUnavailable(f"The encoder resizes pictures by {mode!r} and {how!r}, which is not known here.")
    return PictureForm(
        (int(height), int(width)),
        _three(words.get("mean", HALF)),
        _three(words.get("std", HALF)),
        _OPEN_CLIP[mode],
        "bilinear" if how == "bilinear" else "bicubic",
        int(words.get("fill_color", 0)),
    )


def transformers_form(path: Path) -> PictureForm:
    """The form behind the `preprocessor_config.json` of transformers (CLIP's and SigLIP's image processors).

    Raises:
        ModelUnavailable: the file is missing, or asks for something that is not known.
    """
    words = read_json(path)
    size = words.get("size", {})
    size = {"height": size, "width": size} if isinstance(size, int) else dict(size)
    crop = words.get("crop_size") or {}
    crop = {"height": crop, "width": crop} if isinstance(crop, int) else dict(crop)
    resample = words.get("resample", 3)
    if not words.get("do_resize", True) or resample not in _PILLOW:
        raise ModelUnavailable(
            f"{path} asks for a way to resize pictures (resample {resample}) that is not known here."
        )
    if abs(float(words.get("rescale_factor", 1 / 255)) - 1 / 255) > 1e-6 or not words.get("do_rescale", True):
        raise ModelUnavailable(f"{path} does not bring pixels to 0–1 first; that is not known here.")
    if "shortest_edge" in size:
        edge = int(size["shortest_edge"])
        side = (int(crop.get("height", edge)), int(crop.get("width", edge)))
        if not words.get("do_center_crop", True) or side != (edge, edge):
            raise ModelUnavailable(
                f"{path} cuts {side} out of pictures of {edge}; only one and the same is known here."
            )
        return PictureForm(side, *_normal(words), "crop", _PILLOW[resample])
    if not {"height", "width"} <= set(size):
        raise ModelUnavailable(f"{path} names no size of pictures.")
    return PictureForm((int(size["height"]), int(size["width"])), *_normal(words), "stretch", _PILLOW[resample])


def _normal(words: Mapping[str, Any]) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    if not words.get("do_normalize", True):
        return (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return _three(words.get("image_mean", HALF)), _three(words.get("image_std", HALF))


def _three(values: Any) -> tuple[float, float, float]:
    listed = [float(value) for value in (values if isinstance(values, (list, tuple)) else [values] * 3)]
    if len(listed) != 3:
        raise ModelUnavailable(f"{values!r} is no mean or spread of three channels.")
    return listed[0], listed[1], listed[2]
