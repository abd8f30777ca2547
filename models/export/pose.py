"""Export a trained pose network: heatmaps and facing, batch left free, weights stored in half precision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.architectures.pose import MEAN, PAD_VALUE, PADDING, STD, PoseArchitecture, build_pose_model, forward
from models.export.publish import publish
from models.manifest import ModelSpec


def export_pose(
    checkpoint: Path, folder: Path, *, gain: float = 1.0, notes: Mapping[str, Any] | None = None
) -> ModelSpec:
    """Write `pose.onnx` into a profile's folder and register it.

    Args:
        gain: heatmaps are multiplied by it, so that peaks read as scores: a young network's peaks are low
            although they are in the right place.
    Raises:
        ContractBroken: the file does not compute what the checkpoint does.
    """
    import torch

    module, architecture = load_pose(checkpoint, gain)
    height, width = architecture.input_size
    spec = ModelSpec(
        role="pose",
        file="pose.onnx",
        architecture=f"hrnet-w{architecture.width}",
        input_size=architecture.input_size,
        mean=MEAN,
        std=STD,
        resize="affine",
        pad_value=PAD_VALUE,
        extra={"padding": PADDING, "flip": True},
        notes=dict(notes or {}),
    )
    sample = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    outputs = ("heatmaps", "facing") if architecture.facing else ("heatmaps",)
    return publish(module, {"images": sample}, outputs, spec, folder)


def load_pose(checkpoint: Path, gain: float = 1.0) -> tuple[Any, PoseArchitecture]:
    """A module from normalised pictures to heatmaps (n, 17, h/4, w/4), where the network has them also chances of
    `FACINGS` (n, 4); and its architecture.
    """
    import torch

    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    shape: Any = {name: tuple(v) if isinstance(v, (list, tuple)) else v for name, v in state["architecture"].items()}
    architecture = PoseArchitecture(**shape)
    model = build_pose_model(architecture)
    model.load_state_dict(state["state_dict"])

    class Heatmaps(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone, self.head = model.backbone, model.head
            if architecture.facing:
                self.facing = model.facing

        def forward(self, images: Any) -> Any:
            heatmaps, facing = forward(self, images)
            peaks = heatmaps if gain == 1 else heatmaps * gain
            return peaks if facing is None else (peaks, facing.softmax(1))

    return Heatmaps().eval(), architecture
