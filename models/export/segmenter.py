"""Export a trained YOLO segmenter: raw heads, batch left free, weights stored in half precision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.export.publish import publish
from models.manifest import ModelSpec
from models.train.datasets import CLASSES
from models.train.segmenter import quiet_ultralytics


def export_segmenter(
    checkpoint: Path,
    folder: Path,
    *,
    input_size: tuple[int, int] = (320, 320),
    shifts: Mapping[str, float] | None = None,
    extra: Mapping[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> ModelSpec:
    """Write `segmenter.onnx` into a profile's folder and register it.

    Args:
        checkpoint: of ultralytics; its averaged weights are taken.
        input_size: height and width of the input, multiples of 32.
        shifts: class → what is added to its log-odds, where a rare class is named too seldom or too often.
        extra: thresholds for the wrapper (`models.segmenter.Thresholds`).
        notes: where the weights come from, for people.
    Raises:
        ContractBroken: the file does not compute what the checkpoint does.
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
        extra=dict(extra or {}),
        notes=dict(notes or {}),
    )
    sample = torch.rand(2, 3, *input_size, generator=torch.Generator().manual_seed(0))
    return publish(raw_heads(checkpoint, shifts or {}), {"images": sample}, ("output0", "output1"), spec, folder)


def raw_heads(checkpoint: Path, shifts: Mapping[str, float]) -> Any:
    """A module from pictures to `output0` (n, 4 + classes + 32, anchors) and `output1` (n, 32, h/4, w/4)."""
    quiet_ultralytics(checkpoint.parent)
    import torch
    from ultralytics.nn import tasks

    library: Any = tasks
    model = library.load_checkpoint(checkpoint)[0].float().eval().fuse(verbose=False)
    model.model[-1].export, model.model[-1].format, model.model[-1].dynamic = True, "onnx", True

    with torch.no_grad():
        for label, shift in shifts.items():
            for branch in model.model[-1].cv3:
                branch[-1].bias[CLASSES.index(label)] += shift

    class RawHeads(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(self, images: Any) -> Any:
            output0, output1 = self.network(images)[:2]
            return output0, output1

    return RawHeads().eval()
