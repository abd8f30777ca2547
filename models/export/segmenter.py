"""Export a trained YOLO segmenter: raw heads, batch left free, weights stored in half precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.architectures.accessories import ACCESSORIES, CLASSES
from models.architectures.onnx_weights import WeightsUnfit, onnx_initialisers
from models.architectures.quiet_ultralytics import quiet_ultralytics
from models.export.publish import publish
from models.manifest import ModelSpec, load_manifest
from models.networks.segmenter import SET_ASIDE

_FAINT = dict.fromkeys(("upper_wear", "lower_wear", "dress"), 0.06)
SERVED: Mapping[str, Any] = {"score": 0.25, "nms_iou": 0.5, "same_iou": 0.6, "faint": _FAINT}
"""Thresholds of a segmenter that was never served before."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A share, 0 to 1, of the weights that a training started from: less is forgotten of what it did not see.

    Source: Wortsman et al. 2022, arXiv:2109.01903.
    """

    profile: Path
    share: float


def export_segmenter(
    checkpoint: Path,
    folder: Path,
    *,
    input_size: tuple[int, int] = (320, 320),
    shifts: Mapping[str, float] | None = None,
    kept: Kept | None = None,
    extra: Mapping[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> ModelSpec:
    """Write `segmenter.onnx` into a profile's folder and register it.

    Args:
        checkpoint: of ultralytics; its averaged weights are taken.
        input_size: height and width of the input, multiples of 32.
        shifts: class → what is added to its log-odds, where a rare class is named too seldom or too often.
        kept: what of earlier weights is mixed in.
        extra: thresholds for the wrapper (`models.networks.segmenter.Thresholds`).
        notes: where the weights come from, for people.
    Raises:
        ContractBroken: the file does not compute what the checkpoint does.
        WeightsUnfit: what is to be kept is of another architecture.
    """
    import torch

    spec = ModelSpec(
        role="segmenter",
        file="segmenter.onnx",
        architecture="yolo11n-seg",
        input_size=input_size,
        resize="letterbox",
        pad_value=114,
        classes=CLASSES,
        extra={**(extra or {}), SET_ASIDE: list(ACCESSORIES)},
        notes=dict(notes or {}),
    )
    sample = torch.rand(2, 3, *input_size, generator=torch.Generator().manual_seed(0))
    return publish(raw_heads(checkpoint, shifts or {}, kept), {"images": sample}, ("output0", "output1"), spec, folder)


def raw_heads(checkpoint: Path, shifts: Mapping[str, float], kept: Kept | None = None) -> Any:
    """A module from pictures to `output0` (n, 4 + classes + 32, anchors) and `output1` (n, 32, h/4, w/4)."""
    quiet_ultralytics(checkpoint.parent)
    import torch
    from ultralytics.nn import tasks

    library: Any = tasks
    model = library.load_checkpoint(checkpoint)[0].float().eval().fuse(verbose=False)
    model.model[-1].export, model.model[-1].format, model.model[-1].dynamic = True, "onnx", True

    class RawHeads(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(self, images: Any) -> Any:
            output0, output1 = self.network(images)[:2]
            return output0, output1

    heads = RawHeads().eval()
    if kept:
        _mix_in(heads, kept)
    with torch.no_grad():
        for label, shift in shifts.items():
            for branch in model.model[-1].cv3:
                branch[-1].bias[CLASSES.index(label)] += shift
    return heads


def _mix_in(heads: Any, kept: Kept) -> None:
    import torch

    earlier = onnx_initialisers(kept.profile / load_manifest(kept.profile).require("segmenter").file)
    with torch.no_grad():
        for name, weight in heads.named_parameters():
            if name not in earlier or earlier[name].shape != tuple(weight.shape):
                raise WeightsUnfit(f"The segmenter of {kept.profile} has no {name} of shape {tuple(weight.shape)}.")
            weight.lerp_(torch.from_numpy(earlier[name].copy()), kept.share)
